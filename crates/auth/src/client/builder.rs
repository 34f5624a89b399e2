//! What a client of OAuth is like before it is asked for anything.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use turbomcp_transport::http::authorize::BoxError;

use super::browser::Browser;
use super::discovery::ServerMetadata;
use super::dpop::Dpop;
use super::flow::Flow;
use super::grants::{DeviceCode, Grant, IdentityProvider};
use super::registration::PreRegistered;
use super::store::{ErasedStore, MemoryStore, TokenStore};
use super::{OAuthClient, boxed};
use crate::fetch::Reach;
use crate::url::Url;
use crate::{Error, Secret};

/// What a client of OAuth keeps to once it is built.
pub(super) struct Settings {
    pub(super) server: Url,
    pub(super) resource: Option<String>,
    pub(super) client_name: String,
    pub(super) clients: Vec<PreRegistered>,
    pub(super) metadata_url: Option<String>,
    pub(super) grant: Grant,
    pub(super) scopes: Vec<String>,
    pub(super) parameters: Vec<(String, String)>,
    pub(super) browser: Browser,
    pub(super) redirect_uri: Option<String>,
    pub(super) redirect_port: Option<u16>,
    pub(super) dpop: Dpop,
    pub(super) store: Arc<dyn ErasedStore>,
    pub(super) login_timeout: Duration,
    pub(super) endpoints: Option<ServerMetadata>,
}

/// Builds a client of OAuth.
///
/// By default it asks the user in a browser, registers itself where it has to, and keeps tokens in memory.
///
/// ```
/// use turbomcp_auth::OAuthClient;
/// use turbomcp_auth::client::{FileStore, PreRegistered};
///
/// # fn build() -> Result<(), turbomcp_auth::Error> {
/// let interactive = OAuthClient::builder("https://notes.example/mcp")
///     .client_name("My host")
///     .store(FileStore::new("/home/me/.config/my-host/tokens"))
///     .build()?;
/// let service = OAuthClient::builder("https://notes.example/mcp")
///     .client(PreRegistered::new("nightly-job").secret("…").issuer("https://login.example"))
///     .client_credentials()
///     .build()?;
/// # drop((interactive, service));
/// # Ok(())
/// # }
/// # build().unwrap();
/// ```
#[must_use]
pub struct OAuthClientBuilder {
    server: String,
    resource: Option<String>,
    client_name: String,
    clients: Vec<PreRegistered>,
    metadata_url: Option<String>,
    grant: Grant,
    scopes: Vec<String>,
    parameters: Vec<(String, String)>,
    browser: Browser,
    redirect_uri: Option<String>,
    redirect_port: Option<u16>,
    dpop: Dpop,
    store: Arc<dyn ErasedStore>,
    login_timeout: Duration,
    request_timeout: Duration,
    reach: Option<Reach>,
    endpoints: Option<(String, String)>,
}

impl OAuthClientBuilder {
    pub(super) fn new(server: String) -> Self {
        Self {
            server,
            resource: None,
            client_name: "TurboMCP".into(),
            clients: Vec::new(),
            metadata_url: None,
            grant: Grant::AuthorizationCode,
            scopes: Vec::new(),
            parameters: Vec::new(),
            browser: Browser::system(),
            redirect_uri: None,
            redirect_port: None,
            dpop: Dpop::default(),
            store: Arc::new(MemoryStore::default()),
            login_timeout: Duration::from_secs(300),
            request_timeout: Duration::from_secs(15),
            reach: None,
            endpoints: None,
        }
    }

    /// Sets the name that users see when they are asked.
    pub fn client_name(mut self, name: impl Into<String>) -> Self {
        self.client_name = name.into();
        self
    }

    /// Adds a client that an authorization server knows already. Once there is one, none registers itself.
    pub fn client(mut self, client: PreRegistered) -> Self {
        self.clients.push(client);
        self
    }

    /// Sets the URL of a client ID metadata document, which authorization servers read that can.
    ///
    /// # Specification
    ///
    /// [Client ID Metadata
    /// Documents](https://modelcontextprotocol.io/specification/2026-07-28/basic/authorization/client-registration)
    pub fn client_metadata_url(mut self, url: impl Into<String>) -> Self {
        self.metadata_url = Some(url.into());
        self
    }

