//! The tokens of users: refreshed by one for all who wait, given back at logout.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use super::access_token::{AccessToken, Kept};
use super::config::OAuth2FlowType;
use super::provider::{Inner, OAuth2Provider};
use crate::client::discovery::ServerMetadata;
use crate::client::dpop::DpopKey;
use crate::client::token::{Tokens, error_of};
use crate::{Error, Secret, form};

/// How long before their end tokens are refreshed.
const LEEWAY_SECONDS: u64 = 30;

const TURNS: usize = 64;

/// Who may change the tokens of a user. Users who share a turn wait for each other, and no more than so many of them are
/// ever needed.
pub(super) struct Turns {
    locks: Vec<tokio::sync::Mutex<()>>,
    hasher: RandomState,
}

impl Default for Turns {
    fn default() -> Self {
        Self { locks: (0..TURNS).map(|_| tokio::sync::Mutex::default()).collect(), hasher: RandomState::new() }
    }
}

impl Turns {
    pub(super) fn of(&self, user: &str) -> &tokio::sync::Mutex<()> {
        #[expect(clippy::cast_possible_truncation, reason = "any part of a hash will do")]
        let at = self.hasher.hash_one(user) as usize % TURNS;
        &self.locks[at]
    }
}

/// What came of a logout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Revocation {
    /// The provider has taken the tokens back.
    Revoked,
    /// The tokens are forgotten; the provider offers no way to take them back, so they last until their end.
    NotOffered,
    /// There were none.
    NothingKept,
}

impl OAuth2Provider {
    /// Returns a token of a user, refreshed if its end is near. None if the user has to log in, for the first time or
    /// again.
    ///
    /// # Errors
    ///
    /// `is_connect()` or `is_timeout()` if the provider cannot be reached, `is_store()` if what is kept cannot be read,
    /// and `oauth_error()` or `is_refused()` for what is wrong with the server rather than with the user's tokens.
    ///
    /// # Cancel safety
    ///
    /// A refresh that was begun is finished, and its tokens are kept.
    pub async fn access(&self, user: &str) -> Result<Option<AccessToken>, Error> {
        let Some(kept) = self.inner.load(user).await? else { return Ok(None) };
        if !is_due(&kept.tokens) {
            return Ok(Some(self.inner.access(Arc::new(kept))));
        }
        let user = user.to_owned();
        self.run(|inner| async move { inner.refreshed(&user).await }).await
    }

    /// Forgets the tokens of a user, and has the provider take them back if it can (RFC 7009).
    ///
    /// # Errors
    ///
    /// As the provider's refusal or its silence have them. The tokens are forgotten all the same, unless `is_store()`.
    ///
    /// # Cancel safety
    ///
    /// What was begun is finished.
    pub async fn logout(&self, user: &str) -> Result<Revocation, Error> {
        let user = user.to_owned();
        self.run(|inner| async move { inner.logout(&user).await }).await
    }

    /// Returns a token of the server itself, by the client credentials. It is kept until its end is near.
    ///
    /// # Errors
    ///
    /// `is_usage()` if the flow is another; what the provider refuses otherwise.
    ///
    /// # Cancel safety
    ///
    /// A request that was begun is finished, and its token is kept.
    pub async fn service(&self) -> Result<AccessToken, Error> {
        self.inner.config.require(OAuth2FlowType::ClientCredentials)?;
        self.run(|inner| async move { inner.service().await }).await
    }
}

impl Inner {
    fn name_of(&self, user: &str) -> String {
        format!("login {} {}", form::encode(&self.name), form::encode(user))
    }

    async fn load(&self, user: &str) -> Result<Option<Kept>, Error> {
        let failed = |error| Error::store("tokens cannot be loaded").with_source(error);
        let Some(text) = self.store.load(&self.name_of(user)).await.map_err(failed)? else { return Ok(None) };
        // The error could show what is secret.
        let tokens: Tokens =
            serde_json::from_str(text.expose()).map_err(|_| Error::store("tokens that were kept cannot be read"))?;
        if tokens.issuer != self.server.issuer || tokens.client_id != self.identity.client_id {
            tracing::debug!("tokens that were kept are of another provider or client");
            return Ok(None);
        }
        let key = tokens.dpop_key.as_ref().map(DpopKey::restore).transpose()?;
        Ok(Some(Kept { tokens, key }))
    }

    pub(super) async fn keep(&self, user: &str, kept: Kept) -> Result<Arc<Kept>, Error> {
        let text = serde_json::to_string(&kept.tokens).expect("strings and numbers can be written");
        let saved = self.store.save(&self.name_of(user), Secret::new(text)).await;
        saved.map_err(|error| Error::store("tokens cannot be kept").with_source(error))?;
        Ok(Arc::new(kept))
    }

