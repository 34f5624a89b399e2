//! Tokens that are of use only to who holds a key: each request is signed with it (RFC 9449).

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::request::Parts;
use http::{HeaderName, Uri};
use ring::digest::{SHA256, digest};
use ring::hmac;
use ring::rand::SystemRandom;
use serde::Deserialize;
use serde_json::Value;
use turbomcp_transport::proofs::SharedProofs;

use super::algorithm::{Algorithm, VerifyingKey};
use super::config::seconds;
use super::jws::{Jws, NumericDate};
use super::proofs::{Proofs, Unnoted};
use super::remembered::Fingerprints;
use crate::Error;
use crate::url::Url;

pub(super) static DPOP: HeaderName = HeaderName::from_static("dpop");

/// How long a nonce is taken.
const NONCE_AGE: u64 = 300;

/// The longest `jti` that is looked at.
const MAX_JTI: usize = 256;

/// How requests are signed.
///
/// ```
/// use std::time::Duration;
/// use turbomcp_auth::server::{DpopConfig, DpopTokens};
///
/// let config = DpopConfig::default().tokens(DpopTokens::Required).max_age(Duration::from_secs(30));
/// # drop(config);
/// ```
///
/// # Specification
///
/// [RFC 9449](https://www.rfc-editor.org/rfc/rfc9449)
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct DpopConfig {
    /// Which tokens must be bound to a key. Those that say so.
    pub tokens: DpopTokens,
    /// How requests may be signed. ES256.
    pub algorithms: Vec<Algorithm>,
    /// How old a signature may be, and by how much clocks may differ. 60 seconds.
    #[serde(rename = "max_age_seconds", with = "seconds")]
    pub max_age: Duration,
    /// Whether a signature must hold a nonce that the server has given. No.
    pub nonces: DpopNonces,
    /// What nonces are made and known with; the same at all servers that stand in for each other. Made up by each unless
    /// set; not read from files.
    #[serde(skip)]
    pub nonce_keys: NonceKeys,
    /// How many signatures are remembered, so that none is used twice, each until it is too old. 100,000.
    ///
    /// When there is no room left, a key that has an eighth of it is refused with 503, and for any other the oldest is
    /// forgotten, so that nobody keeps everybody else out by many requests. What is forgotten could be used once more, as
    /// long as it is not too old, by somebody who has seen it and its token: it takes eight keys that sign that many.
    pub remembered_proofs: usize,
    /// Where it is noted, too, which signatures were used, so that one that was used at one server is refused at all
    /// others that note them there. While that cannot be asked, signed requests are refused with 503. Each server for
    /// itself unless set; not read from files.
    #[serde(skip)]
    pub shared: Option<SharedProofs>,
}

impl Default for DpopConfig {
    fn default() -> Self {
        Self {
            tokens: DpopTokens::default(),
            algorithms: vec![Algorithm::ES256],
            max_age: Duration::from_secs(60),
            nonces: DpopNonces::default(),
            nonce_keys: NonceKeys::default(),
            remembered_proofs: 100_000,
            shared: None,
        }
    }
}

/// Keys of which the first makes nonces, and all know those they have made, so that one can be replaced.
///
/// Their `Debug` shows how many there are.
#[derive(Clone, Default)]
pub struct NonceKeys(Vec<hmac::Key>);

impl<I: IntoIterator<Item = [u8; 32]>> From<I> for NonceKeys {
    fn from(keys: I) -> Self {
        Self(keys.into_iter().map(|key| hmac::Key::new(hmac::HMAC_SHA256, &key)).collect())
    }
}

impl fmt::Debug for NonceKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NonceKeys").field("count", &self.0.len()).finish_non_exhaustive()
    }
}

/// Which tokens must be bound to a key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DpopTokens {
    /// Those that say so.
    #[default]
    Accepted,
    /// All of them.
    Required,
}

/// Whether a signature must hold a nonce that the server has given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DpopNonces {
    /// It need not.
    #[default]
    Unused,
    /// It must, which costs a client that has none one more request every five minutes.
    Required,
}

impl DpopConfig {
    /// Sets which tokens must be bound to a key.
    #[must_use]
    pub fn tokens(mut self, tokens: DpopTokens) -> Self {
        self.tokens = tokens;
        self
    }

