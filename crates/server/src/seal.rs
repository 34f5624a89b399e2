//! Sealing what travels through the client and comes back.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};

/// Keys that seal and open `requestState`: encrypted, authenticated, bound to its request, and short-lived.
pub(crate) struct Seal {
    /// The first seals; all open.
    keys: Vec<LessSafeKey>,
    age: Duration,
    random: SystemRandom,
}

/// The length of a key in bytes.
pub(crate) const KEY_BYTES: usize = 32;

impl Seal {
    /// Uses these keys, or one made up for this process.
    pub(crate) fn new(keys: &[[u8; KEY_BYTES]], age: Duration) -> Self {
        let random = SystemRandom::new();
        let mut own = [0; KEY_BYTES];
        let keys = if keys.is_empty() {
            random.fill(&mut own).expect("the operating system has randomness");
            &[own][..]
        } else {
            keys
        };
        let key = |bytes: &[u8; KEY_BYTES]| {
            LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, bytes).expect("the key has the algorithm's length"))
        };
        Self { keys: keys.iter().map(key).collect(), age, random }
    }

    /// Returns an identifier that nobody can guess and that is not given twice.
    pub(crate) fn identifier(&self) -> String {
        let mut bytes = [0; 16];
        self.random.fill(&mut bytes).expect("the operating system has randomness");
        URL_SAFE_NO_PAD.encode(bytes)
    }

    pub(crate) fn close(&self, text: &[u8], binding: &[u8]) -> String {
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce).expect("the operating system has randomness");
        let mut sealed = (now() + self.age).as_secs().to_be_bytes().to_vec();
        sealed.extend_from_slice(text);
        self.keys[0]
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(binding), &mut sealed)
            .expect("a state is far shorter than the algorithm's limit");
        URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat())
    }

    /// Returns what was sealed, unless it was not sealed here, for something else, or too long ago.
    pub(crate) fn open(&self, sealed: &str, binding: &[u8]) -> Option<Vec<u8>> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN)?;
        let opened = self.keys.iter().find_map(|key| {
            let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
            let mut sealed = sealed.to_vec();
            let text = key.open_in_place(nonce, Aad::from(binding), &mut sealed).ok()?;
            Some(text.to_vec())
        })?;
        let (expiry, text) = opened.split_first_chunk::<8>()?;
        (u64::from_be_bytes(*expiry) >= now().as_secs()).then(|| text.to_vec())
    }
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_only_what_it_sealed_for_the_same_request() {
        let seal = Seal::new(&[[1; 32]], Duration::from_secs(60));
        let state = seal.close(b"secret", b"tools/call");
        assert_eq!(seal.open(&state, b"tools/call").unwrap(), b"secret");
        assert_eq!(seal.open(&state, b"prompts/get"), None);
        assert_eq!(seal.open(&format!("{state}-TAMPERED"), b"tools/call"), None);
        assert_eq!(seal.open("", b"tools/call"), None);
        assert_eq!(Seal::new(&[[2; 32]], Duration::ZERO).open(&state, b"tools/call"), None);
    }

    #[test]
    fn an_old_key_still_opens_after_rotation() {
        let state = Seal::new(&[[1; 32]], Duration::from_secs(60)).close(b"x", b"");
        assert!(Seal::new(&[[2; 32], [1; 32]], Duration::from_secs(60)).open(&state, b"").is_some());
    }
}
