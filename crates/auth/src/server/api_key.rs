//! API keys: long random texts that stand for somebody.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::Deserialize;
use turbomcp_transport::Principal;

use super::config::{Holder, seconds};
use crate::{Error, Secret};

/// How many hexadecimal digits the id of a key has.
const ID: usize = 16;

/// How many hexadecimal digits the random part of a key has.
const RANDOM: usize = 64;

/// Who vouches for the holders of API keys.
const ISSUER: &str = "api-key";

/// Where API keys are shown, and which are good.
///
/// ```
/// use turbomcp_auth::server::{ApiKey, ApiKeyConfig, Holder};
///
/// let (key, entry) = ApiKey::generate("notes", Holder::new("ada").scopes(["notes.read"]));
/// // Hand `key` to Ada: it is not kept. Of `entry` the hash is all that needs to be.
/// assert!(key.expose().starts_with("notes_"));
/// let config = ApiKeyConfig::default().prefix("notes").header("X-Notes-Key").key(entry);
/// # drop(config);
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ApiKeyConfig {
    /// The header they are shown in; in `Authorization`, behind `Bearer` or `ApiKey`. `X-API-Key`.
    pub header: String,
    /// What they begin with. `mcp`.
    pub prefix: String,
    /// The keys, which can be added and removed at any time.
    pub keys: ApiKeys,
}

impl Default for ApiKeyConfig {
    fn default() -> Self {
        Self { header: "X-API-Key".to_owned(), prefix: "mcp".to_owned(), keys: ApiKeys::default() }
    }
}

impl ApiKeyConfig {
    /// Sets the header that keys are shown in.
    #[must_use]
    pub fn header(mut self, header: impl Into<String>) -> Self {
        self.header = header.into();
        self
    }

    /// Sets what keys begin with.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Adds a key.
    #[must_use]
    pub fn key(self, key: ApiKey) -> Self {
        self.keys.add(key);
        self
    }

    /// Takes keys that are changed elsewhere.
    #[must_use]
    pub fn keys(mut self, keys: ApiKeys) -> Self {
        self.keys = keys;
        self
    }
}

/// The keys that are good at the moment. Clones share them, so that they can be changed while a server runs.
///
/// Somebody may have several, of which the old one is removed once the new one is in use.
///
/// ```
/// use turbomcp_auth::server::{ApiKey, ApiKeys, Holder};
///
/// let keys = ApiKeys::default();
/// let (_old, entry) = ApiKey::generate("mcp", Holder::new("ada"));
/// let old = entry.id().to_owned();
/// keys.add(entry);
/// let (_new, entry) = ApiKey::generate("mcp", Holder::new("ada"));
/// keys.add(entry);
/// assert!(keys.remove(&old));
/// assert_eq!(keys.ids().len(), 1);
/// ```
#[derive(Debug, Clone, Default)]
pub struct ApiKeys {
    by_id: Arc<RwLock<HashMap<String, ApiKey>>>,
}

impl ApiKeys {
    /// Adds a key, in place of one with the same id. Keys that have expired are removed.
    pub fn add(&self, key: ApiKey) {
        let mut by_id = self.by_id.write().unwrap_or_else(PoisonError::into_inner);
        let now = SystemTime::now();
        by_id.retain(|_, known| known.expires_at.is_none_or(|at| now < at));
        by_id.insert(key.id.clone(), key);
    }

    /// Removes the key with this id, from the next request on; false if there is none.
    #[must_use]
    pub fn remove(&self, id: &str) -> bool {
        self.by_id.write().unwrap_or_else(PoisonError::into_inner).remove(id).is_some()
    }

    /// Returns the ids of all keys.
    #[must_use]
    pub fn ids(&self) -> Vec<String> {
        self.by_id.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    fn get(&self, id: &str) -> Option<ApiKey> {
        self.by_id.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }
}

impl<'de> Deserialize<'de> for ApiKeys {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let keys = Self::default();
        Vec::<ApiKey>::deserialize(deserializer)?.into_iter().for_each(|key| keys.add(key));
        Ok(keys)
    }
}