    /// Asks for these scopes besides those that the server asks for. Without them, the first authorization asks for
    /// all that the server publishes, if it names none.
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes.extend(scopes.into_iter().map(Into::into));
        self
    }

    /// Adds a parameter to the request that the user's browser makes, such as `login_hint`.
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    /// Sets how URLs are opened for the user.
    pub fn browser(mut self, browser: Browser) -> Self {
        self.browser = browser;
        self
    }

    /// Sets where authorization servers answer, if that is not a listener on this machine. The
    /// [`browser`](Self::browser) then has to return what comes back.
    pub fn redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.redirect_uri = Some(uri.into());
        self
    }

    /// Sets the port that is listened at for the answer, at `http://127.0.0.1:PORT/callback`. It is any that is free
    /// by default, which authorization servers have to accept of native clients.
    pub fn redirect_port(mut self, port: u16) -> Self {
        self.redirect_port = Some(port);
        self
    }

    /// Sets whether tokens are bound to a key.
    pub fn dpop(mut self, dpop: Dpop) -> Self {
        self.dpop = dpop;
        self
    }

    /// Sets where credentials are kept.
    pub fn store(mut self, store: impl TokenStore) -> Self {
        self.store = Arc::new(store);
        self
    }

    /// Sets how long the user may take.
    pub fn login_timeout(mut self, limit: Duration) -> Self {
        self.login_timeout = limit;
        self
    }

    /// Sets how long a request to an authorization server may take.
    pub fn request_timeout(mut self, limit: Duration) -> Self {
        self.request_timeout = limit;
        self
    }

    /// Sets which addresses may be reached when the server says where to go on.
    pub fn reach(mut self, reach: Reach) -> Self {
        self.reach = Some(reach);
        self
    }

    /// Names the server to authorization servers by this instead of what it publishes or its URL.
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.resource = Some(resource.into());
        self
    }

    /// Uses these endpoints, whatever the server publishes: for authorization servers that publish nothing.
    pub fn endpoints(mut self, authorization: impl Into<String>, token: impl Into<String>) -> Self {
        self.endpoints = Some((authorization.into(), token.into()));
        self
    }

    /// Gets tokens for the client itself. There is no user.
    ///
    /// # Specification
    ///
    /// [OAuth client credentials](https://modelcontextprotocol.io/extensions/auth/oauth-client-credentials)
    pub fn client_credentials(mut self) -> Self {
        self.grant = Grant::ClientCredentials;
        self
    }

    /// Has the user enter a code on another device. The function shows it and returns.
    ///
    /// # Specification
    ///
    /// [RFC 8628](https://www.rfc-editor.org/rfc/rfc8628)
    pub fn device_code<F, Fut>(mut self, show: F) -> Self
    where
        F: Fn(DeviceCode) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        self.grant = Grant::DeviceCode(Arc::new(move |code| boxed(show(code))));
        self
    }

    /// Gets tokens by what an enterprise's identity provider grants (ID-JAG). There is nothing to ask the user.
    ///
    /// # Specification
    ///
    /// [Enterprise-managed
    /// authorization](https://modelcontextprotocol.io/extensions/auth/enterprise-managed-authorization)
    pub fn enterprise_managed(mut self, provider: IdentityProvider) -> Self {
        self.grant = Grant::EnterpriseManaged(Arc::new(provider));
        self
    }

    /// Gets tokens by what a platform says of the workload that this is (RFC 7523). The function is given the
    /// audience, which is the issuer, and returns the JWT.
    pub fn workload_identity<F, Fut>(mut self, assertion: F) -> Self
    where
        F: Fn(String) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Secret, BoxError>> + Send + 'static,
    {
        self.grant = Grant::WorkloadIdentity(Arc::new(move |audience| boxed(assertion(audience))));
        self
    }

    /// Builds the client.
    ///
    /// # Errors
    ///
    /// `is_refused()` or `is_usage()` if a URL is not one of https or this machine, or settings do not fit together.
    pub fn build(self) -> Result<OAuthClient, Error> {
        let server = self.server.split('#').next().unwrap_or_default();
        let server = Url::parse(server, "the URL of the server")?;
        if let Some(url) = &self.metadata_url {
            let url = Url::parse(url, "the URL of the client ID metadata document")?;
            if url.uri().scheme_str() != Some("https") || url.path().is_empty() {
                return Err(Error::usage("the URL of the client ID metadata document is not of https with a path"));
            }
        }
        if let Some(uri) = self.redirect_uri.as_deref().filter(|uri| uri.starts_with("http")) {
            Url::parse(uri, "the redirect URI")?;
        }
        let endpoints = match self.endpoints {
            Some((authorization, token)) => {
                Url::parse(&authorization, "the authorization endpoint")?;
                let issuer = Url::parse(&token, "the token endpoint")?.origin();
                Some(ServerMetadata {
                    issuer,
                    authorization_endpoint: Some(authorization),
                    token_endpoint: Some(token),
                    is_assumed: true,
                    ..ServerMetadata::default()
                })
            }
            None => None,
        };
        if matches!(self.grant, Grant::ClientCredentials | Grant::EnterpriseManaged(_)) {
            let can_authenticate = |client: &PreRegistered| client.secret.is_some() || client.key.is_some();
            if !self.clients.iter().any(can_authenticate) {
                return Err(Error::usage("this grant needs a client with a secret or a key"));
            }
        }
        let reach = self.reach.unwrap_or_else(|| Reach::of(&server));
        let settings = Settings {
            server,
            resource: self.resource,
            client_name: self.client_name,
            clients: self.clients,
            metadata_url: self.metadata_url,
            grant: self.grant,
            scopes: self.scopes,
            parameters: self.parameters,
            browser: self.browser,
            redirect_uri: self.redirect_uri,
            redirect_port: self.redirect_port,
            dpop: self.dpop,
            store: self.store,
            login_timeout: self.login_timeout,
            endpoints,
        };
        Ok(OAuthClient::new(Flow::new(settings, reach, self.request_timeout)?))
    }
}

impl fmt::Debug for OAuthClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuthClientBuilder").field("server", &self.server).finish_non_exhaustive()
    }
}
