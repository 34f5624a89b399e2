//! Who asks: what credentials a request carries, and what is done when they are refused.

use std::future::Future;

use http::{HeaderMap, HeaderName, HeaderValue, Method};

/// What goes wrong with credentials, in the words of whoever provides them.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Provides the credentials of requests.
///
/// The client asks it for each request, tells it when a server refuses one, and repeats the request if it has got new
/// credentials. It is told of one refusal at a time: requests that were refused meanwhile wait, and are repeated with
/// what came of it.
///
/// ```
/// use turbomcp_transport::http::authorize::{Authorize, BoxError, Challenge, Credentials, Head};
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

    /// Takes notice of the headers of an answer that was no refusal, such as a new `DPoP-Nonce`.
    fn answered(&self, request: Head<'_>, headers: &HeaderMap) {
        let _ = (request, headers);
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

impl<'a> Head<'a> {
    /// Describes a request.
    #[must_use]
    pub fn new(method: &'a Method, url: &'a str) -> Self {
        Self { method, url }
    }
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
    pub headers: &'a HeaderMap,
    /// What the request carried.
    pub credentials: &'a Credentials,
    /// What was asked for, as MCP sees it, such as `tools/call`; none for what is no request.
    pub operation: Option<&'a str>,
    /// How often this request was refused before.
    pub refusals: u32,
}

impl<'a> Challenge<'a> {
    /// Describes the first refusal of a request.
    #[must_use]
    pub fn new(head: Head<'a>, credentials: &'a Credentials, status: u16, headers: &'a HeaderMap) -> Self {
        Self { head, status, headers, credentials, operation: None, refusals: 0 }
    }

    /// Says what was asked for, as MCP sees it.
    #[must_use]
    pub fn of_operation(mut self, operation: Option<&'a str>) -> Self {
        self.operation = operation;
        self
    }

    /// Says how often the request was refused before.
    #[must_use]
    pub fn after(mut self, refusals: u32) -> Self {
        self.refusals = refusals;
        self
    }
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
    headers: Vec<(HeaderName, HeaderValue)>,
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
    /// Returns the headers.
    pub fn headers(&self) -> impl Iterator<Item = &(HeaderName, HeaderValue)> {
        self.headers.iter()
    }
}