/// What is kept of an API key: its hash, and whom it stands for.
#[derive(Clone, Deserialize)]
#[serde(try_from = "Written")]
pub struct ApiKey {
    id: String,
    sha256: [u8; 32],
    expires_at: Option<SystemTime>,
    principal: Principal,
}

impl ApiKey {
    /// Makes up a key, and returns it with what is to be kept of it.
    ///
    /// # Panics
    ///
    /// If the operating system gives no random bytes.
    #[must_use]
    pub fn generate(prefix: &str, holder: Holder) -> (Secret, Self) {
        let mut bytes = [0; (ID + RANDOM) / 2];
        SystemRandom::new().fill(&mut bytes).expect("the operating system gives random bytes");
        let digits = hex(&bytes);
        let (id, random) = digits.split_at(ID);
        let key = Secret::new(format!("{prefix}_{id}_{random}"));
        let sha256 = hash(key.expose());
        let principal = Principal::from(holder).with_issuer(ISSUER);
        (key, Self { id: id.to_owned(), sha256, expires_at: None, principal })
    }

    /// Takes what was kept of a key: its id, and its SHA-256 as hexadecimal digits.
    ///
    /// # Errors
    ///
    /// `is_usage()` if it is neither.
    pub fn from_hash(id: impl Into<String>, sha256: &str, holder: Holder) -> Result<Self, Error> {
        let id = id.into();
        if id.len() != ID || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(Error::usage("the id of an API key has 16 hexadecimal digits"));
        }
        let sha256 = unhex(sha256).ok_or_else(|| Error::usage("a SHA-256 has 64 hexadecimal digits"))?;
        Ok(Self { id, sha256, expires_at: None, principal: Principal::from(holder).with_issuer(ISSUER) })
    }

    /// Says until when the key is good.
    #[must_use]
    pub fn expires_at(mut self, at: SystemTime) -> Self {
        self.expires_at = Some(at);
        self.principal = self.principal.with_expiry(at);
        self
    }

    /// Returns the part of the key that may be shown.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the SHA-256 of the key, as hexadecimal digits.
    #[must_use]
    pub fn sha256(&self) -> String {
        hex(&self.sha256)
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// An API key as it is written in a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    id: String,
    sha256: String,
    #[serde(default, rename = "expires_at_seconds", with = "seconds::optional")]
    expires_at: Option<std::time::Duration>,
    holder: Holder,
}

impl TryFrom<Written> for ApiKey {
    type Error = Error;

    fn try_from(written: Written) -> Result<Self, Error> {
        let key = Self::from_hash(written.id, &written.sha256, written.holder)?;
        Ok(match written.expires_at {
            Some(at) => key.expires_at(
                SystemTime::UNIX_EPOCH
                    .checked_add(at)
                    .ok_or_else(|| Error::usage("an API key expires at a moment that no clock will show"))?,
            ),
            None => key,
        })
    }
}

#[derive(Debug)]
pub(super) struct ApiKeyVerifier {
    prefix: String,
    keys: ApiKeys,
}

