//! The keys that an issuer publishes, fetched when they are needed and kept for a while.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex as Turn;
use tokio::task::AbortHandle;

use super::algorithm::VerifyingKey;
use super::config::seconds;
use crate::discovery::{self, OfIssuer};
use crate::fetch::{Fetcher, is_private};
use crate::url::Url;
use crate::{Error, Reach};

/// How many keys of one issuer are kept.
const MAX_KEYS: usize = 64;

/// How long nothing is fetched at most where there are no keys, and nobody is let in until there are.
const WITHOUT_KEYS: Duration = Duration::from_secs(2);

/// How the keys of an issuer are fetched: from https, or from this machine, and never more than 256 KiB.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct JwksConfig {
    /// How long keys are used before they are fetched again. 10 minutes.
    #[serde(rename = "max_age_seconds", with = "seconds")]
    pub max_age: Duration,
    /// How long keys are used that cannot be fetched again. 24 hours.
    #[serde(rename = "max_stale_seconds", with = "seconds")]
    pub max_stale: Duration,
    /// How long nothing is fetched after a token with an unknown key, or after a fetch that failed; 2 seconds at most as
    /// long as there are no keys at all. 30 seconds.
    #[serde(rename = "cooldown_seconds", with = "seconds")]
    pub cooldown: Duration,
    /// How long one fetch may take. 5 seconds.
    #[serde(rename = "timeout_seconds", with = "seconds")]
    pub timeout: Duration,
    /// Which addresses may be reached. Those of the Internet, unless the issuer itself has an address that is not.
    #[serde(skip)]
    pub reach: Option<Reach>,
}

impl Default for JwksConfig {
    fn default() -> Self {
        Self {
            max_age: Duration::from_secs(600),
            max_stale: Duration::from_secs(24 * 3600),
            cooldown: Duration::from_secs(30),
            timeout: Duration::from_secs(5),
            reach: None,
        }
    }
}

/// What there is for a token.
pub(super) enum Lookup {
    /// Keys, among which there is one of its name, or which it does not choose among.
    Keys(Arc<[VerifyingKey]>),
    /// Its key is none of the issuer's.
    Unknown,
    /// The issuer cannot be asked.
    Unavailable,
}

pub(super) struct Jwks {
    shared: Arc<Shared>,
    /// A fetch that nobody waits for.
    refreshing: Mutex<Option<AbortHandle>>,
}

struct Shared {
    issuer: String,
    url: Option<Url>,
    fetcher: Fetcher,
    config: JwksConfig,
    state: RwLock<State>,
    /// Held by whoever fetches.
    turn: Turn<()>,
}

#[derive(Clone, Default)]
struct State {
    keys: Option<(Arc<[VerifyingKey]>, Instant)>,
    tried: Option<Instant>,
}

impl Jwks {
    pub(super) fn new(issuer: &str, url: Option<&str>, config: JwksConfig) -> Result<Self, Error> {
        let usage = |error: Error| Error::usage("the keys of an issuer cannot be fetched").with_source(error);
        let from = Url::parse(url.unwrap_or(issuer), "where keys are fetched from").map_err(usage)?;
        let reach = config.reach.unwrap_or(match from.ip().map(is_private) {
            Some(true) => Reach::Private,
            _ if from.is_loopback() => Reach::Private,
            _ => Reach::Public,
        });
        let fetcher = Fetcher::new(reach, config.timeout)?;
        let url = url.map(|_| from);
        let issuer = issuer.to_owned();
        let shared = Shared { issuer, url, fetcher, config, state: RwLock::default(), turn: Turn::new(()) };
        Ok(Self { shared: Arc::new(shared), refreshing: Mutex::default() })
    }

