//! What was found out about tokens, so that it is not found out for each request.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hasher, RandomState};
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom as _, SystemRandom};
use turbomcp_transport::Principal;

use super::jws::Confirmation;

/// How long a token that an issuer does not know is not asked about again.
const REFUSED: Duration = Duration::from_secs(10);

/// How many of those are remembered.
const MAX_REFUSED: usize = 4096;

/// Makes short names for texts: nobody who does not know the key finds two texts with the same name, and a name says
/// nothing about its text.
///
/// It is the tag of an empty message with the text beside it. Its nonce never changes, which would give the key away to
/// somebody who sees tags; none ever leaves this process. A hash would cost about ten times as much.
pub(super) struct Fingerprints {
    key: LessSafeKey,
}

impl Fingerprints {
    pub(super) fn new() -> Self {
        let mut bytes = [0; 32];
        SystemRandom::new().fill(&mut bytes).expect("the operating system gives random bytes");
        let key = UnboundKey::new(&AES_256_GCM, &bytes).expect("the key has the right length");
        Self { key: LessSafeKey::new(key) }
    }

    pub(super) fn of(&self, text: &[u8]) -> u128 {
        let nonce = Nonce::assume_unique_for_key([0; NONCE_LEN]);
        let tag = self.key.seal_in_place_separate_tag(nonce, Aad::from(text), &mut []);
        tag.map_or(0, |tag| tag.as_ref().iter().fold(0, |name, byte| name << 8 | u128::from(*byte)))
    }
}

impl fmt::Debug for Fingerprints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fingerprints").finish_non_exhaustive()
    }
}

/// Takes a fingerprint for its own hash.
#[derive(Debug, Default)]
pub(super) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0 << 8 | u64::from(*byte);
        }
    }

    fn write_u128(&mut self, fingerprint: u128) {
        // The lower half is as random as the whole.
        self.0 = u64::try_from(fingerprint & u128::from(u64::MAX)).unwrap_or_default();
    }
}

pub(super) type ByFingerprint<V> = HashMap<u128, V, BuildHasherDefault<AsItIs>>;

/// How long a token may be that is remembered.
const MAX_TOKEN: usize = 8 << 10;

/// Hashes the end of a text, which in a token is as good as random. Who does not know the key cannot make many with one hash,
/// and only what was found good is in the table at all.
#[derive(Debug, Default)]
struct ByItsEnd(RandomState);

struct End(DefaultHasher);

impl BuildHasher for ByItsEnd {
    type Hasher = End;

    fn build_hasher(&self) -> End {
        End(self.0.build_hasher())
    }
}

impl Hasher for End {
    fn finish(&self) -> u64 {
        self.0.finish()
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.write(&bytes[bytes.len().saturating_sub(32)..]);
    }

    fn write_usize(&mut self, length: usize) {
        self.0.write_usize(length);
    }
}

/// What is known of tokens. All of it is bounded but for what was revoked, which is not forgotten before it has expired.
#[derive(Debug)]
pub(super) struct Remembered {
    limit: usize,
    /// By the whole token: to compare it costs a fraction of what a hash does that can stand for it.
    good: RwLock<HashMap<Box<[u8]>, Known, ByItsEnd>>,
    refused: RwLock<ByFingerprint<(&'static str, SystemTime)>>,
    revoked: RwLock<ByFingerprint<Option<SystemTime>>>,
}

/// A token that was found good.
#[derive(Debug, Clone)]
pub(super) struct Known {
    /// The name by which it is revoked.
    pub(super) revocation: u128,
    pub(super) principal: Principal,
    pub(super) confirmation: Option<std::sync::Arc<Confirmation>>,
    pub(super) until: SystemTime,
}

impl Remembered {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, good: RwLock::default(), refused: RwLock::default(), revoked: RwLock::default() }
    }

    pub(super) fn get(&self, token: &str) -> Option<Known> {
        let good = self.good.read().unwrap_or_else(PoisonError::into_inner);
        good.get(token.as_bytes()).filter(|known| SystemTime::now() < known.until).cloned()
    }

    pub(super) fn add(&self, token: &str, known: Known) {
        let mut good = self.good.write().unwrap_or_else(PoisonError::into_inner);
        // Whoever has revoked it meanwhile has done so before this lock, or removes it after.
        if self.is_revoked(known.revocation) || self.limit == 0 || token.len() > MAX_TOKEN {
            return;
        }
        make_room(&mut good, self.limit, |known| known.until);
        good.insert(token.as_bytes().into(), known);
    }

    /// Returns why a token was refused a moment ago.
    pub(super) fn refusal(&self, token: u128) -> Option<&'static str> {
        let refused = self.refused.read().unwrap_or_else(PoisonError::into_inner);
        refused.get(&token).filter(|(_, until)| SystemTime::now() < *until).map(|(why, _)| *why)
    }

    pub(super) fn refuse(&self, token: u128, why: &'static str) {
        let mut refused = self.refused.write().unwrap_or_else(PoisonError::into_inner);
        make_room(&mut refused, MAX_REFUSED, |(_, until)| *until);
        refused.insert(token, (why, SystemTime::now() + REFUSED));
    }

    pub(super) fn is_revoked(&self, revocation: u128) -> bool {
        self.revoked.read().unwrap_or_else(PoisonError::into_inner).contains_key(&revocation)
    }

    /// Refuses every token of this name from now on, until it has expired anyway.
    pub(super) fn revoke(&self, revocation: u128, expires_at: Option<SystemTime>) {
        {
            let mut revoked = self.revoked.write().unwrap_or_else(PoisonError::into_inner);
            let now = SystemTime::now();
            revoked.retain(|_, expires_at| expires_at.is_none_or(|at| now < at));
            revoked.insert(revocation, expires_at);
        }
        let mut good = self.good.write().unwrap_or_else(PoisonError::into_inner);
        good.retain(|_, known| known.revocation != revocation);
    }

    /// Forgets what was found out, but for what was revoked.
    pub(super) fn purge(&self) {
        self.good.write().unwrap_or_else(PoisonError::into_inner).clear();
        self.refused.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.good.read().unwrap().len()
    }
}

