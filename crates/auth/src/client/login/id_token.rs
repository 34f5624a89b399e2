//! Who a provider says that a user is.

use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::presets::Issuers;
use super::provider::Inner;
use crate::client::dpop::now;
use crate::client::redirect::is_same;
use crate::server::Signatures;
use crate::{Error, Secret};

/// How far clocks may be apart.
const LEEWAY_SECONDS: u64 = 60;

/// An ID token whose signature and claims were checked. The token itself is not kept: it is proof of a login, and not of
/// use for calls.
#[derive(Clone)]
pub struct IdToken {
    claims: Map<String, Value>,
}

impl IdToken {
    /// Returns the id of the user at the provider, which never changes and is never given to another.
    #[must_use]
    pub fn subject(&self) -> &str {
        self.text("sub")
    }

    /// Returns who the provider calls itself in the token.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.text("iss")
    }

    /// Returns the mail address of the user, if it is there and the provider says that it is verified. It may change
    /// hands: the [`subject`](Self::subject) is who the user is.
    #[must_use]
    pub fn verified_email(&self) -> Option<&str> {
        let is_verified = self.claims.get("email_verified").and_then(Value::as_bool).unwrap_or_default();
        self.claims.get("email").and_then(Value::as_str).filter(|_| is_verified)
    }

    /// Reads all claims as a type.
    ///
    /// # Errors
    ///
    /// `is_refused()` if they are not of this type.
    pub fn claims<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let claims = Value::Object(self.claims.clone());
        serde_json::from_value(claims)
            .map_err(|error| Error::refused("the claims are not of this type").with_source(error))
    }

    fn text(&self, name: &str) -> &str {
        self.claims.get(name).and_then(Value::as_str).unwrap_or_default()
    }
}

impl fmt::Debug for IdToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdToken").field("issuer", &self.issuer()).finish_non_exhaustive()
    }
}

impl Inner {
    /// Checks an ID token.
    pub(super) async fn verify(
        &self,
        signatures: &Signatures,
        token: &Secret,
        nonce: Option<&Secret>,
    ) -> Result<IdToken, Error> {
        let payload = signatures.payload(token.expose()).await?;
        let claims = serde_json::from_slice(&payload).map_err(|_| Error::refused("the ID token cannot be read"))?;
        let expected = Expected {
            issuer: &self.server.issuer,
            issuers: &self.issuers,
            client_id: &self.identity.client_id,
            nonce: nonce.map(Secret::expose),
            now: now(),
        };
        expected.check(&claims)?;
        Ok(IdToken { claims })
    }
}

/// What the claims have to be.
struct Expected<'a> {
    issuer: &'a str,
    issuers: &'a Issuers,
    client_id: &'a str,
    nonce: Option<&'a str>,
    now: u64,
}

impl Expected<'_> {
    fn check(&self, claims: &Map<String, Value>) -> Result<(), Error> {
        let refuse = |why: &str| Err(Error::refused(format!("the ID token {why}")));
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
        let seconds = |name: &str| claims.get(name).and_then(Value::as_f64).map(|seconds| seconds as u64);
        if !self.issuers.include(self.issuer, claims) {
            return refuse("is of another issuer");
        }
        let (is_for_us, is_for_others) = match claims.get("aud") {
            Some(Value::String(audience)) => (audience == self.client_id, false),
            Some(Value::Array(all)) => (all.iter().any(|one| one == self.client_id), all.len() > 1),
            _ => (false, false),
        };
        if !is_for_us {
            return refuse("is for another client");
        }
        let party = text("azp");
        if claims.contains_key("azp") && party != Some(self.client_id) || is_for_others && party.is_none() {
            return refuse("was asked for by another client");
        }
        if seconds("exp").is_none_or(|end| end.saturating_add(LEEWAY_SECONDS) <= self.now) {
            return refuse("has expired");
        }
        let latest = self.now.saturating_add(LEEWAY_SECONDS);
        if seconds("iat").is_none_or(|at| at > latest) || seconds("nbf").is_some_and(|from| from > latest) {
            return refuse("is of the future");
        }
        if self.nonce.is_some_and(|nonce| text("nonce").is_none_or(|found| !is_same(found, nonce))) {
            return refuse("belongs to another login");
        }
        if text("sub").is_none_or(str::is_empty) {
            return refuse("names no user");
        }
        Ok(())
    }
}
