//! How tokens may be signed, and with what keys.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::{hmac, signature};
use serde::Deserialize;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::{Error, Secret};

/// An algorithm that signs tokens (RFC 7518, RFC 8037).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[non_exhaustive]
pub enum Algorithm {
    /// HMAC with SHA-256: whoever verifies can also sign.
    HS256,
    /// HMAC with SHA-384.
    HS384,
    /// HMAC with SHA-512.
    HS512,
    /// RSA, PKCS#1, with SHA-256.
    RS256,
    /// RSA, PKCS#1, with SHA-384.
    RS384,
    /// RSA, PKCS#1, with SHA-512.
    RS512,
    /// RSA, PSS, with SHA-256.
    PS256,
    /// RSA, PSS, with SHA-384.
    PS384,
    /// RSA, PSS, with SHA-512.
    PS512,
    /// ECDSA over P-256 with SHA-256.
    ES256,
    /// ECDSA over P-384 with SHA-384.
    ES384,
    /// Ed25519.
    EdDSA,
}

impl Algorithm {
    const ALL: [Self; 12] = [
        Self::HS256,
        Self::HS384,
        Self::HS512,
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::EdDSA,
    ];

    /// Returns its name in tokens.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::HS256 => "HS256",
            Self::HS384 => "HS384",
            Self::HS512 => "HS512",
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::EdDSA => "EdDSA",
        }
    }

    /// Finds an algorithm by its name in tokens.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }

    /// Returns true if whoever can verify can also sign.
    #[must_use]
    pub fn is_symmetric(self) -> bool {
        matches!(self, Self::HS256 | Self::HS384 | Self::HS512)
    }
}

/// A key that tells whether a token was signed by whom it says.
///
/// ```
/// use turbomcp_auth::server::VerifyingKey;
///
/// let pem = "-----BEGIN PUBLIC KEY-----\n\
///     MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
///     -----END PUBLIC KEY-----";
/// let key = VerifyingKey::from_pem(pem)?.with_id("2026-11");
/// # drop(key);
/// # Ok::<(), turbomcp_auth::Error>(())
/// ```
#[derive(Clone)]
pub struct VerifyingKey {
    id: Option<String>,
    /// The only algorithm it is for, if it says so.
    only: Option<Algorithm>,
    material: Material,
}

#[derive(Clone)]
enum Material {
    Secret(Zeroizing<Vec<u8>>),
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

/// The shortest modulus of RSA, and the longest, in bytes.
const RSA: std::ops::RangeInclusive<usize> = 256..=1024;

impl VerifyingKey {
    /// Reads a public key as PEM: one for RSA, P-256, P-384 or Ed25519, as `PUBLIC KEY` or `RSA PUBLIC KEY`.
    ///
    /// # Errors
    ///
    /// `is_usage()` if it is none of these.
    pub fn from_pem(pem: &str) -> Result<Self, Error> {
        let refuse = |why: &'static str| Error::usage(why);
        let (label, der) = block(pem).ok_or_else(|| refuse("the public key is not PEM"))?;
        let material = match label {
            "PUBLIC KEY" => spki(&der),
            "RSA PUBLIC KEY" => rsa(&der),
            _ => return Err(Error::usage(format!("a {label:?} is no public key"))),
        };
        Self::checked(material.ok_or_else(|| refuse("the public key is of a kind that is not supported"))?)
    }

