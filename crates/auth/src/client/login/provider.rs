//! A provider that is set up: where it is, who the server is there, and what is under way.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::access_token::{AccessToken, Kept};
use super::config::{OAuth2Config, OAuth2FlowType, SecurityLevel, configured};
use super::kept::Turns;
use super::pending::Pending;
use super::presets::{Found, Issuers, ProviderType};
use super::store::ExpiringStore;
use crate::client::discovery::ServerMetadata;
use crate::client::dpop::{Dpop, DpopKey, Nonces};
use crate::client::registration::Identity;
use crate::client::store::{ErasedStore, TokenStore};
use crate::client::tasks::Tasks;
use crate::client::token::{TokenEndpoint, TokenResponse, Tokens};
use crate::discovery::of_openid_issuer;
use crate::fetch::Fetcher;
use crate::server::Signatures;
use crate::url::Url;
use crate::{Error, Reach};

/// Logs users in at one provider, keeps their tokens, and gets others for them. Cloning shares it.
///
/// See [the module](super) for what it does.
///
/// # Specification
///
/// [OAuth 2.1](https://datatracker.ietf.org/doc/html/draft-ietf-oauth-v2-1-13),
/// [OpenID Connect](https://openid.net/specs/openid-connect-core-1_0.html)
#[derive(Clone)]
pub struct OAuth2Provider {
    pub(super) inner: Arc<Inner>,
    tasks: Arc<Tasks>,
}

pub(super) struct Inner {
    pub(super) name: String,
    pub(super) config: OAuth2Config,
    pub(super) server: ServerMetadata,
    pub(super) issuers: Issuers,
    /// None if the provider publishes no keys, and so says nothing of its users.
    pub(super) signatures: Option<Signatures>,
    pub(super) no_resources: Option<&'static str>,
    pub(super) scopes: Vec<String>,
    pub(super) identity: Identity,
    pub(super) nonces: Arc<Nonces>,
    pub(super) logins: Pending,
    pub(super) store: Arc<dyn ErasedStore>,
    pub(super) turns: Turns,
    pub(super) service: tokio::sync::Mutex<Option<Arc<Kept>>>,
    /// Origins that the configuration names; they may be inside.
    trusted: Vec<Url>,
    trusting: Fetcher,
    fetcher: Fetcher,
}

/// Builds an [`OAuth2Provider`] that keeps tokens elsewhere, or within other limits.
///
/// ```no_run
/// use std::time::Duration;
///
/// use turbomcp_auth::client::FileStore;
/// use turbomcp_auth::client::login::{OAuth2Config, OAuth2Provider, ProviderType};
///
/// # async fn run(config: OAuth2Config) -> Result<(), turbomcp_auth::Error> {
/// let keycloak = ProviderType::Keycloak { url: "https://id.example".into(), realm: "staff".into() };
/// let provider = OAuth2Provider::builder("staff", config, keycloak)
///     .store(FileStore::new("/var/lib/notes/tokens"))
///     .login_timeout(Duration::from_secs(300))
///     .build()
///     .await?;
/// # drop(provider);
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct OAuth2ProviderBuilder {
    name: String,
    config: OAuth2Config,
    kind: ProviderType,
    store: Arc<dyn ErasedStore>,
    login_timeout: Duration,
    max_logins: usize,
    request_timeout: Duration,
    reach: Reach,
}

impl OAuth2ProviderBuilder {
    /// Sets where tokens of users are kept: by default an [`ExpiringStore`] of 10 000 users and 24 hours.
    pub fn store(mut self, store: impl TokenStore) -> Self {
        self.store = Arc::new(store);
        self
    }

    /// Sets how long a user may take from the redirect to the way back: ten minutes by default.
    pub fn login_timeout(mut self, limit: Duration) -> Self {
        self.login_timeout = limit;
        self
    }

    /// Sets how many logins are remembered until their time is over, also those that are finished: 10 000 by default.
    /// One more, and the oldest is forgotten.
    pub fn max_logins(mut self, max: usize) -> Self {
        self.max_logins = max;
        self
    }

    /// Sets how long a request to the provider may take: 15 seconds by default.
    pub fn request_timeout(mut self, limit: Duration) -> Self {
        self.request_timeout = limit;
        self
    }

    /// Sets which addresses may be reached where the provider says where to go on; by default those of the Internet.
    /// What the configuration names may always be inside.
    pub fn reach(mut self, reach: Reach) -> Self {
        self.reach = reach;
        self
    }

