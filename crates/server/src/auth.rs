//! Who may connect, and as whom.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use turbomcp_protocol::McpError;
use turbomcp_transport::authenticate::{Authenticate, Refusal, Shown};
use turbomcp_transport::{Extensions, PeerAddr, Principal};

use crate::McpServer;

type Found = Result<Option<Principal>, Refusal>;

/// What finds out who is calling.
#[derive(Clone)]
pub(crate) struct Auth {
    by: Arc<dyn Erased>,
    #[cfg(feature = "http")]
    hidden: Arc<[http::HeaderName]>,
}

trait Erased: Send + Sync {
    fn authenticate<'a>(&'a self, shown: Shown<'a>) -> Pin<Box<dyn Future<Output = Found> + Send + 'a>>;
    #[cfg(feature = "http")]
    fn metadata(&self) -> Option<String>;
    fn insufficient_scope(&self, principal: Option<&Principal>, wanted: &[&str]) -> Refusal;
}

impl<A: Authenticate> Erased for A {
    fn authenticate<'a>(&'a self, shown: Shown<'a>) -> Pin<Box<dyn Future<Output = Found> + Send + 'a>> {
        Box::pin(Authenticate::authenticate(self, shown))
    }

    #[cfg(feature = "http")]
    fn metadata(&self) -> Option<String> {
        Authenticate::metadata(self)
    }

    fn insufficient_scope(&self, principal: Option<&Principal>, wanted: &[&str]) -> Refusal {
        Authenticate::insufficient_scope(self, principal, wanted)
    }
}

impl Auth {
    pub(crate) fn new(by: impl Authenticate) -> Self {
        Self {
            #[cfg(feature = "http")]
            hidden: by.credential_headers().iter().filter_map(|name| name.parse().ok()).collect(),
            by: Arc::new(by),
        }
    }

    #[cfg(feature = "http")]
    pub(crate) fn metadata(&self) -> Option<String> {
        self.by.metadata()
    }

    /// Says what is answered to somebody who lacks scopes.
    pub(crate) fn insufficient_scope(&self, principal: Option<&Principal>, wanted: &[&str]) -> Refusal {
        self.by.insufficient_scope(principal, wanted)
    }

    /// Finds out who sends a request over HTTP, and takes away what they have shown for it.
    #[cfg(feature = "http")]
    pub(crate) async fn admit(&self, head: &mut http::request::Parts) -> Result<(), Refusal> {
        // A layer in front that says who it is has found out already.
        if head.extensions.get::<Principal>().is_none()
            && let Some(principal) = self.by.authenticate(Shown::request(head)).await?
        {
            head.extensions.insert(principal);
        }
        for name in self.hidden.iter() {
            head.headers.remove(name);
        }
        Ok(())
    }
}

impl McpServer {
    /// Finds out who has opened a connection, and until when that holds.
    pub(crate) async fn admit(&self, extensions: &mut Extensions) -> Result<Option<SystemTime>, Refusal> {
        if let Some(auth) = self.auth()
            && extensions.get::<Principal>().is_none()
        {
            // Before credentials are looked at, which costs more than to open a connection.
            if let Some(limit) = self.built_in().and_then(|layers| layers.rate_limit.as_ref())
                && let Some(peer) = extensions.get::<PeerAddr>()
                && !was_counted(extensions)
            {
                limit.admit_connection(self.metrics(), peer.get().ip()).await?;
            }
            if let Some(principal) = auth.by.authenticate(Shown::connection(extensions)).await? {
                extensions.insert(principal);
            }
        }
        let Some(principal) = extensions.get::<Principal>().cloned() else { return Ok(None) };
        extensions.insert_shared(principal.identity().clone());
        Ok(principal.expires_at())
    }
}

/// Returns true if the request that became the connection was counted.
#[cfg(feature = "http")]
fn was_counted(extensions: &Extensions) -> bool {
    extensions.get::<turbomcp_transport::http::HttpRequest>().is_some()
}

#[cfg(not(feature = "http"))]
fn was_counted(_: &Extensions) -> bool {
    false
}

/// Says in the words of MCP why somebody is refused.
pub(crate) fn error(refusal: &Refusal) -> McpError {
    let reason = refusal.reason().to_owned();
    match refusal.status() {
        401 => McpError::unauthorized(reason),
        403 => McpError::forbidden(reason),
        429 => McpError::rate_limited(reason)
            .with_data(crate::layers::retry_after(refusal.retry_after().unwrap_or_default())),
        503 => McpError::unavailable(reason),
        _ => McpError::invalid_request(reason),
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth").finish_non_exhaustive()
    }
}