    /// Reads a key as a JWK, with its `kid` and `alg` if it has them.
    ///
    /// # Errors
    ///
    /// `is_usage()` if it is malformed, of a kind that is not supported, or not for signatures.
    pub fn from_jwk(jwk: &Value) -> Result<Self, Error> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let bytes = |name: &str| {
            let decoded = text(name).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
            decoded.ok_or_else(|| Error::usage(format!("the member `{name}` of a JWK is missing or malformed")))
        };
        let operations = jwk.get("key_ops").and_then(Value::as_array);
        if text("use").is_some_and(|purpose| purpose != "sig")
            || operations.is_some_and(|all| !all.iter().any(|operation| operation == "verify"))
        {
            return Err(Error::usage("the JWK is not for signatures"));
        }
        let point = |length: usize| {
            let (x, y) = (bytes("x")?, bytes("y")?);
            if x.len() != length || y.len() != length {
                return Err(Error::usage("a coordinate of a JWK has not the length of its curve"));
            }
            Ok([&[4][..], &x, &y].concat())
        };
        let material = match (text("kty"), text("crv")) {
            (Some("RSA"), _) => Material::Rsa { n: bytes("n")?, e: bytes("e")? },
            (Some("EC"), Some("P-256")) => Material::P256(point(32)?),
            (Some("EC"), Some("P-384")) => Material::P384(point(48)?),
            (Some("OKP"), Some("Ed25519")) => Material::Ed25519(bytes("x")?),
            (Some("oct"), _) => Material::Secret(Zeroizing::new(bytes("k")?)),
            _ => return Err(Error::usage("the JWK is of a kind that is not supported")),
        };
        let only = match text("alg") {
            Some(name) => Some(Algorithm::named(name).ok_or_else(|| Error::usage("the JWK is for another algorithm"))?),
            None => None,
        };
        Ok(Self { id: text("kid").map(str::to_owned), only, ..Self::checked(material)? })
    }

    /// Takes the secret of HMAC: at least 32 bytes, and as many as the hash has.
    ///
    /// # Errors
    ///
    /// `is_usage()` if it is too short, or a key of another kind.
    pub fn from_secret(secret: &Secret) -> Result<Self, Error> {
        if secret.expose().contains("-----BEGIN") {
            return Err(Error::usage("a PEM is no secret: what is published would sign tokens"));
        }
        Self::checked(Material::Secret(Zeroizing::new(secret.expose().as_bytes().to_vec())))
    }

    fn checked(material: Material) -> Result<Self, Error> {
        let is_good = match &material {
            Material::Secret(secret) => secret.len() >= 32,
            Material::Rsa { n, e } => RSA.contains(&n.iter().skip_while(|byte| **byte == 0).count()) && !e.is_empty(),
            Material::P256(point) => point.len() == 65,
            Material::P384(point) => point.len() == 97,
            Material::Ed25519(point) => point.len() == 32,
        };
        if is_good { Ok(Self { id: None, only: None, material }) } else { Err(Error::usage("a key is too short")) }
    }

    /// Names the key: it is used for the tokens that name it, and for those that name none.
    #[must_use]
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    pub(super) fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    pub(super) fn is_secret(&self) -> bool {
        matches!(self.material, Material::Secret(_))
    }

    /// Returns true if the key is of the kind of this algorithm.
    pub(super) fn fits(&self, algorithm: Algorithm) -> bool {
        use Algorithm::{ES256, ES384, EdDSA, HS256, HS384, HS512, PS256, PS384, PS512, RS256, RS384, RS512};
        let kind = match &self.material {
            Material::Secret(secret) => match algorithm {
                HS256 => true,
                HS384 => secret.len() >= 48,
                HS512 => secret.len() >= 64,
                _ => false,
            },
            Material::Rsa { .. } => matches!(algorithm, RS256 | RS384 | RS512 | PS256 | PS384 | PS512),
            Material::P256(_) => algorithm == ES256,
            Material::P384(_) => algorithm == ES384,
            Material::Ed25519(_) => algorithm == EdDSA,
        };
        kind && self.only.is_none_or(|only| only == algorithm)
    }