    /// Sets how requests may be signed.
    #[must_use]
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = algorithms.into_iter().collect();
        self
    }

    /// Sets how old a signature may be.
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = age;
        self
    }

    /// Sets whether nonces are required.
    #[must_use]
    pub fn nonces(mut self, nonces: DpopNonces) -> Self {
        self.nonces = nonces;
        self
    }

    /// Sets what nonces are made and known with, 32 random bytes each: the first makes them, and what any of them has made
    /// is taken. Servers that stand in for each other have the same; unless set, each takes only its own nonces.
    #[must_use]
    pub fn nonce_keys(mut self, keys: impl Into<NonceKeys>) -> Self {
        self.nonce_keys = keys.into();
        self
    }

    /// Has several servers note together which signatures were used.
    #[must_use]
    pub fn shared(mut self, proofs: SharedProofs) -> Self {
        self.shared = Some(proofs);
        self
    }

    /// Sets how many signatures are remembered.
    #[must_use]
    pub fn remembered_proofs(mut self, count: usize) -> Self {
        self.remembered_proofs = count;
        self
    }
}

/// Why a request is not signed as it must be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unproven {
    Proof(&'static str),
    /// It has to hold this nonce.
    Nonce(String),
    /// There is no room to note it, and many of this key are noted.
    Full,
    /// Nobody can say whether it was used elsewhere.
    Unknown,
}

pub(super) struct Dpop {
    config: DpopConfig,
    resource: Url,
    algorithms: String,
    fingerprints: Fingerprints,
    seen: Mutex<Proofs>,
    /// The first makes nonces, and all know them.
    nonces: Vec<hmac::Key>,
}

#[derive(Deserialize)]
struct Proof {
    jti: String,
    htm: String,
    htu: String,
    iat: NumericDate,
    ath: Option<String>,
    nonce: Option<String>,
}

