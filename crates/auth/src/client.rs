//! The client of OAuth: it finds out who gives out tokens for a server, gets them, and keeps them fresh.
//!
//! | module | what is in it |
//! |---|---|
//! | here | [`OAuthClient`] and its builder; what is used to set it up |
//! | `login`, a feature of its own | a server that logs its users in elsewhere |

mod browser;
mod builder;
mod discovery;
mod dpop;
mod flow;
mod grants;
#[cfg(feature = "login")]
pub mod login;
mod redirect;
mod registration;
mod store;
mod tasks;
#[cfg(test)]
mod tests;
#[cfg_attr(not(feature = "login"), expect(dead_code, reason = "logins need more of it"))]
mod token;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::HeaderMap;
use turbomcp_transport::http::authorize::{Authorize, BoxError, Challenge, Credentials, Head, Next};

pub use crate::fetch::Reach;
pub use browser::{Browser, Visit};
pub use builder::OAuthClientBuilder;
pub use dpop::Dpop;
pub use grants::{DeviceCode, IdentityProvider, SubjectTokenType};
pub use registration::PreRegistered;
pub use store::{FileStore, MemoryStore, TokenStore};

use crate::Error;
use flow::{Flow, Refusal};
use tasks::Tasks;

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

fn boxed<'a, T>(future: impl Future<Output = T> + Send + 'a) -> BoxFuture<'a, T> {
    Box::pin(future)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gets tokens for one server, and keeps them fresh.
///
/// It does what the server's refusals ask for: the first one starts authorization, one for want of scopes widens it,
/// and expired tokens are refreshed before they are refused. Concurrent requests share what one of them started, and
/// what was started is finished even if the request that started it is dropped.
///
/// # Specification
///
/// [Authorization](https://modelcontextprotocol.io/specification/2026-07-28/basic/authorization)
#[derive(Clone)]
pub struct OAuthClient {
    shared: Arc<Shared>,
}

struct Shared {
    flow: Arc<Flow>,
    /// Ends with the last clone of the client.
    tasks: Tasks,
}

impl OAuthClient {
    /// Starts building a client for the server at a URL.
    pub fn builder(server: impl Into<String>) -> OAuthClientBuilder {
        OAuthClientBuilder::new(server.into())
    }

    fn new(flow: Flow) -> Self {
        Self { shared: Arc::new(Shared { flow: Arc::new(flow), tasks: Tasks::default() }) }
    }

    /// Gets authorization, whether there is any already or not.
    ///
    /// It need not be called: the first refusal has the same effect. But a request that a user is waited for may run
    /// out of time.
    ///
    /// # Errors
    ///
    /// `is_refused()` if something must not be trusted, `oauth_error()` if the authorization server or the user
    /// refuses, `is_timeout()` if the user does not answer.
    pub async fn login(&self) -> Result<(), Error> {
        let flow = self.shared.flow.clone();
        self.shared.tasks.run(async move { flow.login().await }).await
    }

    /// Forgets the tokens for the server. What the client is registered as is kept.
    ///
    /// # Errors
    ///
    /// `is_store()` if they cannot be removed from the store.
    pub async fn logout(&self) -> Result<(), Error> {
        let flow = self.shared.flow.clone();
        self.shared.tasks.run(async move { flow.logout().await }).await
    }
}

impl Authorize for OAuthClient {
    async fn credentials(&self, request: Head<'_>) -> Result<Credentials, BoxError> {
        let flow = &self.shared.flow;
        if !flow.is_for(request.url) {
            return Ok(Credentials::none());
        }
        if flow.is_stale() {
            let flow = flow.clone();
            self.shared.tasks.run(async move { flow.freshen().await }).await?;
        }
        flow.credentials(request)
    }

    async fn challenged(&self, challenge: Challenge<'_>) -> Result<Next, BoxError> {
        let flow = self.shared.flow.clone();
        if !flow.is_for(challenge.head.url) {
            return Ok(Next::GiveUp);
        }
        let refusal = Refusal::read(&challenge);
        Ok(self.shared.tasks.run(async move { flow.renew(refusal).await }).await?)
    }

    fn answered(&self, request: Head<'_>, headers: &HeaderMap) {
        self.shared.flow.answered(request, headers);
    }
}

impl fmt::Debug for OAuthClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuthClient").field("server", &self.shared.flow.server().as_str()).finish_non_exhaustive()
    }
}