    /// Finds the provider, and checks that it can do what is asked for.
    ///
    /// # Errors
    ///
    /// `is_usage()` if the configuration does not fit, also with what the provider offers; `is_refused()` if what it
    /// publishes must not be used; `is_connect()` or `is_timeout()` if it cannot be reached.
    pub async fn build(self) -> Result<OAuth2Provider, Error> {
        let Self { name, config, kind, store, login_timeout, max_logins, request_timeout, reach } = self;
        if name.is_empty() {
            return Err(Error::usage("a provider has a name"));
        }
        if max_logins == 0 {
            return Err(Error::usage("max_logins is at least one"));
        }
        config.check()?;
        let preset = kind.preset(&config)?;
        if let Some(why) = preset.no_resources.filter(|_| config.mcp_resource_uri.is_some()) {
            return Err(Error::usage(why));
        }
        let trusting = Fetcher::new(Reach::Private, request_timeout)?;
        let mut trusted = Vec::new();
        let mut server = match preset.found {
            Found::Known(server) => *server,
            Found::At(issuer) => {
                trusted.push(configured(&issuer, "the issuer")?);
                of_openid_issuer(&trusting, &issuer).await?
            }
        };
        for (url, endpoint) in [
            (&config.auth_url, &mut server.authorization_endpoint),
            (&config.token_url, &mut server.token_endpoint),
            (&config.device_authorization_url, &mut server.device_authorization_endpoint),
            (&config.revocation_url, &mut server.revocation_endpoint),
        ] {
            if !url.is_empty() {
                trusted.push(configured(url, "an endpoint")?);
                *endpoint = Some(url.clone());
            }
        }
        check(&config, &server)?;
        let scopes = match config.scopes.as_slice() {
            // They say who the user is, and here is none.
            [] if config.flow_type == OAuth2FlowType::ClientCredentials => Vec::new(),
            [] => preset.scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            scopes => scopes.to_vec(),
        };
        let is_trusted = |url: &Url| trusted.iter().any(|trusted| trusted.is_same_origin(url));
        let signatures = match &server.jwks_uri {
            Some(url) => {
                let url = Url::parse(url, "the URL of the provider's keys")?;
                let reach = if is_trusted(&url) { Reach::Private } else { reach };
                Some(Signatures::new(&server.issuer, &url, reach, request_timeout)?)
            }
            None => None,
        };
        let identity = Identity {
            client_id: config.client_id.clone(),
            secret: Some(config.client_secret.clone()).filter(|secret| !secret.expose().is_empty()),
            key: config.client_key.clone(),
            method: None,
            is_dynamic: false,
        };
        let inner = Inner {
            name,
            server,
            issuers: preset.issuers,
            signatures,
            no_resources: preset.no_resources,
            scopes,
            identity,
            nonces: Arc::default(),
            logins: Pending::new(max_logins, login_timeout),
            store,
            turns: Turns::default(),
            service: tokio::sync::Mutex::default(),
            trusted,
            trusting,
            fetcher: Fetcher::new(reach, request_timeout)?,
            config,
        };
        Ok(OAuth2Provider { inner: Arc::new(inner), tasks: Arc::default() })
    }
}

/// Checks that the provider can do what is asked for.
fn check(config: &OAuth2Config, server: &ServerMetadata) -> Result<(), Error> {
    let endpoint = |url: &Option<String>, what| ServerMetadata::endpoint(url.as_ref(), what).map(drop);
    let missing = |what: &str| Err(Error::usage(format!("the provider does not offer {what}")));
    server.token_endpoint()?;
    match config.flow_type {
        OAuth2FlowType::AuthorizationCode => {
            if server.authorization_endpoint.is_none() {
                return missing("authorization by a browser: an auth_url is needed");
            }
            endpoint(&server.authorization_endpoint, "authorization endpoint")?;
            server.require_s256()?;
            if config.security_level >= SecurityLevel::Enhanced {
                if server.pushed_authorization_request_endpoint.is_none() {
                    return missing("pushed authorization requests, which the security_level asks for");
                }
                if !server.authorization_response_iss_parameter_supported {
                    return missing("to name itself in redirects, which the security_level asks for");
                }
            }
        }
        OAuth2FlowType::DeviceCode => {
            if server.device_authorization_endpoint.is_none() {
                return missing("device codes: a device_authorization_url is needed");
            }
            endpoint(&server.device_authorization_endpoint, "device authorization endpoint")?;
        }
        OAuth2FlowType::ClientCredentials => {}
    }
    if config.binding() == Dpop::Always && !server.is_assumed && !offers_dpop(server) {
        return missing("tokens that are bound to a key by ES256");
    }
    Ok(())
}

fn offers_dpop(server: &ServerMetadata) -> bool {
    server.dpop_signing_alg_values_supported.iter().any(|alg| alg == "ES256")
}

impl OAuth2Provider {
    /// Finds a provider. The name is of the server's own choice; tokens are kept by it.
    ///
    /// # Errors
    ///
    /// As [`OAuth2ProviderBuilder::build`] has them.
    pub async fn new(name: impl Into<String>, config: OAuth2Config, kind: ProviderType) -> Result<Self, Error> {
        Self::builder(name, config, kind).build().await
    }

