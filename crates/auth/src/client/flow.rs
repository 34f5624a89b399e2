//! What a refusal leads to: a refresh, a first authorization, or a wider one.

mod identity;
mod kept;
mod refusal;
mod turn;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use turbomcp_transport::http::authorize::{BoxError, Credentials, Head, Next};

use super::builder::Settings;
use super::discovery::{
    ResourceMetadata, ServerMetadata, resource_metadata, server_metadata, server_metadata_of_first_revision,
};
use super::dpop::{DPOP, Dpop, DpopKey, Nonces};
use super::lock;
use super::token::{TokenEndpoint, Tokens};
use crate::fetch::{Fetcher, Reach};
use crate::url::Url;
use crate::{Error, Secret};
use turn::Turn;

pub(super) use refusal::Refusal;

/// How long before their end tokens are refreshed.
const LEEWAY_SECONDS: u64 = 30;

/// Authorization for one server.
pub(super) struct Flow {
    pub(super) settings: Settings,
    pub(super) fetcher: Fetcher,
    /// For what is set up here rather than published by a server.
    pub(super) trusting: Fetcher,
    pub(super) nonces: Nonces,
    current: Mutex<Option<Arc<Current>>>,
    is_loaded: AtomicBool,
    /// Counts what was tried and failed, so that those who waited for it do not try the same again.
    failures: AtomicU64,
    /// Held by whoever changes tokens, while others wait.
    turn: tokio::sync::Mutex<Turn>,
}

/// Tokens in use.
pub(super) struct Current {
    tokens: Tokens,
    key: Option<DpopKey>,
    /// True once a request with them was not refused, or if they are from the store.
    is_accepted: AtomicBool,
    /// False if the store still holds older ones.
    is_kept: bool,
}

impl Current {
    fn authorization(&self) -> String {
        let scheme = if self.key.is_some() { "DPoP" } else { "Bearer" };
        format!("{scheme} {}", self.tokens.access_token.expose())
    }
}

/// What there is to know before tokens are asked for.
pub(super) struct Discovered {
    pub(super) metadata: Option<ResourceMetadata>,
    pub(super) server: Arc<ServerMetadata>,
    pub(super) resource: String,
}

/// What tokens are asked for.
pub(super) struct Wanted<'a> {
    pub(super) server: &'a ServerMetadata,
    pub(super) resource: &'a str,
    pub(super) scope: Option<&'a str>,
    pub(super) dpop: Option<&'a DpopKey>,
}

impl Flow {
    pub(super) fn new(settings: Settings, reach: Reach, limit: Duration) -> Result<Self, Error> {
        Ok(Self {
            settings,
            fetcher: Fetcher::new(reach, limit)?,
            trusting: Fetcher::new(Reach::Private, limit)?,
            nonces: Nonces::default(),
            current: Mutex::default(),
            is_loaded: AtomicBool::new(false),
            failures: AtomicU64::new(0),
            turn: tokio::sync::Mutex::default(),
        })
    }

    pub(super) fn server(&self) -> &Url {
        &self.settings.server
    }

    /// True if a request goes where the tokens are for.
    pub(super) fn is_for(&self, url: &str) -> bool {
        Url::parse(url, "the request's URL").is_ok_and(|url| url.is_same_origin(&self.settings.server))
    }

    fn current(&self) -> Option<Arc<Current>> {
        lock(&self.current).clone()
    }

    /// True if there is something to do before a request is sent.
    pub(super) fn is_stale(&self) -> bool {
        !self.is_loaded.load(Ordering::Acquire) || self.current().is_some_and(|current| is_due(&current))
    }

    /// Returns what a request shall carry.
    pub(super) fn credentials(&self, request: Head<'_>) -> Result<Credentials, BoxError> {
        let Some(current) = self.current().filter(|current| !current.tokens.expires_within(0)) else {
            return Ok(Credentials::none());
        };
        let credentials = Credentials::none().header(AUTHORIZATION, &current.authorization())?;
        let Some(key) = &current.key else { return Ok(credentials) };
        let nonce = self.nonces.of(&self.settings.server);
        let proof = key.proof(request.method.as_str(), request.url, nonce, Some(&current.tokens.access_token))?;
        Ok(credentials.header(DPOP, &proof)?)
    }

