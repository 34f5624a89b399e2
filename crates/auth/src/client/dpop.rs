//! Tokens that are of use only to who holds a key (RFC 9449).

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderName};
use ring::digest;
use serde::Deserialize;
use serde_json::{Value, json};

use super::lock;
use crate::url::Url;
use crate::{Error, Secret, SigningKey};

pub(super) const DPOP: HeaderName = HeaderName::from_static("dpop");
const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// How many servers' nonces are remembered.
const MAX_NONCES: usize = 16;

/// Whether tokens are bound to a key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Dpop {
    /// They are not.
    Never,
    /// They are if the server asks for it and the authorization server offers it.
    #[default]
    WhenAsked,
    /// They are, and others are refused.
    Always,
}

/// A key that tokens are bound to.
#[derive(Debug)]
pub(super) struct DpopKey {
    key: SigningKey,
    jwk: Value,
    thumbprint: String,
    stored: Secret,
}

impl DpopKey {
    pub(super) fn generate() -> Result<Self, Error> {
        Self::from_pkcs8(&SigningKey::generate())
    }

    pub(super) fn restore(stored: &Secret) -> Result<Self, Error> {
        let pkcs8 = STANDARD.decode(stored.expose());
        Self::from_pkcs8(&zeroize::Zeroizing::new(
            pkcs8.map_err(|error| Error::store("the key of a token cannot be read").with_source(error))?,
        ))
    }

    fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, Error> {
        let key = SigningKey::from_pkcs8(pkcs8)?;
        let [x, y] = key.public_p256().expect("a key of this kind has just been read");
        // The members in the order in which RFC 7638 wants them, without spaces.
        let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let thumbprint = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, canonical.as_bytes()));
        let jwk = json!({"kty": "EC", "crv": "P-256", "x": x, "y": y});
        Ok(Self { key, jwk, thumbprint, stored: Secret::new(STANDARD.encode(pkcs8)) })
    }

    /// Returns the key as it is kept.
    pub(super) fn stored(&self) -> &Secret {
        &self.stored
    }

    pub(super) fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// Signs one request.
    pub(super) fn proof(
        &self,
        method: &str,
        url: &str,
        nonce: Option<String>,
        token: Option<&Secret>,
    ) -> Result<String, Error> {
        let url = url.split(['?', '#']).next().unwrap_or_default();
        let mut claims = json!({"jti": crate::random::text(), "htm": method, "htu": url, "iat": now()});
        if let Some(nonce) = nonce {
            claims["nonce"] = json!(nonce);
        }
        if let Some(token) = token {
            let hash = digest::digest(&digest::SHA256, token.expose().as_bytes());
            claims["ath"] = json!(URL_SAFE_NO_PAD.encode(hash));
        }
        self.key.sign(json!({"typ": "dpop+jwt", "jwk": self.jwk}), &claims)
    }
}

/// The seconds since 1970.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map(|time| time.as_secs()).unwrap_or_default()
}

/// The last nonce that each server gave.
#[derive(Debug, Default)]
pub(super) struct Nonces(Mutex<HashMap<String, String>>);

impl Nonces {
    pub(super) fn of(&self, url: &Url) -> Option<String> {
        lock(&self.0).get(&url.origin()).cloned()
    }

    /// Remembers the nonce of an answer; true if there is one, and it is new.
    pub(super) fn learn(&self, url: &Url, headers: &HeaderMap) -> bool {
        let Some(nonce) = headers.get(DPOP_NONCE).and_then(|nonce| nonce.to_str().ok()) else { return false };
        let mut known = lock(&self.0);
        if known.len() >= MAX_NONCES && !known.contains_key(&url.origin()) {
            known.clear();
        }
        known.insert(url.origin(), nonce.to_owned()).as_deref() != Some(nonce)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_names_the_request_the_token_and_the_nonce() {
        let key = DpopKey::generate().unwrap();
        let same = DpopKey::restore(key.stored()).unwrap();
        assert_eq!(same.thumbprint(), key.thumbprint());
        let token = Secret::new("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU");
        let proof = key.proof("POST", "https://a.example/mcp?x=1#y", Some("n".into()), Some(&token)).unwrap();
        let parts: Vec<_> = proof.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap()).collect();
        let header: Value = serde_json::from_slice(&parts[0]).unwrap();
        let claims: Value = serde_json::from_slice(&parts[1]).unwrap();
        assert_eq!(header["typ"], "dpop+jwt");
        assert_eq!(header["jwk"].as_object().unwrap().len(), 4, "the public key only");
        assert_eq!(claims["htu"], "https://a.example/mcp");
        assert_eq!((&claims["htm"], &claims["nonce"]), (&json!("POST"), &json!("n")));
        // The example of RFC 9449, section 7.1.
        assert_eq!(claims["ath"], "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo");
        let again = key.proof("POST", "https://a.example/mcp", None, None).unwrap();
        assert_ne!(proof, again);
    }

    #[test]
    fn nonces_belong_to_a_server() {
        let nonces = Nonces::default();
        let (a, b) = (Url::parse("https://a/x", "").unwrap(), Url::parse("https://b/x", "").unwrap());
        let mut headers = HeaderMap::new();
        assert!(!nonces.learn(&a, &headers));
        headers.insert("DPoP-Nonce", "1".parse().unwrap());
        assert!(nonces.learn(&a, &headers));
        assert!(!nonces.learn(&a, &headers));
        assert_eq!((nonces.of(&a).as_deref(), nonces.of(&b)), (Some("1"), None));
    }
}