    /// Starts to set up a provider within other limits than [`new`](Self::new).
    pub fn builder(name: impl Into<String>, config: OAuth2Config, kind: ProviderType) -> OAuth2ProviderBuilder {
        OAuth2ProviderBuilder {
            name: name.into(),
            config,
            kind,
            store: Arc::new(ExpiringStore::default()),
            login_timeout: Duration::from_secs(600),
            max_logins: 10_000,
            request_timeout: Duration::from_secs(15),
            reach: Reach::Public,
        }
    }

    /// Returns the name it was given.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Returns what the provider calls itself.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.inner.server.issuer
    }

    /// Runs something to its end, whoever waits for it.
    pub(super) async fn run<T, F>(&self, work: impl FnOnce(Arc<Inner>) -> F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        self.tasks.run(work(self.inner.clone())).await
    }
}

impl Inner {
    pub(super) fn fetcher(&self, url: &Url) -> &Fetcher {
        if self.trusted.iter().any(|trusted| trusted.is_same_origin(url)) { &self.trusting } else { &self.fetcher }
    }

    /// Returns the token endpoint, or another that is asked in the same way.
    pub(super) fn endpoint<'a>(&'a self, at: &Url, dpop: Option<&'a DpopKey>) -> Result<TokenEndpoint<'a>, Error> {
        TokenEndpoint::of(&self.server, self.fetcher(at), &self.nonces, &self.identity, dpop)
    }

    /// Creates a key for new tokens, if they are to be bound to one.
    pub(super) fn new_key(&self) -> Result<Option<DpopKey>, Error> {
        let binds = match self.config.binding() {
            Dpop::Never => false,
            Dpop::WhenAsked => offers_dpop(&self.server),
            Dpop::Always => true,
        };
        binds.then(DpopKey::generate).transpose()
    }

    /// Asks the token endpoint.
    pub(super) async fn token(
        &self,
        parameters: &[(&str, &str)],
        dpop: Option<&DpopKey>,
    ) -> Result<TokenResponse, Error> {
        self.endpoint(&self.server.token_endpoint()?, dpop)?.request(parameters).await
    }

    /// Returns what tokens are for, by a request or else by the configuration.
    pub(super) fn resource(&self, asked: Option<&str>) -> Result<Option<String>, Error> {
        if let Some(asked) = asked {
            if let Some(why) = self.no_resources {
                return Err(Error::usage(why));
            }
            configured(asked, "the resource")?;
        }
        Ok(asked.or_else(|| self.config.resource()).map(str::to_owned))
    }

    /// Takes what the token endpoint has answered.
    pub(super) fn accept(
        &self,
        response: &TokenResponse,
        key: Option<DpopKey>,
        asked: &[String],
        resource: Option<&str>,
    ) -> Result<Kept, Error> {
        let is_bound = response.is_bound(key.is_some(), self.config.binding())?;
        let key = key.filter(|_| is_bound);
        let tokens = Tokens {
            issuer: self.server.issuer.clone(),
            client_id: self.identity.client_id.clone(),
            resource: resource.unwrap_or_default().to_owned(),
            access_token: response.access_token.clone(),
            refresh_token: response.refresh_token.clone(),
            expires_at: response.expires_at(),
            scopes: granted(response.scope.as_deref()).unwrap_or_else(|| asked.to_vec()),
            dpop_key: key.as_ref().map(|key| key.stored().clone()),
        };
        Ok(Kept { tokens, key })
    }

    pub(super) fn access(&self, kept: Arc<Kept>) -> AccessToken {
        AccessToken::new(kept, self.nonces.clone())
    }
}

/// Reads what was granted. GitHub separates by commas.
fn granted(scope: Option<&str>) -> Option<Vec<String>> {
    let scopes = scope?.split([' ', ',']).filter(|scope| !scope.is_empty());
    Some(scopes.map(str::to_owned).collect())
}

/// A secret as it is looked up: by its hash, so that no time tells how much of it was right.
pub(super) fn hash(secret: &str) -> [u8; 32] {
    let digest = ring::digest::digest(&ring::digest::SHA256, secret.as_bytes());
    digest.as_ref().try_into().expect("the hash has 32 bytes")
}

impl fmt::Debug for OAuth2Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { name, server, .. } = &*self.inner;
        f.debug_struct("OAuth2Provider").field("name", name).field("issuer", &server.issuer).finish_non_exhaustive()
    }
}

impl fmt::Debug for OAuth2ProviderBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, kind, .. } = self;
        f.debug_struct("OAuth2ProviderBuilder").field("name", name).field("kind", kind).finish_non_exhaustive()
    }
}
