//! The keys that an issuer publishes, fetched when they are needed and kept for a while.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::algorithm::VerifyingKey;
use super::config::seconds;
use crate::discovery::{self, OfIssuer};
use crate::fetch::Fetcher;
use crate::url::Url;
use crate::{Error, Reach};

/// How many keys of one issuer are kept.
const MAX_KEYS: usize = 64;

/// How long nothing is fetched at most where there are no keys, and nobody is let in until there are.
const WITHOUT_KEYS: Duration = Duration::from_secs(2);

/// How the keys of an issuer are fetched: from https, or from this machine, and never more than 256 KiB.
///
/// ```
/// use std::time::Duration;
/// use turbomcp_auth::server::{JwksConfig, JwtConfig};
///
/// let jwks = JwksConfig::default().max_age(Duration::from_secs(60)).timeout(Duration::from_secs(2));
/// let config = JwtConfig::new("https://id.example", "https://notes.example/mcp").jwks(jwks);
/// # drop(config);
/// ```
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

impl JwksConfig {
    /// Sets how long keys are used before they are fetched again.
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = age;
        self
    }

    /// Sets how long keys are used that cannot be fetched again.
    #[must_use]
    pub fn max_stale(mut self, age: Duration) -> Self {
        self.max_stale = age;
        self
    }

    /// Sets how long nothing is fetched after a token with an unknown key, or after a fetch that failed.
    #[must_use]
    pub fn cooldown(mut self, cooldown: Duration) -> Self {
        self.cooldown = cooldown;
        self
    }

    /// Sets how long one fetch may take.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets which addresses may be reached.
    #[must_use]
    pub fn reach(mut self, reach: Reach) -> Self {
        self.reach = Some(reach);
        self
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
    /// The fetch that runs, or the last that did.
    fetch: Mutex<Option<Fetch>>,
}

/// A fetch, which is nobody's who waits for it: if it ended with a request, whoever goes away in time could keep the keys
/// from everybody else.
struct Fetch {
    task: AbortHandle,
    ended: Ended,
}

/// Closed once a fetch has ended.
type Ended = watch::Receiver<()>;

struct Shared {
    issuer: String,
    url: Option<Url>,
    fetcher: Fetcher,
    config: JwksConfig,
    state: RwLock<State>,
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
        let fetcher = Fetcher::new(config.reach.unwrap_or_else(|| Reach::of(&from)), config.timeout)?;
        let url = url.map(|_| from);
        let issuer = issuer.to_owned();
        let shared = Shared { issuer, url, fetcher, config, state: RwLock::default() };
        Ok(Self { shared: Arc::new(shared), fetch: Mutex::default() })
    }

    /// Finds the keys that a token may be signed with.
    pub(super) async fn find(&self, kid: Option<&str>) -> Lookup {
        let shared = &self.shared;
        let kept = shared.kept().filter(|(keys, _)| has(keys, kid));
        let awaited = match kept {
            Some((keys, fetched)) => {
                let age = fetched.elapsed();
                let refresh = if age > shared.config.max_age { self.refresh() } else { None };
                // Keys that nobody has asked for in a long time are not believed once more before the issuer was asked.
                match refresh {
                    Some(ended) if age > shared.config.max_age.saturating_mul(2) => Some(ended),
                    _ => return Lookup::Keys(keys),
                }
            }
            None => self.refresh(),
        };
        if let Some(mut ended) = awaited {
            // An error says that it has ended.
            while ended.changed().await.is_ok() {}
        }
        match shared.kept() {
            Some((keys, _)) if has(&keys, kid) => Lookup::Keys(keys),
            Some(_) => Lookup::Unknown,
            None => Lookup::Unavailable,
        }
    }

    /// Fetches keys, unless somebody has done so a short while ago; returns the fetch that runs, if there is one.
    fn refresh(&self) -> Option<Ended> {
        let mut fetch = self.fetch.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = fetch.as_ref().filter(|running| running.ended.has_changed().is_ok()) {
            return Some(running.ended.clone());
        }
        if self.shared.is_cooling() {
            return None;
        }
        let (ends, ended) = watch::channel(());
        let shared = self.shared.clone();
        let fetching = async move {
            // Dropped however this ends.
            let _ends = ends;
            shared.fetch().await;
        };
        *fetch = Some(Fetch { task: tokio::spawn(fetching).abort_handle(), ended: ended.clone() });
        Some(ended)
    }
}