    async fn forget(&self, user: &str) -> Result<(), Error> {
        let removed = self.store.remove(&self.name_of(user)).await;
        removed.map_err(|error| Error::store("tokens cannot be removed").with_source(error))
    }

    async fn refreshed(&self, user: &str) -> Result<Option<AccessToken>, Error> {
        let _turn = self.turns.of(user).lock().await;
        // Whoever had the turn before may have done it.
        let Some(kept) = self.load(user).await? else { return Ok(None) };
        if !is_due(&kept.tokens) {
            return Ok(Some(self.access(Arc::new(kept))));
        }
        match self.refresh(user, &kept).await {
            Ok(fresh) => Ok(Some(self.access(fresh))),
            Err(error) if error.oauth_error() == Some("invalid_grant") => {
                tracing::debug!(%error, "a user has to log in again");
                self.forget(user).await?;
                Ok(None)
            }
            Err(error) if !kept.tokens.expires_within(0) && !error.is_store() => {
                tracing::debug!(%error, "tokens could not be refreshed before their end");
                Ok(Some(self.access(Arc::new(kept))))
            }
            Err(error) => Err(error),
        }
    }

    async fn refresh(&self, user: &str, kept: &Kept) -> Result<Arc<Kept>, Error> {
        let Tokens { refresh_token, resource, scopes, .. } = &kept.tokens;
        let Some(refresh_token) = refresh_token else {
            return Err(Error::oauth("a refresh", "invalid_grant", Some("there is no refresh token")));
        };
        let mut parameters = vec![("grant_type", "refresh_token"), ("refresh_token", refresh_token.expose())];
        parameters.extend(Some(("resource", resource.as_str())).filter(|_| !resource.is_empty()));
        let response = self.token(&parameters, kept.key.as_ref()).await?;
        let key = kept.tokens.dpop_key.as_ref().map(DpopKey::restore).transpose()?;
        let mut fresh = self.accept(&response, key, scopes, Some(resource))?;
        // One that is used again is not sent again.
        fresh.tokens.refresh_token = fresh.tokens.refresh_token.or_else(|| Some(refresh_token.clone()));
        self.keep(user, fresh).await
    }

    async fn logout(&self, user: &str) -> Result<Revocation, Error> {
        let _turn = self.turns.of(user).lock().await;
        let kept = self.load(user).await;
        // Also what cannot be read.
        self.forget(user).await?;
        let Some(Kept { tokens, .. }) = kept? else { return Ok(Revocation::NothingKept) };
        if self.server.revocation_endpoint.is_none() {
            return Ok(Revocation::NotOffered);
        }
        let refresh = tokens.refresh_token.as_ref().map(|token| (token, "refresh_token"));
        for (token, hint) in refresh.into_iter().chain([(&tokens.access_token, "access_token")]) {
            match self.revoke(token, hint).await {
                // Where access tokens are not kept by the provider, they end by themselves.
                Err(error) if hint == "access_token" && error.oauth_error() == Some("unsupported_token_type") => {}
                done => done?,
            }
        }
        Ok(Revocation::Revoked)
    }

    async fn revoke(&self, token: &Secret, hint: &str) -> Result<(), Error> {
        let url = ServerMetadata::endpoint(self.server.revocation_endpoint.as_ref(), "revocation endpoint")?;
        let parameters = [("token", token.expose()), ("token_type_hint", hint)];
        let answer = self.endpoint(&url, None)?.post(&url, &parameters).await?;
        if answer.status.is_success() { Ok(()) } else { Err(error_of("the revocation of a token", &answer)) }
    }

    async fn service(&self) -> Result<AccessToken, Error> {
        let mut current = self.service.lock().await;
        if let Some(kept) = current.as_ref().filter(|kept| !kept.tokens.expires_within(LEEWAY_SECONDS)) {
            return Ok(self.access(kept.clone()));
        }
        let (key, scope) = (self.new_key()?, self.scopes.join(" "));
        let resource = self.resource(None)?;
        let mut parameters = vec![("grant_type", "client_credentials")];
        parameters.extend(resource.as_deref().map(|resource| ("resource", resource)));
        parameters.extend(Some(("scope", scope.as_str())).filter(|_| !scope.is_empty()));
        parameters.extend(self.config.parameters());
        let response = self.token(&parameters, key.as_ref()).await?;
        let kept = Arc::new(self.accept(&response, key, &self.scopes, resource.as_deref())?);
        Ok(self.access(current.insert(kept).clone()))
    }
}

fn is_due(tokens: &Tokens) -> bool {
    tokens.expires_within(if tokens.refresh_token.is_some() { LEEWAY_SECONDS } else { 0 })
}

impl fmt::Debug for Turns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turns").finish_non_exhaustive()
    }
}
