//! Who the client is at an authorization server: registered beforehand, by a document, or on the spot.

use std::sync::Arc;

use http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::discovery::ServerMetadata;
use super::dpop::now;
use super::token::error_of;
use crate::fetch::Fetcher;
use crate::url::Url;
use crate::{Error, Secret, SigningKey, secret};

/// A client that an authorization server knows already.
///
/// ```
/// use turbomcp_auth::client::PreRegistered;
///
/// let client = PreRegistered::new("my-host").secret("…").issuer("https://login.example");
/// # drop(client);
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct PreRegistered {
    pub(super) client_id: String,
    pub(super) secret: Option<Secret>,
    pub(super) key: Option<Arc<SigningKey>>,
    pub(super) issuer: Option<String>,
}

impl PreRegistered {
    /// Names the client.
    pub fn new(client_id: impl Into<String>) -> Self {
        Self { client_id: client_id.into(), secret: None, key: None, issuer: None }
    }

    /// Authenticates the client by a secret.
    pub fn secret(mut self, secret: impl Into<Secret>) -> Self {
        self.secret = Some(secret.into());
        self
    }

    /// Authenticates the client by what this key signs (`private_key_jwt`).
    pub fn private_key(mut self, key: SigningKey) -> Self {
        self.key = Some(Arc::new(key));
        self
    }

    /// Says which authorization server knows it. At others it is never used. Left out, it is the one that is met
    /// first.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }
}

impl PreRegistered {
    /// True if this is who got tokens by this id from this issuer.
    pub(super) fn was(&self, client_id: &str, issuer: &str) -> bool {
        self.client_id == client_id && self.issuer.as_deref().is_none_or(|own| own == issuer)
    }
}

/// Who the client is at one authorization server.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    pub(super) client_id: String,
    pub(super) secret: Option<Secret>,
    pub(super) key: Option<Arc<SigningKey>>,
    /// How it authenticates, if the authorization server has said so.
    pub(super) method: Option<String>,
    /// True if it was registered on the spot, and can be again.
    pub(super) is_dynamic: bool,
}

impl From<&PreRegistered> for Identity {
    fn from(client: &PreRegistered) -> Self {
        let PreRegistered { client_id, secret, key, issuer: _ } = client.clone();
        Self { client_id, secret, key, method: None, is_dynamic: false }
    }
}

impl Identity {
    /// A client that says who it is by the URL of a document.
    pub(super) fn document(url: &str) -> Self {
        let method = Some("none".to_owned());
        Self { client_id: url.to_owned(), secret: None, key: None, method, is_dynamic: false }
    }
}

/// A registration as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Registration {
    client_id: String,
    #[serde(default, serialize_with = "secret::store_option")]
    client_secret: Option<Secret>,
    /// Zero if it never does.
    #[serde(default)]
    client_secret_expires_at: u64,
    #[serde(default)]
    token_endpoint_auth_method: Option<String>,
    /// What it was registered for.
    #[serde(default, rename = "turbomcp_redirect_uri")]
    redirect_uri: Option<String>,
}

impl Registration {
    pub(super) fn redirect_port(&self) -> Option<u16> {
        self.redirect_uri.as_deref()?.parse::<http::Uri>().ok()?.port_u16()
    }

    /// True if it is still good, for this redirect.
    pub(super) fn serves(&self, redirect_uri: Option<&str>) -> bool {
        let lives = self.client_secret_expires_at == 0 || self.client_secret_expires_at > now() + 60;
        lives && self.redirect_uri.as_deref() == redirect_uri
    }

    pub(super) fn identity(&self) -> Identity {
        Identity {
            client_id: self.client_id.clone(),
            secret: self.client_secret.clone(),
            key: None,
            method: self.token_endpoint_auth_method.clone(),
            is_dynamic: true,
        }
    }
}

/// What the client says of itself when it registers.
#[derive(Debug, Clone)]
pub(super) struct Introduction<'a> {
    pub(super) name: &'a str,
    pub(super) redirect_uri: Option<&'a str>,
    pub(super) grant_types: &'a [&'a str],
}

/// Registers the client (RFC 7591).
pub(super) async fn register(
    fetcher: &Fetcher,
    server: &ServerMetadata,
    introduction: &Introduction<'_>,
) -> Result<Registration, Error> {
    let url = ServerMetadata::endpoint(server.registration_endpoint.as_ref(), "registration endpoint")?;
    let redirect_uri = introduction.redirect_uri;
    let is_web = redirect_uri
        .is_some_and(|uri| uri.starts_with("https:") && Url::parse(uri, "").is_ok_and(|url| !url.is_loopback()));
    let mut request = json!({
        "client_name": introduction.name,
        "application_type": if is_web { "web" } else { "native" },
        "grant_types": introduction.grant_types,
        "response_types": if redirect_uri.is_some() { vec!["code"] } else { vec![] },
        "token_endpoint_auth_method": preferred(server),
    });
    if let Some(uri) = redirect_uri {
        request["redirect_uris"] = json!([uri]);
    }
    let answer = fetcher.post(&url, "application/json", HeaderMap::new(), request.to_string()).await?;
    if !answer.status.is_success() {
        return Err(error_of("the registration of the client", &answer));
    }
    let mut registration: Registration = serde_json::from_slice(&answer.body)
        .map_err(|error| Error::refused("the registration of the client cannot be read").with_source(error))?;
    if registration.client_id.is_empty() {
        return Err(Error::refused("the client was registered without an id"));
    }
    registration.redirect_uri = redirect_uri.map(str::to_owned);
    Ok(registration)
}

/// Returns how a client without a secret of its own had best authenticate.
fn preferred(server: &ServerMetadata) -> Value {
    let Some(supported) = &server.token_endpoint_auth_methods_supported else { return json!("none") };
    let known = ["none", "client_secret_basic", "client_secret_post"];
    json!(known.into_iter().find(|known| supported.iter().any(|method| method == known)).unwrap_or("none"))
}
