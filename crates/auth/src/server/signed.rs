//! What an issuer has signed for somebody else than a resource server.

use std::time::Duration;

use super::algorithm::Algorithm;
use super::jwks::{Jwks, JwksConfig, Lookup};
use super::jws::Jws;
use crate::url::Url;
use crate::{Error, Reach};

/// Those by which who verifies cannot sign.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// Checks signatures by the keys that an issuer publishes.
#[derive(Debug)]
pub(crate) struct Signatures {
    keys: Jwks,
}

impl Signatures {
    pub(crate) fn new(issuer: &str, keys_at: &Url, reach: Reach, timeout: Duration) -> Result<Self, Error> {
        let config = JwksConfig { reach: Some(reach), timeout, ..JwksConfig::default() };
        Ok(Self { keys: Jwks::new(issuer, Some(keys_at.as_str()), config)? })
    }

    /// Returns the payload of a JWT that the issuer has signed.
    pub(crate) async fn payload(&self, token: &str) -> Result<Vec<u8>, Error> {
        let token = Jws::read(token).ok_or_else(|| Error::refused("the token is no signed JWT"))?;
        let Some(algorithm) = token.algorithm(&ALGORITHMS) else {
            return Err(Error::refused("the token is not signed as it must be"));
        };
        if token.header.typ.as_deref().is_some_and(|typ| !typ.eq_ignore_ascii_case("JWT")) {
            return Err(Error::refused("the token is of another type"));
        }
        let keys = match self.keys.find(token.header.kid.as_deref()).await {
            Lookup::Keys(keys) => keys,
            Lookup::Unknown => return Err(Error::refused("the token is signed with a key of somebody else")),
            Lookup::Unavailable => return Err(Error::connect("the keys of the issuer cannot be had at the moment")),
        };
        if token.is_signed_by_one_of(&keys, algorithm) {
            Ok(token.payload)
        } else {
            Err(Error::refused("the signature of the token is not valid"))
        }
    }
}