    /// Finds the keys that a token may be signed with.
    pub(super) async fn find(&self, kid: Option<&str>) -> Lookup {
        let shared = &self.shared;
        if let Some((keys, fetched)) = shared.kept() {
            let is_old = fetched.elapsed() > shared.config.max_age;
            if has(&keys, kid) {
                if is_old {
                    self.refresh();
                }
                return Lookup::Keys(keys);
            }
        }
        shared.fetch_in_turn(kid).await;
        match shared.kept() {
            Some((keys, _)) if has(&keys, kid) => Lookup::Keys(keys),
            Some(_) => Lookup::Unknown,
            None => Lookup::Unavailable,
        }
    }

    /// Fetches keys without anybody waiting for them.
    fn refresh(&self) {
        let mut refreshing = self.refreshing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.shared.is_cooling() || refreshing.as_ref().is_some_and(|running| !running.is_finished()) {
            return;
        }
        let shared = self.shared.clone();
        let fetching = async move {
            let _turn = shared.turn.lock().await;
            if !shared.is_cooling() {
                shared.fetch().await;
            }
        };
        *refreshing = Some(tokio::spawn(fetching).abort_handle());
    }
}

impl Drop for Jwks {
    fn drop(&mut self) {
        if let Some(running) = self.refreshing.lock().unwrap_or_else(PoisonError::into_inner).take() {
            running.abort();
        }
    }
}

fn has(keys: &[VerifyingKey], kid: Option<&str>) -> bool {
    kid.is_none_or(|kid| keys.iter().any(|key| key.id() == Some(kid)))
}

impl Shared {
    /// Returns the keys there are, and when they were fetched, unless that is too long ago.
    fn kept(&self) -> Option<(Arc<[VerifyingKey]>, Instant)> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        state.keys.clone().filter(|(_, fetched)| fetched.elapsed() <= self.config.max_stale)
    }

    fn is_cooling(&self) -> bool {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let cooldown = if state.keys.is_some() { self.config.cooldown } else { self.config.cooldown.min(WITHOUT_KEYS) };
        state.tried.is_some_and(|tried| tried.elapsed() < cooldown)
    }

    /// Fetches keys, unless somebody else has done so meanwhile, or a short while ago.
    async fn fetch_in_turn(&self, kid: Option<&str>) {
        if self.is_cooling() {
            // Whoever is fetching right now may bring the key.
            let _turn = self.turn.lock().await;
            return;
        }
        let _turn = self.turn.lock().await;
        let is_there = self.kept().is_some_and(|(keys, _)| has(&keys, kid));
        if !is_there && !self.is_cooling() {
            self.fetch().await;
        }
    }

    async fn fetch(&self) {
        self.state.write().unwrap_or_else(PoisonError::into_inner).tried = Some(Instant::now());
        match self.fetched().await {
            Ok(keys) => {
                let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
                state.keys = Some((keys.into(), Instant::now()));
            }
            Err(error) => {
                let source = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(issuer = %self.issuer, %error, source, "the keys of an issuer cannot be fetched");
            }
        }
    }

    async fn fetched(&self) -> Result<Vec<VerifyingKey>, Error> {
        let url = match &self.url {
            Some(url) => url.clone(),
            None => {
                let metadata: Metadata = discovery::of_issuer(&self.fetcher, &self.issuer).await?;
                Url::parse(&metadata.jwks_uri, "the URL of the issuer's keys")?
            }
        };
        let answer = self.fetcher.get(&url).await?;
        if !answer.status.is_success() {
            let status = answer.status.as_u16();
            return Err(Error::connect(format!("{} answers with status {status}", url.as_str())));
        }
        let set: Set = discovery::read(&answer.body, &url)?;
        let keys = set.keys.iter().filter_map(|jwk| VerifyingKey::from_jwk(jwk).ok());
        // A secret that is published is none.
        Ok(keys.filter(|key| !key.is_secret()).take(MAX_KEYS).collect())
    }
}

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

impl OfIssuer for Metadata {
    fn issuer(&self) -> &str {
        &self.issuer
    }
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<Value>,
}

impl fmt::Debug for Jwks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwks").field("issuer", &self.shared.issuer).finish_non_exhaustive()
    }
}