impl Drop for Jwks {
    fn drop(&mut self) {
        if let Some(running) = self.fetch.lock().unwrap_or_else(PoisonError::into_inner).take() {
            running.task.abort();
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
        let cooldown = match self.kept() {
            Some(_) => self.config.cooldown,
            None => self.config.cooldown.min(WITHOUT_KEYS),
        };
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        state.tried.is_some_and(|tried| tried.elapsed() < cooldown)
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    async fn published(config: JwksConfig) -> (TcpListener, Arc<Jwks>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        (listener, Arc::new(Jwks::new("https://id.example", Some(&url), config).unwrap()))
    }

    /// Asks for a key of this name; true if there is one.
    fn asking(jwks: &Arc<Jwks>, kid: &'static str) -> tokio::task::JoinHandle<bool> {
        let jwks = jwks.clone();
        tokio::spawn(async move { matches!(jwks.find(Some(kid)).await, Lookup::Keys(_)) })
    }

    /// Waits until the keys are asked for.
    async fn accepted(listener: &TcpListener) -> (tokio::net::TcpStream, std::net::SocketAddr) {
        tokio::time::timeout(Duration::from_secs(20), listener.accept()).await.expect("they are asked for").unwrap()
    }

    /// Answers one request with a key of this name, and with a secret of another.
    async fn answer(stream: &mut tokio::net::TcpStream, kid: &str) {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(stream.read_u8().await.unwrap());
        }
        // RFC 7517, appendix A.1.
        let keys = serde_json::json!({"keys": [{
            "kty": "EC", "crv": "P-256", "kid": kid,
            "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
        }, {"kty": "oct", "kid": "secret", "k": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}]});
        let keys = keys.to_string();
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
        let answer = format!("{head}\r\ncontent-length: {}\r\n\r\n{keys}", keys.len());
        stream.write_all(answer.as_bytes()).await.unwrap();
    }

    #[tokio::test]
    async fn a_secret_that_is_published_is_no_key() {
        let (listener, jwks) = published(JwksConfig::default()).await;
        let asked = asking(&jwks, "secret");
        let (mut stream, _) = accepted(&listener).await;
        answer(&mut stream, "1").await;
        assert!(!asked.await.unwrap());
        assert!(asking(&jwks, "1").await.unwrap());
    }

    #[tokio::test]
    async fn a_fetch_does_not_end_with_the_request_that_began_it() {
        let (listener, jwks) = published(JwksConfig::default()).await;
        let first = asking(&jwks, "1");
        let (mut stream, _) = accepted(&listener).await;
        first.abort();
        assert!(first.await.unwrap_err().is_cancelled());
        let second = asking(&jwks, "1");
        answer(&mut stream, "1").await;
        assert!(second.await.unwrap());
    }

    #[tokio::test]
    async fn keys_of_long_ago_are_not_believed_before_the_issuer_was_asked() {
        let config = JwksConfig { max_age: Duration::ZERO, cooldown: Duration::ZERO, ..JwksConfig::default() };
        let (listener, jwks) = published(config).await;
        let first = asking(&jwks, "1");
        let (mut stream, _) = accepted(&listener).await;
        answer(&mut stream, "1").await;
        assert!(first.await.unwrap());
        let second = asking(&jwks, "1");
        let (mut stream, _) = accepted(&listener).await;
        answer(&mut stream, "2").await;
        assert!(!second.await.unwrap());
        // If the issuer cannot be asked, they are.
        let third = asking(&jwks, "2");
        drop(accepted(&listener).await);
        assert!(third.await.unwrap());
    }
}