    /// Takes notice of an answer that was no refusal.
    pub(super) fn answered(&self, request: Head<'_>, headers: &HeaderMap) {
        let Some(current) = self.current() else { return };
        current.is_accepted.store(true, Ordering::Release);
        if current.key.is_some() && self.is_for(request.url) {
            self.nonces.learn(&self.settings.server, headers);
        }
    }

    /// Loads tokens that were kept, and refreshes those that are due.
    pub(super) async fn freshen(&self) -> Result<(), Error> {
        let mut turn = self.turn.lock().await;
        self.load(&mut turn).await?;
        let Some(current) = self.current().filter(|current| is_due(current)) else { return Ok(()) };
        match self.refresh(&mut turn, &current).await {
            // A refused refresh ends in new authorization, once the server asks for it.
            Err(error) if error.is_final() => {
                tracing::debug!(%error, "tokens could not be refreshed");
                self.forget().await
            }
            Err(error) if !current.tokens.expires_within(0) => {
                tracing::debug!(%error, "tokens could not be refreshed before their end");
                Ok(())
            }
            done => done,
        }
    }

    pub(super) async fn login(&self) -> Result<(), Error> {
        let mut turn = self.turn.lock().await;
        self.load(&mut turn).await?;
        let discovered = self.discover(&mut turn, None).await?;
        self.authorize(&mut turn, &discovered, &Refusal::default()).await
    }

    pub(super) async fn logout(&self) -> Result<(), Error> {
        let _turn = self.turn.lock().await;
        self.forget().await
    }

    /// Does what a refusal asks for.
    pub(super) async fn renew(&self, refusal: Refusal) -> Result<Next, Error> {
        let is_new_nonce = self.nonces.learn(&self.settings.server, &refusal.headers);
        if refusal.says("use_dpop_nonce") {
            return Ok(if is_new_nonce { Next::Retry } else { Next::GiveUp });
        }
        if refusal.is_forbidden && !refusal.says("insufficient_scope") {
            return Ok(Next::GiveUp);
        }
        let failures = self.failures.load(Ordering::Acquire);
        let mut turn = self.turn.lock().await;
        self.load(&mut turn).await?;
        if self.has_changed_since(&refusal) {
            return Ok(Next::Retry);
        }
        if self.failures.load(Ordering::Acquire) != failures {
            return Ok(Next::GiveUp);
        }
        if refusal.refusals == 0
            && let Some(current) = self.current()
            && self.adopt(&current).await?.is_some()
        {
            return Ok(Next::Retry);
        }
        let next = self.renew_in_turn(&mut turn, &refusal).await;
        if !matches!(next, Ok(Next::Retry)) {
            self.failures.fetch_add(1, Ordering::AcqRel);
        }
        next
    }

    fn has_changed_since(&self, refusal: &Refusal) -> bool {
        self.current().is_some_and(|current| {
            let refused = refusal.authorization.as_ref().map(Secret::expose);
            !current.tokens.expires_within(0) && refused != Some(&current.authorization())
        })
    }

    async fn renew_in_turn(&self, turn: &mut Turn, refusal: &Refusal) -> Result<Next, Error> {
        let current = self.current();
        if refusal.is_forbidden {
            let operation = refusal.operation.as_deref().unwrap_or(&refusal.url);
            if !turn.may_step(format!("{operation} {}", refusal.scopes().join(" "))) {
                tracing::warn!(operation, "the server asks for scopes again and again");
                return Ok(Next::GiveUp);
            }
        } else if current.as_ref().is_some_and(|current| !current.is_accepted.load(Ordering::Acquire)) {
            if !turn.may_try_again() {
                tracing::warn!("the server refuses the tokens it asks for");
                return Ok(Next::GiveUp);
            }
        } else {
            turn.unaccepted = None;
        }
        let discovered = self.discover(turn, refusal.resource_metadata()).await?;
        if let Some(current) = current.filter(|current| {
            !refusal.is_forbidden
                && refusal.refusals == 0
                && current.tokens.issuer == discovered.server.issuer
                && current.tokens.refresh_token.is_some()
        }) {
            match self.refresh(turn, &current).await {
                Ok(()) => return Ok(Next::Retry),
                Err(error) if error.is_final() => {
                    tracing::debug!(%error, "tokens could not be refreshed");
                }
                Err(error) => return Err(error),
            }
        }
        self.authorize(turn, &discovered, refusal).await?;
        Ok(Next::Retry)
    }