impl ApiKeyVerifier {
    pub(super) fn new(config: &ApiKeyConfig) -> Result<Self, Error> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if config.prefix.is_empty() || !config.prefix.bytes().all(is_plain) {
            return Err(Error::usage("the prefix of API keys is made of letters, digits and hyphens"));
        }
        Ok(Self { prefix: config.prefix.clone(), keys: config.keys.clone() })
    }

    /// Returns true if a text looks like one of these keys.
    pub(super) fn claims(&self, key: &str) -> bool {
        key.strip_prefix(&*self.prefix).is_some_and(|rest| rest.starts_with('_'))
    }

    /// Returns true if a text is built as one of these keys is, whatever follows its id.
    pub(super) fn has_shape(&self, key: &str) -> bool {
        let rest = key.strip_prefix(&*self.prefix).and_then(|rest| rest.strip_prefix('_'));
        rest.and_then(|rest| rest.split_once('_'))
            .is_some_and(|(id, _)| id.len() == ID && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
    }

    pub(super) fn verify(&self, key: &str) -> Result<Principal, &'static str> {
        const BAD: &str = "the API key is not valid";
        let parts = key.strip_prefix(&*self.prefix).and_then(|rest| rest.strip_prefix('_'));
        let Some((id, random)) = parts.and_then(|rest| rest.split_once('_')) else { return Err(BAD) };
        if id.len() != ID || random.len() != RANDOM {
            return Err(BAD);
        }
        let shown = hash(key);
        // Whether there is such an id is not told by how long it takes.
        let known = self.keys.get(id);
        let expected = known.as_ref().map_or([0; 32], |key| key.sha256);
        let is_equal = expected.iter().zip(shown).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0;
        let Some(known) = known.filter(|_| is_equal) else { return Err(BAD) };
        if known.expires_at.is_some_and(|at| at <= SystemTime::now()) {
            return Err("the API key has expired");
        }
        Ok(known.principal)
    }
}

fn hash(key: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, key.as_bytes()).as_ref());
    hash
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads 64 hexadecimal digits.
pub(super) fn unhex(text: &str) -> Option<[u8; 32]> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|digit| digit.to_digit(16).and_then(|value| u8::try_from(value).ok())).collect();
    let bytes: Vec<u8> = digits?.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect();
    (text.len() == 64).then_some(())?;
    bytes.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_known_by_its_hash_and_by_nothing_else() {
        let (key, entry) = ApiKey::generate("mcp", Holder::new("ada"));
        let kept = ApiKey::from_hash(entry.id(), &entry.sha256(), Holder::new("ada")).unwrap();
        let verifier = ApiKeyVerifier::new(&ApiKeyConfig::default().key(kept)).unwrap();
        assert_eq!(verifier.verify(key.expose()).unwrap().subject(), "ada");
        let text = key.expose();
        let other = if text.ends_with('0') { "1" } else { "0" };
        for wrong in [
            text[..text.len() - 1].to_owned(),
            format!("{}{other}", &text[..text.len() - 1]),
            format!("{text}0"),
            text.to_uppercase(),
            text.replace("mcp_", "pcm_"),
            format!("mcp_{}", &text[21..]),
            entry.sha256(),
            String::new(),
            "mcp_".to_owned(),
            "mcp__".to_owned(),
        ] {
            assert!(verifier.verify(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn nothing_of_a_key_is_shown() {
        let (key, entry) = ApiKey::generate("mcp", Holder::new("ada"));
        let random = &key.expose()[21..];
        assert!(!format!("{key:?}{entry:?}").contains(random));
    }

    #[test]
    fn keys_that_have_expired_go_when_one_is_added() {
        let entry = || ApiKey::generate("mcp", Holder::new("ada")).1;
        let keys = ApiKeys::default();
        keys.add(entry().expires_at(SystemTime::now()));
        assert_eq!(keys.ids().len(), 1);
        let new = entry();
        keys.add(new.clone());
        assert_eq!(keys.ids(), [new.id()]);
    }

    #[test]
    fn a_moment_that_no_clock_shows_is_refused() {
        let written = |at: u64| {
            serde_json::json!({
                "id": "0123456789abcdef", "sha256": "0".repeat(64), "expires_at_seconds": at, "holder": {"subject": "ada"},
            })
        };
        assert!(serde_json::from_value::<ApiKey>(written(1)).is_ok());
        assert!(serde_json::from_value::<ApiKey>(written(u64::MAX)).is_err());
    }

    #[test]
    fn what_was_kept_is_checked() {
        let hash = "0".repeat(64);
        assert!(ApiKey::from_hash("0123456789abcdef", &hash, Holder::new("a")).is_ok());
        for (id, hash) in [("0123", hash.as_str()), ("0123456789abcdeg", &hash), ("0123456789abcdef", "00"), ("", "")] {
            assert!(ApiKey::from_hash(id, hash, Holder::new("a")).unwrap_err().is_usage(), "{id}");
        }
    }
}
