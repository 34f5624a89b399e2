//! A token that is good for calls.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method};

use crate::client::dpop::{DPOP, DpopKey, Nonces};
use crate::client::token::Tokens;
use crate::url::Url;
use crate::{Error, Secret};

/// Tokens of a user, or of the server.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) tokens: Tokens,
    pub(super) key: Option<DpopKey>,
}

/// An access token, and how requests carry it. Cloning shares it; it is not refreshed.
#[derive(Clone)]
pub struct AccessToken {
    kept: Arc<Kept>,
    nonces: Arc<Nonces>,
}

impl AccessToken {
    pub(super) fn new(kept: Arc<Kept>, nonces: Arc<Nonces>) -> Self {
        Self { kept, nonces }
    }

    /// Returns the token itself, to exchange it for another. It must not be passed on to whoever calls the server.
    #[must_use]
    pub fn token(&self) -> &Secret {
        &self.kept.tokens.access_token
    }

    /// Returns what was granted, or what was asked for if the provider did not say that it is something else.
    #[must_use]
    pub fn scopes(&self) -> &[String] {
        &self.kept.tokens.scopes
    }

    /// Returns when the token ends, if that is known.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        let seconds = self.kept.tokens.expires_at?;
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
    }

    /// Returns true if the token is bound to a key, so that every request needs a proof of its own.
    #[must_use]
    pub fn is_bound(&self) -> bool {
        self.kept.key.is_some()
    }

    /// Returns what one request has to carry: `Authorization`, and a proof if the token is bound to a key.
    ///
    /// # Errors
    ///
    /// `is_usage()` if the URL is neither of https nor of this machine.
    pub fn headers(&self, method: &Method, url: &str) -> Result<HeaderMap, Error> {
        let at = Url::parse(url, "the URL of a request").map_err(|error| Error::usage(error.to_string()))?;
        let mut headers = HeaderMap::new();
        let token = &self.kept.tokens.access_token;
        let scheme = if self.is_bound() { "DPoP" } else { "Bearer" };
        headers.insert(AUTHORIZATION, header(&format!("{scheme} {}", token.expose()))?);
        if let Some(key) = &self.kept.key {
            let proof = key.proof(method.as_str(), url, self.nonces.of(&at), Some(token))?;
            headers.insert(DPOP, header(&proof)?);
        }
        Ok(headers)
    }

    /// Takes notice of the headers of an answer. Returns true if there is a new nonce in them, with which a request that
    /// was refused for want of it can be made again.
    pub fn answered(&self, url: &str, headers: &HeaderMap) -> bool {
        Url::parse(url, "the URL of a request").is_ok_and(|url| self.nonces.learn(&url, headers))
    }
}

fn header(value: &str) -> Result<HeaderValue, Error> {
    let mut value =
        HeaderValue::from_str(value).map_err(|_| Error::refused("the token cannot be put into a header"))?;
    value.set_sensitive(true);
    Ok(value)
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken")
            .field("scopes", &self.scopes())
            .field("expires_at", &self.expires_at())
            .field("is_bound", &self.is_bound())
            .finish_non_exhaustive()
    }
}
