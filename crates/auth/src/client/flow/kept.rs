//! What outlives the process: tokens, and what the client is registered as.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::turn::Turn;
use super::{Current, Flow};
use crate::client::dpop::DpopKey;
use crate::client::lock;
use crate::client::registration::Registration;
use crate::client::token::{TokenResponse, Tokens};
use crate::{Error, Secret};

impl Flow {
    pub(in crate::client) async fn load_registration(&self, issuer: &str) -> Result<Option<Registration>, Error> {
        self.load_as(&registration_name(issuer)).await
    }

    /// Forgets a registration that an authorization server does not know any more.
    pub(in crate::client) async fn forget_registration(&self, issuer: &str) -> Result<(), Error> {
        self.remove(&registration_name(issuer)).await
    }

    fn tokens_name(&self) -> String {
        format!("tokens {}", self.settings.server.as_str())
    }

    /// Loads what was kept, once.
    pub(super) async fn load(&self, turn: &mut Turn) -> Result<(), Error> {
        if self.is_loaded.load(Ordering::Acquire) {
            return Ok(());
        }
        if let Some(tokens) = self.load_as::<Tokens>(&self.tokens_name()).await? {
            turn.home = Some(tokens.issuer.clone());
            self.use_kept(tokens)?;
        }
        self.is_loaded.store(true, Ordering::Release);
        Ok(())
    }

    /// Uses what somebody else, who shares the store, has got since `current`.
    pub(super) async fn adopt(&self, current: &Current) -> Result<Option<Arc<Current>>, Error> {
        if !current.is_kept {
            return Ok(None);
        }
        let kept = self.load_as::<Tokens>(&self.tokens_name()).await?;
        let newer = kept.filter(|kept| {
            let Tokens { issuer, client_id, access_token, .. } = &current.tokens;
            kept.issuer == *issuer && kept.client_id == *client_id && kept.access_token != *access_token
        });
        newer.map(|tokens| self.use_kept(tokens)).transpose()
    }

    fn use_kept(&self, tokens: Tokens) -> Result<Arc<Current>, Error> {
        let key = tokens.dpop_key.as_ref().map(DpopKey::restore).transpose()?;
        let current = Arc::new(Current { tokens, key, is_accepted: AtomicBool::new(true), is_kept: true });
        *lock(&self.current) = Some(current.clone());
        Ok(current)
    }

    pub(super) async fn keep(
        &self,
        mut tokens: Tokens,
        key: Option<DpopKey>,
        response: &TokenResponse,
    ) -> Result<(), Error> {
        let is_bound = response.is_bound(key.is_some(), self.settings.dpop)?;
        let key = key.filter(|_| is_bound);
        tokens.dpop_key = key.as_ref().map(|key| key.stored().clone());
        let saved = self.save(&self.tokens_name(), &tokens).await;
        let current = Current { tokens, key, is_accepted: AtomicBool::new(false), is_kept: saved.is_ok() };
        *lock(&self.current) = Some(Arc::new(current));
        if let Err(error) = saved {
            tracing::warn!(%error, "tokens are of use now, but could not be kept");
        }
        Ok(())
    }

    pub(super) async fn forget(&self) -> Result<(), Error> {
        *lock(&self.current) = None;
        self.is_loaded.store(true, Ordering::Release);
        self.remove(&self.tokens_name()).await
    }

    async fn load_as<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Error> {
        let failed = |error| Error::store("credentials cannot be loaded").with_source(error);
        let Some(text) = self.settings.store.load(name).await.map_err(failed)? else { return Ok(None) };
        match serde_json::from_str(text.expose()) {
            Ok(value) => Ok(Some(value)),
            // As good as nothing; what follows replaces it. The error could show what is secret.
            Err(_) => {
                tracing::warn!("kept credentials cannot be read");
                Ok(None)
            }
        }
    }

    pub(super) async fn save(&self, name: &str, value: &impl serde::Serialize) -> Result<(), Error> {
        let text = serde_json::to_string(value).expect("strings and numbers can be written");
        let saved = self.settings.store.save(name, Secret::new(text)).await;
        saved.map_err(|error| Error::store("credentials cannot be kept").with_source(error))
    }

    async fn remove(&self, name: &str) -> Result<(), Error> {
        let removed = self.settings.store.remove(name).await;
        removed.map_err(|error| Error::store("credentials cannot be removed").with_source(error))
    }
}

pub(super) fn registration_name(issuer: &str) -> String {
    format!("client {issuer}")
}