/// Gives up what is over, and then whatever comes first, until there is room for one more.
fn make_room<K, V, S>(map: &mut HashMap<K, V, S>, limit: usize, until: impl Fn(&V) -> SystemTime) {
    if map.len() < limit {
        return;
    }
    let now = SystemTime::now();
    map.retain(|_, value| now < until(value));
    // A good part at once, so that not every newcomer looks through all of them.
    let keep = limit - limit.div_ceil(8);
    if map.len() > keep {
        let mut left = map.len() - keep;
        map.retain(|_, _| {
            let goes = left > 0;
            left -= usize::from(goes);
            !goes
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(revocation: u128, until: SystemTime) -> Known {
        Known { revocation, principal: Principal::new("ada"), confirmation: None, until }
    }

    #[test]
    fn no_more_is_remembered_than_there_is_room_for() {
        let remembered = Remembered::new(100);
        let later = SystemTime::now() + Duration::from_secs(60);
        for token in 0..1000 {
            remembered.add(&token.to_string(), known(token, later));
            assert!(remembered.len() <= 100);
            assert!(remembered.get(&token.to_string()).is_some());
        }
        remembered.purge();
        assert_eq!(remembered.len(), 0);
    }

    #[test]
    fn what_is_over_or_revoked_is_not_known() {
        let remembered = Remembered::new(10);
        remembered.add("1", known(1, SystemTime::now()));
        assert!(remembered.get("1").is_none());
        let later = SystemTime::now() + Duration::from_secs(60);
        // Two spellings of one token.
        remembered.add("2", known(20, later));
        remembered.add("3", known(20, later));
        assert!(remembered.get("2").is_some() && remembered.get("3").is_some());
        remembered.revoke(20, Some(later));
        assert!(remembered.get("2").is_none() && remembered.get("3").is_none() && remembered.is_revoked(20));
        remembered.add("2", known(20, later));
        assert!(remembered.get("2").is_none());
        remembered.purge();
        assert!(remembered.is_revoked(20));
        remembered.revoke(3, Some(SystemTime::now()));
        remembered.revoke(4, None);
        assert!(!remembered.is_revoked(3) && remembered.is_revoked(4));
    }

    #[test]
    fn tokens_with_one_end_are_told_apart_and_long_ones_are_not_kept() {
        let remembered = Remembered::new(10);
        let later = SystemTime::now() + Duration::from_secs(60);
        let end = "e".repeat(40);
        remembered.add(&format!("a{end}"), known(1, later));
        assert!(remembered.get(&format!("b{end}")).is_none() && remembered.get(&end).is_none());
        assert!(remembered.get(&format!("a{end}")).is_some());
        remembered.add(&"t".repeat(MAX_TOKEN + 1), known(2, later));
        assert_eq!(remembered.len(), 1);
    }

    #[test]
    fn fingerprints_tell_texts_apart_and_differ_between_processes() {
        let (one, other) = (Fingerprints::new(), Fingerprints::new());
        assert_eq!(one.of(b"a"), one.of(b"a"));
        assert_ne!(one.of(b"a"), one.of(b"b"));
        assert_ne!(one.of(b""), one.of(b"\0"));
        assert_ne!(one.of(b"a"), other.of(b"a"));
    }
}