    /// Tells whether the key, by this algorithm, has signed a message.
    pub(super) fn verifies(&self, algorithm: Algorithm, message: &[u8], signed: &[u8]) -> bool {
        if !self.fits(algorithm) {
            return false;
        }
        let by = |how: &'static dyn signature::VerificationAlgorithm, key: &[u8]| {
            signature::UnparsedPublicKey::new(how, key).verify(message, signed).is_ok()
        };
        match &self.material {
            Material::Secret(secret) => {
                let hash = match algorithm {
                    Algorithm::HS384 => hmac::HMAC_SHA384,
                    Algorithm::HS512 => hmac::HMAC_SHA512,
                    _ => hmac::HMAC_SHA256,
                };
                hmac::verify(&hmac::Key::new(hash, secret), message, signed).is_ok()
            }
            Material::Rsa { n, e } => {
                let how = match algorithm {
                    Algorithm::RS384 => &signature::RSA_PKCS1_2048_8192_SHA384,
                    Algorithm::RS512 => &signature::RSA_PKCS1_2048_8192_SHA512,
                    Algorithm::PS256 => &signature::RSA_PSS_2048_8192_SHA256,
                    Algorithm::PS384 => &signature::RSA_PSS_2048_8192_SHA384,
                    Algorithm::PS512 => &signature::RSA_PSS_2048_8192_SHA512,
                    _ => &signature::RSA_PKCS1_2048_8192_SHA256,
                };
                signature::RsaPublicKeyComponents { n, e }.verify(how, message, signed).is_ok()
            }
            Material::P256(point) => by(&signature::ECDSA_P256_SHA256_FIXED, point),
            Material::P384(point) => by(&signature::ECDSA_P384_SHA384_FIXED, point),
            Material::Ed25519(point) => by(&signature::ED25519, point),
        }
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Reads `{"pem": …}`, `{"jwk": …}` or `{"secret": …}`, with an `id` beside it if it has one.
impl<'de> Deserialize<'de> for VerifyingKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Written {
            pem: Option<String>,
            jwk: Option<Value>,
            secret: Option<Secret>,
            id: Option<String>,
        }
        let written = Written::deserialize(deserializer)?;
        let key = match (&written.pem, &written.jwk, &written.secret) {
            (Some(pem), None, None) => Self::from_pem(pem),
            (None, Some(jwk), None) => Self::from_jwk(jwk),
            (None, None, Some(secret)) => Self::from_secret(secret),
            _ => Err(Error::usage("a key is one of `pem`, `jwk` and `secret`")),
        };
        let key = key.map_err(serde::de::Error::custom)?;
        Ok(match written.id {
            Some(id) => key.with_id(id),
            None => key,
        })
    }
}

/// Returns the label and the bytes of the first block of a PEM.
fn block(pem: &str) -> Option<(&str, Vec<u8>)> {
    let (_, rest) = pem.split_once("-----BEGIN ")?;
    let (label, rest) = rest.split_once("-----")?;
    let (body, _) = rest.split_once("-----END ")?;
    let body: String = body.split_ascii_whitespace().collect();
    Some((label, STANDARD.decode(body).ok()?))
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 2;
const BIT_STRING: u8 = 3;
const OBJECT: u8 = 6;

/// Takes the element of DER that comes next, which must be of this kind.
fn element<'a>(from: &mut &'a [u8], kind: u8) -> Option<&'a [u8]> {
    let (&found, rest) = from.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let mut length = usize::from(first);
    if first & 0x80 != 0 {
        let count = usize::from(first & 0x7f);
        if count == 0 || count > 2 || rest.len() < count {
            return None;
        }
        length = rest[..count].iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        rest = &rest[count..];
    }
    let content = rest.get(..length)?;
    *from = &rest[length..];
    (found == kind).then_some(content)
}

/// Reads a `SubjectPublicKeyInfo`.
fn spki(der: &[u8]) -> Option<Material> {
    const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
    const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
    const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
    const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
    const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
    let mut der = der;
    let mut outer = element(&mut der, SEQUENCE)?;
    let mut kind = element(&mut outer, SEQUENCE)?;
    let key = element(&mut outer, BIT_STRING)?.strip_prefix(&[0])?;
    match element(&mut kind, OBJECT)? {
        RSA => rsa(key),
        EC => match element(&mut kind, OBJECT)? {
            P256 => Some(Material::P256(key.to_vec())),
            P384 => Some(Material::P384(key.to_vec())),
            _ => None,
        },
        ED25519 => Some(Material::Ed25519(key.to_vec())),
        _ => None,
    }
}

/// Reads an `RSAPublicKey`.
fn rsa(der: &[u8]) -> Option<Material> {
    let mut der = der;
    let mut both = element(&mut der, SEQUENCE)?;
    // `ring` wants numbers without the zero that DER puts before a leading one.
    let mut number = || {
        let number = element(&mut both, INTEGER)?;
        Some(number.strip_prefix(&[0]).unwrap_or(number).to_vec())
    };
    Some(Material::Rsa { n: number()?, e: number()? })
}
