//! Signed JWTs: a key, and what it signs.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::Error;

/// A private key, which signs with ES256 or RS256.
pub struct SigningKey {
    pair: Pair,
    id: Option<String>,
}

enum Pair {
    P256(Box<EcdsaKeyPair>),
    Rsa(Box<RsaKeyPair>),
}

impl SigningKey {
    /// Reads a key as PEM: PKCS#8 with a key for P-256 or RSA, or PKCS#1 with one for RSA.
    ///
    /// # Errors
    ///
    /// `is_usage()` if it is none of these.
    pub fn from_pem(pem: &str) -> Result<Self, Error> {
        let (label, der) = decode(pem).ok_or_else(|| Error::usage("the private key is not PEM"))?;
        let bad = |error: ring::error::KeyRejected| {
            Error::usage("the private key cannot be used").with_source(error.to_string())
        };
        let pair = match label {
            "PRIVATE KEY" => match Self::p256(&der) {
                Ok(pair) => Pair::P256(Box::new(pair)),
                Err(_) => Pair::Rsa(Box::new(RsaKeyPair::from_pkcs8(&der).map_err(bad)?)),
            },
            "RSA PRIVATE KEY" => Pair::Rsa(Box::new(RsaKeyPair::from_der(&der).map_err(bad)?)),
            _ => return Err(Error::usage(format!("a {label:?} is not supported: convert it to PKCS#8"))),
        };
        Ok(Self { pair, id: None })
    }

    /// Names the key, for servers that know several of this client.
    #[must_use]
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    fn p256(pkcs8: &[u8]) -> Result<EcdsaKeyPair, ring::error::KeyRejected> {
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8, &SystemRandom::new())
    }

    /// Returns the name of the algorithm it signs with.
    #[must_use]
    pub fn algorithm(&self) -> &'static str {
        match self.pair {
            Pair::P256(_) => "ES256",
            Pair::Rsa(_) => "RS256",
        }
    }

    /// Creates a key for P-256, in PKCS#8.
    pub(crate) fn generate() -> Zeroizing<Vec<u8>> {
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        Zeroizing::new(document.expect("the operating system gives random bytes").as_ref().to_vec())
    }

    /// Reads a key for P-256.
    pub(crate) fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, Error> {
        let pair = Self::p256(pkcs8);
        let pair =
            pair.map_err(|error| Error::usage("the private key cannot be used").with_source(error.to_string()))?;
        Ok(Self { pair: Pair::P256(Box::new(pair)), id: None })
    }

    /// Returns the public key, if it is one for P-256.
    pub(crate) fn public_p256(&self) -> Option<[String; 2]> {
        let Pair::P256(pair) = &self.pair else { return None };
        let point = pair.public_key().as_ref();
        Some([&point[1..33], &point[33..65]].map(|half| URL_SAFE_NO_PAD.encode(half)))
    }

    /// Signs claims. `header` gets `alg`, and `kid` if the key has a name.
    pub(crate) fn sign(&self, mut header: Value, claims: &Value) -> Result<String, Error> {
        header["alg"] = json!(self.algorithm());
        if let Some(id) = &self.id {
            header["kid"] = json!(id);
        }
        let mut token = URL_SAFE_NO_PAD.encode(header.to_string());
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(claims.to_string(), &mut token);
        let random = SystemRandom::new();
        let failed = |_| Error::usage("the private key cannot sign");
        let signature = match &self.pair {
            Pair::P256(pair) => pair.sign(&random, token.as_bytes()).map_err(failed)?.as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, token.as_bytes(), &mut signature).map_err(failed)?;
                signature
            }
        };
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }
}

/// Returns the label and the bytes of the first block of a PEM.
fn decode(pem: &str) -> Option<(&str, Zeroizing<Vec<u8>>)> {
    let (_, rest) = pem.split_once("-----BEGIN ")?;
    let (label, rest) = rest.split_once("-----")?;
    let (body, _) = rest.split_once("-----END ")?;
    let body: Zeroizing<String> = Zeroizing::new(body.split_ascii_whitespace().collect());
    Some((label, Zeroizing::new(STANDARD.decode(&*body).ok()?)))
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("algorithm", &self.algorithm()).field("id", &self.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

    use super::*;

    fn pem(pkcs8: &[u8]) -> String {
        let body = STANDARD.encode(pkcs8);
        let lines: Vec<_> = body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
    }

    #[test]
    fn what_is_signed_can_be_verified() {
        let key = SigningKey::from_pem(&pem(&SigningKey::generate())).unwrap().with_id("k1");
        let token = key.sign(json!({"typ": "JWT"}), &json!({"sub": "me"})).unwrap();
        let parts: Vec<_> = token.split('.').collect();
        let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[0]).unwrap()).unwrap();
        assert_eq!(header, json!({"typ": "JWT", "alg": "ES256", "kid": "k1"}));
        let [x, y] = key.public_p256().unwrap();
        let mut point = vec![4];
        point.extend(URL_SAFE_NO_PAD.decode(x).unwrap());
        point.extend(URL_SAFE_NO_PAD.decode(y).unwrap());
        let signed = format!("{}.{}", parts[0], parts[1]);
        let signature = URL_SAFE_NO_PAD.decode(parts[2]).unwrap();
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed.as_bytes(), &signature).unwrap();
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for bad in ["", "x", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"] {
            assert!(SigningKey::from_pem(bad).unwrap_err().is_usage(), "{bad}");
        }
        let sec1 = "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----";
        assert!(SigningKey::from_pem(sec1).unwrap_err().to_string().contains("PKCS#8"));
    }
}