impl Dpop {
    pub(super) fn new(config: DpopConfig, resource: Option<&Url>) -> Result<Self, Error> {
        let usage = |why: &'static str| Err(Error::usage(why));
        let Some(resource) = resource.cloned() else {
            return usage("DPoP needs the URL of the server, for requests are signed for it");
        };
        if config.algorithms.is_empty() || config.algorithms.iter().any(|algorithm| algorithm.is_symmetric()) {
            return usage("requests are signed with private keys: DPoP needs algorithms for these, and no others");
        }
        if config.max_age.is_zero() || config.max_age > Duration::from_secs(600) || config.remembered_proofs == 0 {
            return usage("signatures of requests are good for up to ten minutes, and some of them are remembered");
        }
        let names: Vec<_> = config.algorithms.iter().map(|algorithm| algorithm.name()).collect();
        let mut nonces = config.nonce_keys.0.clone();
        if nonces.is_empty() {
            let own = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new());
            nonces.push(own.map_err(|_| Error::usage("the operating system gives no random bytes"))?);
        }
        Ok(Self {
            algorithms: names.join(" "),
            seen: Mutex::new(Proofs::new(config.remembered_proofs)),
            config,
            resource,
            fingerprints: Fingerprints::new(),
            nonces,
        })
    }

    /// Returns the names of the algorithms, with spaces between them.
    pub(super) fn algorithms(&self) -> &str {
        &self.algorithms
    }

    pub(super) fn is_required(&self) -> bool {
        self.config.tokens == DpopTokens::Required
    }

    /// Checks that a request with a token is signed with the key of this thumbprint.
    pub(super) async fn check(&self, head: &Parts, token: &str, thumbprint: &str) -> Result<(), Unproven> {
        let bad = |why| Err(Unproven::Proof(why));
        let mut shown = head.headers.get_all(&DPOP).iter();
        let (Some(proof), None) = (shown.next(), shown.next()) else {
            return bad("a request with this token needs one DPoP proof");
        };
        let Some(jws) = proof.to_str().ok().and_then(Jws::read) else { return bad("the DPoP proof is malformed") };
        if jws.header.typ.as_deref() != Some("dpop+jwt") {
            return bad("the DPoP proof is of another type");
        }
        let Some(algorithm) = jws.algorithm(&self.config.algorithms) else {
            return bad("the DPoP proof is not signed as it must be");
        };
        let Some(jwk) = jws.header.jwk.as_ref().filter(|jwk| !holds_secret(jwk)) else {
            return bad("the DPoP proof holds no public key");
        };
        let Some(key) = VerifyingKey::from_jwk(jwk).ok().filter(|key| !key.is_secret()) else {
            return bad("the DPoP proof holds no public key");
        };
        if !jws.is_signed_by(&key, algorithm) {
            return bad("the signature of the DPoP proof is not valid");
        }
        let Ok(proof) = serde_json::from_slice::<Proof>(&jws.payload) else {
            return bad("the claims of the DPoP proof are malformed");
        };
        if thumbprint_of(jwk).as_deref() != Some(thumbprint) {
            return bad("the token is bound to another key");
        }
        if proof.htm != head.method.as_str() {
            return bad("the DPoP proof is for another method");
        }
        if !self.is_for(&proof.htu, &head.uri) {
            return bad("the DPoP proof is for another URL");
        }
        let expected = URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes()));
        if proof.ath.as_deref() != Some(&*expected) {
            return bad("the DPoP proof is for another token");
        }
        let (now, signed_at) = (SystemTime::now(), proof.iat.time());
        if now > signed_at + self.config.max_age || signed_at > now + self.config.max_age {
            return bad("the DPoP proof is too old, or from the future");
        }
        if self.config.nonces == DpopNonces::Required && !proof.nonce.is_some_and(|nonce| self.gave(&nonce)) {
            return Err(Unproven::Nonce(self.nonce()));
        }
        if proof.jti.is_empty() || proof.jti.len() > MAX_JTI {
            return bad("the DPoP proof has no usable `jti`");
        }
        let until = signed_at + self.config.max_age;
        self.note(thumbprint, &proof.jti, until, now)?;
        match &self.config.shared {
            None => Ok(()),
            Some(shared) => {
                let name = digest(&SHA256, format!("{thumbprint}:{}", proof.jti).as_bytes());
                // A little longer: the clocks of others may be late.
                let keep = until.duration_since(now).unwrap_or_default() + self.config.max_age;
                note_elsewhere(shared, &URL_SAFE_NO_PAD.encode(name), keep).await
            }
        }
    }

    /// Returns true if a URL is the one of the request, as far as the server can know: of the place where it is for clients,
    /// and of its path or that of the request.
    fn is_for(&self, htu: &str, uri: &Uri) -> bool {
        let Ok(signed) = Url::parse(htu, "what is signed for") else { return false };
        signed.uri().query().is_none()
            && signed.is_same_origin(&self.resource)
            && (signed.uri().path() == self.resource.uri().path() || signed.uri().path() == uri.path())
    }

    /// Notes that a signature was used, which is good until then; an error if it was before.
    fn note(&self, thumbprint: &str, jti: &str, until: SystemTime, now: SystemTime) -> Result<(), Unproven> {
        let key = self.fingerprints.of(thumbprint.as_bytes());
        let proof = self.fingerprints.of(format!("{thumbprint}:{jti}").as_bytes());
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.note(key, proof, until, now).map_err(|why| match why {
            Unnoted::UsedBefore => Unproven::Proof("the DPoP proof was used before"),
            Unnoted::Full => Unproven::Full,
        })
    }

    fn nonce(&self) -> String {
        nonce_of(&self.nonces[0], seconds_of(SystemTime::now()))
    }

    /// Returns true if a nonce is one that was given a short while ago.
    fn gave(&self, nonce: &str) -> bool {
        let given = URL_SAFE_NO_PAD.decode(nonce).ok();
        let given = given.and_then(|bytes| bytes.get(..8).and_then(|first| first.try_into().ok()));
        let Some(given) = given.map(u64::from_be_bytes) else { return false };
        // Whoever could tell how far it is right has the whole of it from the refusal already.
        let is_known = self.nonces.iter().any(|key| nonce == nonce_of(key, given));
        let now = seconds_of(SystemTime::now());
        // The clock of the server that gave it may be ahead.
        is_known && given <= now + self.config.max_age.as_secs() && now.saturating_sub(given) <= NONCE_AGE
    }
}

fn nonce_of(key: &hmac::Key, given: u64) -> String {
    let tag = hmac::sign(key, &given.to_be_bytes());
    URL_SAFE_NO_PAD.encode([&given.to_be_bytes()[..], &tag.as_ref()[..16]].concat())
}

/// Notes where others do that a signature was used; an error if it was before.
async fn note_elsewhere(shared: &SharedProofs, name: &str, keep: Duration) -> Result<(), Unproven> {
    match shared.note(name, keep).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(Unproven::Proof("the DPoP proof was used before")),
        Err(error) => {
            tracing::error!(error, "it cannot be told whether a DPoP proof was used elsewhere");
            Err(Unproven::Unknown)
        }
    }
}

