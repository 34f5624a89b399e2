//! Who asks: what credentials a request carries, and what is done when they are refused.

use std::future::Future;

use http::{HeaderName, HeaderValue, Method};

use crate::exchange::BoxFuture;

/// What goes wrong with credentials, in the words of whoever provides them.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Provides the credentials of requests.
///
/// The client asks it for each request, tells it when a server refuses one, and repeats the request if it has got new
/// credentials. It is told of one refusal at a time: requests that were refused meanwhile wait, and are repeated with
/// what came of it.
///
/// ```
/// use turbomcp_client::http::authorize::{Authorize, BoxError, Challenge, Credentials, Head};
///
/// struct FromEnvironment;
///
/// impl Authorize for FromEnvironment {
///     async fn credentials(&self, _: Head<'_>) -> Result<Credentials, BoxError> {
///         Ok(Credentials::bearer(&std::env::var("NOTES_TOKEN")?)?)
///     }
/// }
/// ```
///
/// # Specification
///
/// [Authorization](https://modelcontextprotocol.io/specification/2026-07-28/basic/authorization)
pub trait Authorize: Send + Sync + 'static {
    /// Returns what a request shall carry.
    fn credentials(&self, request: Head<'_>) -> impl Future<Output = Result<Credentials, BoxError>> + Send;

    /// Takes notice that a server has refused a request, and tries to get credentials that will do.
    ///
    /// An error ends the request and is the source of its error.
    fn challenged(&self, challenge: Challenge<'_>) -> impl Future<Output = Result<Next, BoxError>> + Send {
        let _ = challenge;
        async { Ok(Next::GiveUp) }
    }
}

/// What is known of a request before it is sent.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Head<'a> {
    /// The method of HTTP.
    pub method: &'a Method,
    /// The URL, in full.
    pub url: &'a str,
}

/// The refusal of a request.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Challenge<'a> {
    /// The request, as HTTP sees it.
    pub head: Head<'a>,
    /// 401 or 403.
    pub status: u16,
    /// All headers of the answer, `WWW-Authenticate` and `DPoP-Nonce` among them.
    pub headers: &'a http::HeaderMap,
    /// What was asked for, as MCP sees it, such as `tools/call`; none for what is no request.
    pub operation: Option<&'a str>,
    /// How often this request was refused before.
    pub refusals: u32,
}

/// What becomes of a request that was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Next {
    /// It fails.
    GiveUp,
    /// There are new credentials, and it is sent again.
    Retry,
}

/// The headers that say who asks.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
}

impl Credentials {
    /// Creates none.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Creates `Authorization: Bearer`.
    ///
    /// # Errors
    ///
    /// If the token has characters that a header cannot have.
    pub fn bearer(token: &str) -> Result<Self, http::header::InvalidHeaderValue> {
        Self::none().header(http::header::AUTHORIZATION, &format!("Bearer {token}"))
    }

    /// Adds a header. Its value is never shown in logs.
    ///
    /// # Errors
    ///
    /// If the value has characters that a header cannot have.
    pub fn header(mut self, name: HeaderName, value: &str) -> Result<Self, http::header::InvalidHeaderValue> {
        let mut value = HeaderValue::from_str(value)?;
        value.set_sensitive(true);
        self.headers.push((name, value));
        Ok(self)
    }
}

/// A token that does not change.
pub(super) struct Bearer {
    token: String,
}

impl Bearer {
    pub(super) fn new(token: impl Into<String>) -> Self {
        Self { token: token.into() }
    }
}

impl Authorize for Bearer {
    async fn credentials(&self, _: Head<'_>) -> Result<Credentials, BoxError> {
        Ok(Credentials::bearer(&self.token)?)
    }
}

/// [`Authorize`], whatever the type.
pub(crate) trait ErasedAuthorize: Send + Sync {
    fn credentials<'a>(&'a self, request: Head<'a>) -> BoxFuture<'a, Result<Credentials, BoxError>>;
    fn challenged<'a>(&'a self, challenge: Challenge<'a>) -> BoxFuture<'a, Result<Next, BoxError>>;
}

impl<A: Authorize> ErasedAuthorize for A {
    fn credentials<'a>(&'a self, request: Head<'a>) -> BoxFuture<'a, Result<Credentials, BoxError>> {
        Box::pin(Authorize::credentials(self, request))
    }

    fn challenged<'a>(&'a self, challenge: Challenge<'a>) -> BoxFuture<'a, Result<Next, BoxError>> {
        Box::pin(Authorize::challenged(self, challenge))
    }
}
