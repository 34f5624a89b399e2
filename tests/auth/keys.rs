//! Keys, and tokens that are signed with them, well or badly.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
    RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaKeyPair,
};
use serde_json::{Value, json};

/// Anybody can read it; it signs for nobody but these tests.
const RSA: &str = include_str!("rsa.pem");

/// The public half.
pub const RSA_PUBLIC: &str = include_str!("rsa.pub.pem");

pub fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

pub fn sha256(text: &str) -> String {
    b64(digest(&SHA256, text.as_bytes()))
}

pub struct Key {
    pub kid: String,
    pair: Pair,
}

enum Pair {
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa { pair: Box<RsaKeyPair>, pss: bool },
    Secret(Vec<u8>),
}

impl Key {
    pub fn p256(kid: &str) -> Self {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap();
        Self { kid: kid.to_owned(), pair: Pair::P256(pair) }
    }

    pub fn p384(kid: &str) -> Self {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, document.as_ref(), &random).unwrap();
        Self { kid: kid.to_owned(), pair: Pair::P384(pair) }
    }

    pub fn ed25519(kid: &str) -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self { kid: kid.to_owned(), pair: Pair::Ed25519(Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap()) }
    }

    pub fn rsa(kid: &str, pss: bool) -> Self {
        let body: String = RSA.lines().filter(|line| !line.starts_with("-----")).collect();
        let pair = Box::new(RsaKeyPair::from_pkcs8(&STANDARD.decode(body).unwrap()).unwrap());
        Self { kid: kid.to_owned(), pair: Pair::Rsa { pair, pss } }
    }

    pub fn secret(kid: &str, secret: &[u8]) -> Self {
        Self { kid: kid.to_owned(), pair: Pair::Secret(secret.to_vec()) }
    }

    pub fn algorithm(&self) -> &'static str {
        match &self.pair {
            Pair::P256(_) => "ES256",
            Pair::P384(_) => "ES384",
            Pair::Ed25519(_) => "EdDSA",
            Pair::Rsa { pss: true, .. } => "PS256",
            Pair::Rsa { .. } => "RS256",
            Pair::Secret(_) => "HS256",
        }
    }

    /// Returns the public half.
    pub fn jwk(&self) -> Value {
        let mut jwk = match &self.pair {
            Pair::P256(pair) => {
                let point = pair.public_key().as_ref();
                json!({"kty": "EC", "crv": "P-256", "x": b64(&point[1..33]), "y": b64(&point[33..65])})
            }
            Pair::P384(pair) => {
                let point = pair.public_key().as_ref();
                json!({"kty": "EC", "crv": "P-384", "x": b64(&point[1..49]), "y": b64(&point[49..97])})
            }
            Pair::Ed25519(pair) => json!({"kty": "OKP", "crv": "Ed25519", "x": b64(pair.public_key().as_ref())}),
            Pair::Rsa { pair, .. } => {
                let public: ring::rsa::PublicKeyComponents<Vec<u8>> = pair.public().into();
                json!({"kty": "RSA", "n": b64(public.n), "e": b64(public.e)})
            }
            Pair::Secret(secret) => json!({"kty": "oct", "k": b64(secret)}),
        };
        jwk["kid"] = json!(self.kid);
        jwk
    }

    pub fn thumbprint(&self) -> String {
        let jwk = self.jwk();
        let [curve, x, y] = ["crv", "x", "y"].map(|name| jwk[name].as_str().unwrap());
        sha256(&format!(r#"{{"crv":"{curve}","kty":"EC","x":"{x}","y":"{y}"}}"#))
    }

    fn signature(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::P256(pair) | Pair::P384(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Pair::Rsa { pair, pss } => {
                let mut signature = vec![0; pair.public().modulus_len()];
                let how: &'static dyn ring::signature::RsaEncoding =
                    if *pss { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
                pair.sign(how, &random, message, &mut signature).unwrap();
                signature
            }
            Pair::Secret(secret) => {
                let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
                ring::hmac::sign(&key, message).as_ref().to_vec()
            }
        }
    }

    /// Signs claims as they usually are.
    pub fn token(&self, claims: &Value) -> String {
        self.sign(&json!({"alg": self.algorithm(), "typ": "at+jwt", "kid": self.kid}), &claims.to_string())
    }

    /// Signs whatever there is.
    pub fn sign(&self, header: &Value, payload: &str) -> String {
        let signed = format!("{}.{}", b64(header.to_string()), b64(payload));
        format!("{signed}.{}", b64(self.signature(signed.as_bytes())))
    }
}