fn seconds_of(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Returns true if a key is not only public.
fn holds_secret(jwk: &Value) -> bool {
    ["d", "p", "q", "dp", "dq", "qi", "oth", "k"].iter().any(|member| jwk.get(member).is_some())
}

/// Returns the thumbprint of a public key (RFC 7638).
pub(super) fn thumbprint_of(jwk: &Value) -> Option<String> {
    let text = |name: &str| jwk.get(name).and_then(Value::as_str);
    // In the order of their names, without spaces; none of the values needs an escape, or it would be no key.
    let members: &[&str] = match text("kty")? {
        "EC" => &["crv", "kty", "x", "y"],
        "RSA" => &["e", "kty", "n"],
        "OKP" => &["crv", "kty", "x"],
        _ => return None,
    };
    let members: Option<Vec<_>> = members.iter().map(|name| Some(format!("\"{name}\":\"{}\"", text(name)?))).collect();
    let canonical = format!("{{{}}}", members?.join(","));
    Some(URL_SAFE_NO_PAD.encode(digest(&SHA256, canonical.as_bytes())))
}

impl fmt::Debug for Dpop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dpop").field("config", &self.config).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dpop(config: DpopConfig) -> Dpop {
        Dpop::new(config, Some(&Url::parse("https://notes.example/mcp", "it").unwrap())).unwrap()
    }

    #[test]
    fn the_thumbprint_is_that_of_the_rfc() {
        // RFC 7638, section 3.1.
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n\
                 3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zg\
                 dAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCu\
                 r-kEgU8awapJzKnqDKgw";
        let jwk = serde_json::json!({"kty": "RSA", "n": n, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"});
        assert_eq!(thumbprint_of(&jwk).unwrap(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    #[test]
    fn a_proof_is_used_once_and_room_for_them_is_bounded() {
        let dpop = dpop(DpopConfig::default().remembered_proofs(2));
        let now = SystemTime::now();
        let note = |key: &str, jti: &str| dpop.note(key, jti, now + Duration::from_secs(60), now);
        assert_eq!(note("ada", "a"), Ok(()));
        assert_eq!(note("ada", "a"), Err(Unproven::Proof("the DPoP proof was used before")));
        assert_eq!(note("ada", "b"), Ok(()));
        assert_eq!(note("ada", "c"), Err(Unproven::Full));
        assert_eq!(note("eve", "a"), Ok(()), "the same name, of another key");
    }

    #[test]
    fn nonces_are_known_to_all_that_have_the_key() {
        let with = |keys: &[u8]| dpop(DpopConfig::default().nonce_keys(keys.iter().map(|&key| [key; 32])));
        let (old, both, new) = (with(&[1]), with(&[2, 1]), with(&[2]));
        assert!(both.gave(&old.nonce()) && new.gave(&both.nonce()) && both.gave(&new.nonce()));
        assert!(!old.gave(&both.nonce()) && !new.gave(&old.nonce()));
        assert!(!dpop(DpopConfig::default()).gave(&dpop(DpopConfig::default()).nonce()), "each has its own unless set");
        assert_eq!(format!("{:?}", NonceKeys::from([[7; 32]])), "NonceKeys { count: 1, .. }");
    }

    #[test]
    fn a_nonce_is_one_that_was_given_lately() {
        let dpop = dpop(DpopConfig::default());
        let now = seconds_of(SystemTime::now());
        assert!(dpop.gave(&dpop.nonce()));
        assert!(!dpop.gave(&nonce_of(&dpop.nonces[0], now - NONCE_AGE - 5)));
        assert!(!dpop.gave(&nonce_of(&dpop.nonces[0], now + 120)));
        for bad in ["", "x", "AAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
            assert!(!dpop.gave(bad), "{bad}");
        }
    }

    #[test]
    fn a_proof_is_for_the_url_of_the_request() {
        let dpop = dpop(DpopConfig::default());
        let uri: Uri = "/ws?x=1".parse().unwrap();
        for (htu, expected) in [
            ("https://notes.example/mcp", true),
            ("https://NOTES.example:443/mcp", true),
            ("https://notes.example/ws", true),
            ("https://notes.example/mcp/", false),
            ("https://notes.example/mcp?x=1", false),
            ("https://other.example/mcp", false),
            ("http://notes.example/mcp", false),
            ("/mcp", false),
            ("", false),
        ] {
            assert_eq!(dpop.is_for(htu, &uri), expected, "{htu}");
        }
    }
}
