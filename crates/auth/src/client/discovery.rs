//! From a refused request to who gives out tokens: protected-resource metadata, then the authorization server's.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::Error;
use crate::discovery::{self, first, read, require_issuer};
use crate::fetch::Fetcher;
use crate::url::Url;

/// What a server publishes of itself (RFC 9728).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct ResourceMetadata {
    pub(super) resource: String,
    pub(super) authorization_servers: Vec<String>,
    pub(super) scopes_supported: Vec<String>,
    pub(super) dpop_bound_access_tokens_required: bool,
    pub(super) dpop_signing_alg_values_supported: Vec<String>,
}

/// What an authorization server publishes of itself (RFC 8414, or OpenID Connect Discovery).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct ServerMetadata {
    pub(super) issuer: String,
    pub(super) authorization_endpoint: Option<String>,
    pub(super) token_endpoint: Option<String>,
    pub(super) registration_endpoint: Option<String>,
    pub(super) device_authorization_endpoint: Option<String>,
    pub(super) pushed_authorization_request_endpoint: Option<String>,
    pub(super) require_pushed_authorization_requests: bool,
    pub(super) revocation_endpoint: Option<String>,
    pub(super) jwks_uri: Option<String>,
    pub(super) scopes_supported: Vec<String>,
    pub(super) code_challenge_methods_supported: Option<Vec<String>>,
    pub(super) token_endpoint_auth_methods_supported: Option<Vec<String>>,
    pub(super) token_endpoint_auth_signing_alg_values_supported: Option<Vec<String>>,
    pub(super) client_id_metadata_document_supported: bool,
    pub(super) authorization_response_iss_parameter_supported: bool,
    pub(super) dpop_signing_alg_values_supported: Vec<String>,
    /// Set if nothing was published, and these are the paths of the first revision.
    #[serde(skip)]
    pub(super) is_assumed: bool,
}

impl ServerMetadata {
    /// Returns an endpoint that authorization needs.
    pub(super) fn endpoint(url: Option<&String>, what: &'static str) -> Result<Url, Error> {
        let url = url.ok_or_else(|| Error::refused(format!("the authorization server has no {what}")))?;
        Url::parse(url, what)
    }

    pub(super) fn token_endpoint(&self) -> Result<Url, Error> {
        Self::endpoint(self.token_endpoint.as_ref(), "token endpoint")
    }

    /// Checks that codes are bound to who asked for them.
    pub(super) fn require_s256(&self) -> Result<(), Error> {
        let methods = self.code_challenge_methods_supported.as_deref();
        // Servers of the first revision had to support it and no way to say so.
        if self.is_assumed || methods.is_some_and(|methods| methods.iter().any(|method| method == "S256")) {
            return Ok(());
        }
        Err(Error::refused("the authorization server does not say that it supports PKCE by S256"))
    }
}

/// Finds what the server publishes; none if it publishes nothing.
pub(super) async fn resource_metadata(
    fetcher: &Fetcher,
    server: &Url,
    announced: Option<&str>,
) -> Result<Option<ResourceMetadata>, Error> {
    let found = if let Some(announced) = announced {
        let url = Url::parse(announced, "the URL of the protected resource's metadata")?;
        let found = document(fetcher, &url).await?;
        Some(found.ok_or_else(|| Error::refused(format!("there are no metadata at {announced}")))?)
    } else {
        let root = format!("{}/.well-known/oauth-protected-resource", server.origin());
        let mut urls = vec![format!("{root}{}{}", server.path(), server.query())];
        if urls[0] != root {
            urls.push(root);
        }
        first::<ResourceMetadata>(fetcher, urls).await?
    };
    let Some(metadata) = found else { return Ok(None) };
    let resource = Url::parse(&metadata.resource, "the resource in the protected resource's metadata")?;
    if !resource.covers(server) {
        let resource = &metadata.resource;
        return Err(Error::refused(format!(
            "the metadata are those of the resource {resource:?}, not of {:?}",
            server.as_str()
        )));
    }
    Ok(Some(metadata))
}

/// Finds what an authorization server publishes under the name it was given by.
pub(super) async fn server_metadata(fetcher: &Fetcher, issuer: &str) -> Result<ServerMetadata, Error> {
    discovery::of_issuer(fetcher, issuer).await
}

impl discovery::OfIssuer for ServerMetadata {
    fn issuer(&self) -> &str {
        &self.issuer
    }
}

/// Finds the authorization server of a server that publishes nothing: one of the first revision is its own.
pub(super) async fn server_metadata_of_first_revision(
    fetcher: &Fetcher,
    server: &Url,
) -> Result<ServerMetadata, Error> {
    let origin = server.origin();
    let url = format!("{origin}/.well-known/oauth-authorization-server");
    if let Some(found) = first::<ServerMetadata>(fetcher, vec![url]).await? {
        // Those that issue for the whole origin write it either way.
        if found.issuer != format!("{origin}/") {
            require_issuer(&found, &origin)?;
        }
        return Ok(found);
    }
    Ok(ServerMetadata {
        authorization_endpoint: Some(format!("{origin}/authorize")),
        token_endpoint: Some(format!("{origin}/token")),
        registration_endpoint: Some(format!("{origin}/register")),
        issuer: origin,
        is_assumed: true,
        ..ServerMetadata::default()
    })
}

async fn document<T: DeserializeOwned>(fetcher: &Fetcher, url: &Url) -> Result<Option<T>, Error> {
    let answer = fetcher.get(url).await?;
    if answer.status.is_success() { read(&answer.body, url).map(Some) } else { Ok(None) }
}