    /// Finds out who gives out tokens.
    async fn discover(&self, turn: &mut Turn, announced: Option<&str>) -> Result<Discovered, Error> {
        let Settings { server, endpoints, resource, .. } = &self.settings;
        if let Some(endpoints) = endpoints {
            let resource = resource.clone().unwrap_or_else(|| server.as_str().to_owned());
            return Ok(Discovered { metadata: None, server: Arc::new(endpoints.clone()), resource });
        }
        let metadata = resource_metadata(&self.fetcher, server, announced).await?;
        let found = match &metadata {
            Some(metadata) => server_metadata(&self.fetcher, self.choose(&metadata.authorization_servers)?).await?,
            None => server_metadata_of_first_revision(&self.fetcher, server).await?,
        };
        let published = metadata.as_ref().map_or(server.as_str(), |metadata| &metadata.resource);
        let resource = resource.clone().unwrap_or_else(|| published.to_owned());
        let server = Arc::new(found);
        turn.server = Some(server.clone());
        Ok(Discovered { metadata, server, resource })
    }

    /// Chooses an authorization server that knows the client already, or the first.
    fn choose<'a>(&self, issuers: &'a [String]) -> Result<&'a str, Error> {
        let is_known = |issuer: &&String| {
            let client = self.settings.clients.iter().any(|client| client.issuer.as_ref() == Some(issuer));
            client || self.current().is_some_and(|current| current.tokens.issuer == **issuer)
        };
        let chosen = issuers.iter().find(is_known).or_else(|| issuers.first());
        chosen.map(String::as_str).ok_or_else(|| Error::refused("the server names no authorization server"))
    }

    /// Gets new tokens, by whichever grant it is.
    async fn authorize(&self, turn: &mut Turn, discovered: &Discovered, refusal: &Refusal) -> Result<(), Error> {
        let Discovered { metadata, server, resource } = discovered;
        let current = self.current().filter(|current| current.tokens.issuer == server.issuer);
        let scopes = self.scopes(discovered, refusal, current.as_deref());
        let is_offered = server.dpop_signing_alg_values_supported.iter().any(|alg| alg == "ES256");
        let is_asked_for = refusal.asks_for_dpop()
            || metadata.as_ref().is_some_and(|metadata| {
                metadata.dpop_bound_access_tokens_required
                    || metadata.dpop_signing_alg_values_supported.iter().any(|alg| alg == "ES256")
            });
        let binds = match self.settings.dpop {
            Dpop::Never => false,
            Dpop::WhenAsked => is_offered && is_asked_for,
            Dpop::Always => true,
        };
        let kept = current.as_ref().and_then(|current| current.tokens.dpop_key.as_ref());
        let key = match kept {
            _ if !binds => None,
            Some(kept) => Some(DpopKey::restore(kept)?),
            None => Some(DpopKey::generate()?),
        };
        let scope = (!scopes.is_empty()).then(|| scopes.join(" "));
        let wanted = Wanted { server, resource, scope: scope.as_deref(), dpop: key.as_ref() };
        let (identity, response) = self.grant(turn.home.as_deref(), &wanted).await?;
        turn.home.get_or_insert_with(|| server.issuer.clone());
        let tokens = Tokens {
            issuer: server.issuer.clone(),
            client_id: identity.client_id,
            resource: resource.clone(),
            expires_at: response.expires_at(),
            refresh_token: response.refresh_token.clone(),
            access_token: response.access_token.clone(),
            scopes,
            dpop_key: None,
        };
        self.keep(tokens, key, &response).await
    }

    /// Selects the scopes to ask for.
    fn scopes(&self, discovered: &Discovered, refusal: &Refusal, current: Option<&Current>) -> Vec<String> {
        let Discovered { metadata, server, .. } = discovered;
        let mut scopes = union(self.settings.scopes.iter().cloned(), refusal.scopes());
        if scopes.is_empty() {
            scopes = metadata.as_ref().map(|metadata| metadata.scopes_supported.clone()).unwrap_or_default();
        }
        if refusal.is_forbidden || !refusal.scopes().is_empty() {
            // What was asked for before is not given up for what is needed now.
            scopes = union(current.map(|current| current.tokens.scopes.clone()).unwrap_or_default(), scopes);
        }
        let offline = "offline_access";
        if self.settings.grant.has_user() && server.scopes_supported.iter().any(|scope| scope == offline) {
            scopes = union(scopes, [offline.to_owned()]);
        }
        scopes
    }

    /// Gets new tokens for old ones.
    async fn refresh(&self, turn: &mut Turn, current: &Arc<Current>) -> Result<(), Error> {
        // Whoever shares the store may have been here first, and a refresh token is often of use only once.
        let newer = self.adopt(current).await?;
        if newer.as_ref().is_some_and(|newer| !is_due(newer)) {
            return Ok(());
        }
        let current = newer.as_ref().unwrap_or(current);
        match self.refresh_by(turn, current).await {
            Err(error) if error.oauth_error() == Some("invalid_grant") && self.adopt(current).await?.is_some() => {
                Ok(())
            }
            done => done,
        }
    }

    async fn refresh_by(&self, turn: &mut Turn, current: &Current) -> Result<(), Error> {
        let Tokens { issuer, client_id, resource, refresh_token, .. } = &current.tokens;
        let refresh_token = refresh_token.as_ref().ok_or_else(|| Error::refused("there is no refresh token"))?;
        let server = self.server_of(turn, issuer).await?;
        let identity = self.identity_of(issuer, client_id).await?;
        let endpoint = TokenEndpoint::of(&server, &self.fetcher, &self.nonces, &identity, current.key.as_ref())?;
        let parameters =
            [("grant_type", "refresh_token"), ("refresh_token", refresh_token.expose()), ("resource", resource)];
        let response = endpoint.request(&parameters).await?;
        let tokens = Tokens {
            access_token: response.access_token.clone(),
            refresh_token: response.refresh_token.clone().or_else(|| current.tokens.refresh_token.clone()),
            expires_at: response.expires_at(),
            dpop_key: None,
            ..current.tokens.clone()
        };
        let key = current.tokens.dpop_key.as_ref().map(DpopKey::restore).transpose()?;
        self.keep(tokens, key, &response).await
    }

    async fn server_of(&self, turn: &mut Turn, issuer: &str) -> Result<Arc<ServerMetadata>, Error> {
        if let Some(endpoints) = &self.settings.endpoints {
            return Ok(Arc::new(endpoints.clone()));
        }
        if let Some(known) = turn.server.clone().filter(|known| known.issuer == issuer) {
            return Ok(known);
        }
        let found = match server_metadata(&self.fetcher, issuer).await {
            Err(error) if error.is_refused() && issuer.trim_end_matches('/') == self.settings.server.origin() => {
                server_metadata_of_first_revision(&self.fetcher, &self.settings.server).await?
            }
            found => found?,
        };
        if found.issuer != issuer {
            return Err(Error::refused("the authorization server has another name than before"));
        }
        Ok(turn.server.insert(Arc::new(found)).clone())
    }
}

fn is_due(current: &Current) -> bool {
    current.tokens.refresh_token.is_some() && current.tokens.expires_within(LEEWAY_SECONDS)
}

/// Returns what is in either, once, in order.
fn union(a: impl IntoIterator<Item = String>, b: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut all = Vec::new();
    for item in a.into_iter().chain(b) {
        if !all.contains(&item) {
            all.push(item);
        }
    }
    all
}
