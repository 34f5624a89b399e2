//! Who the client is, at one authorization server or another.

use super::Flow;
use super::kept::registration_name;
use crate::Error;
use crate::client::builder::Settings;
use crate::client::discovery::ServerMetadata;
use crate::client::registration::{Identity, Introduction, register};

impl Flow {
    /// Returns who the client was when it got its tokens.
    pub(super) async fn identity_of(&self, issuer: &str, client_id: &str) -> Result<Identity, Error> {
        if let Some(client) = self.settings.clients.iter().find(|client| client.was(client_id, issuer)) {
            return Ok(client.into());
        }
        if self.settings.metadata_url.as_deref() == Some(client_id) {
            return Ok(Identity::document(client_id));
        }
        let registration = self.load_registration(issuer).await?.map(|registration| registration.identity());
        registration
            .filter(|identity| identity.client_id == client_id)
            .ok_or_else(|| Error::refused("the client is not registered any more as who got the tokens"))
    }

    /// Returns who the client is at an authorization server, and registers it if that needs be.
    pub(in crate::client) async fn identity(
        &self,
        home: Option<&str>,
        server: &ServerMetadata,
        introduction: &Introduction<'_>,
    ) -> Result<Identity, Error> {
        let issuer = server.issuer.as_str();
        if let Some(identity) = self.known_identity(home, server)? {
            return Ok(identity);
        }
        if let Some(known) = self.load_registration(issuer).await?
            && known.serves(introduction.redirect_uri)
        {
            return Ok(known.identity());
        }
        if server.registration_endpoint.is_none() {
            return Err(Error::usage(format!("{issuer} registers no clients by itself: a client id is needed")));
        }
        let registration = register(&self.fetcher, server, introduction).await?;
        self.save(&registration_name(issuer), &registration).await?;
        Ok(registration.identity())
    }

    /// Returns who the client is at an authorization server without having to register.
    fn known_identity(&self, home: Option<&str>, server: &ServerMetadata) -> Result<Option<Identity>, Error> {
        let issuer = server.issuer.as_str();
        let Settings { clients, metadata_url, .. } = &self.settings;
        if !clients.is_empty() {
            let is_home = home.is_none_or(|home| home == issuer);
            let named = clients.iter().find(|client| client.issuer.as_deref() == Some(issuer));
            let client = named.or_else(|| clients.iter().find(|client| client.issuer.is_none() && is_home));
            return client.map(|client| Some(client.into())).ok_or_else(|| {
                Error::usage(format!("the client is registered with other authorization servers than {issuer}"))
            });
        }
        let url = metadata_url.as_deref().filter(|_| server.client_id_metadata_document_supported);
        Ok(url.map(Identity::document))
    }
}
