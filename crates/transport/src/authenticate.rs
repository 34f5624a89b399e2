//! Who may connect: what whoever calls shows of themselves, and what is answered to those who may not.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::time::Duration;

use crate::{Extensions, Principal};

/// Finds out who is calling.
///
/// A server asks it before it reads anything: over HTTP for each request, elsewhere when a connection is opened.
///
/// ```
/// use turbomcp_transport::authenticate::{Authenticate, Refusal, Shown};
/// use turbomcp_transport::{Principal, TlsIdentity};
///
/// struct ByCertificate(Vec<String>);
///
/// impl Authenticate for ByCertificate {
///     async fn authenticate(&self, shown: Shown<'_>) -> Result<Option<Principal>, Refusal> {
///         let shown = shown.get::<TlsIdentity>().map(TlsIdentity::fingerprint);
///         match shown {
///             Some(shown) if self.0.contains(&shown) => Ok(Some(Principal::new(shown))),
///             _ => Err(Refusal::unauthorized("a certificate is required")),
///         }
///     }
/// }
/// ```
///
/// # Specification
///
/// [Authorization](https://modelcontextprotocol.io/specification/2026-07-28/basic/authorization)
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say who is calling",
    note = "hand over an `AuthManager`, or a type that implements `Authenticate`"
)]
pub trait Authenticate: Send + Sync + 'static {
    /// Says who is calling; none if whoever shows nothing may go on as nobody in particular.
    ///
    /// An error is what is answered. On a connection there is nobody to answer yet, so it is closed.
    fn authenticate(&self, shown: Shown<'_>) -> impl Future<Output = Result<Option<Principal>, Refusal>> + Send;

    /// Returns the headers that hold credentials; they are taken away before a handler sees the others. `authorization`
    /// unless said otherwise.
    fn credential_headers(&self) -> Vec<String> {
        vec!["authorization".to_owned()]
    }

    /// Returns the metadata of the protected resource, as JSON: what is answered at the well-known place.
    fn metadata(&self) -> Option<String> {
        None
    }

    /// Says what is answered to a caller who lacks some of these scopes, whether it is known who it is or not.
    fn insufficient_scope(&self, principal: Option<&Principal>, wanted: &[&str]) -> Refusal {
        let _ = wanted;
        match principal {
            Some(_) => Refusal::forbidden("more scopes are needed"),
            None => Refusal::unauthorized("credentials are required"),
        }
    }
}

/// What there is to tell a caller by.
#[derive(Clone, Copy)]
pub struct Shown<'a> {
    by: By<'a>,
}

#[derive(Clone, Copy)]
enum By<'a> {
    Connection(&'a Extensions),
    #[cfg(feature = "http")]
    Request(&'a ::http::request::Parts),
}

impl<'a> Shown<'a> {
    /// Takes what is known of whoever has opened a connection.
    #[must_use]
    pub fn connection(extensions: &'a Extensions) -> Self {
        Self { by: By::Connection(extensions) }
    }

    /// Takes the head of a request over HTTP, or of one to become a WebSocket.
    #[cfg(feature = "http")]
    #[must_use]
    pub fn request(head: &'a ::http::request::Parts) -> Self {
        Self { by: By::Request(head) }
    }

    /// Returns the head of the request, if there is one.
    #[cfg(feature = "http")]
    #[must_use]
    pub fn head(self) -> Option<&'a ::http::request::Parts> {
        match self.by {
            By::Request(head) => Some(head),
            By::Connection(_) => None,
        }
    }

    /// Returns what the connection, or a layer of HTTP in front, says: for example [`TlsIdentity`](crate::TlsIdentity) or
    /// [`ParentProcess`](crate::ParentProcess).
    #[must_use]
    pub fn get<T: Send + Sync + 'static>(self) -> Option<&'a T> {
        match self.by {
            By::Connection(extensions) => extensions.get(),
            #[cfg(feature = "http")]
            By::Request(head) => head.extensions.get(),
        }
    }
}

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Credentials are in there.
        f.debug_struct("Shown").finish_non_exhaustive()
    }
}

/// Returns true if a text can be a scope: it stands between quotes in a challenge, and between spaces in a token.
///
/// ```
/// use turbomcp_transport::authenticate::is_scope;
///
/// assert!(is_scope("notes:read"));
/// assert!(!is_scope("notes read") && !is_scope("\"") && !is_scope(""));
/// ```
///
/// # Specification
///
/// [RFC 6749, section 3.3](https://www.rfc-editor.org/rfc/rfc6749#section-3.3)
#[must_use]
pub fn is_scope(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'))
}

/// Why somebody is not let in, in words that they may read, and what they are told to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    inner: Box<Inner>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Inner {
    status: u16,
    reason: Cow<'static, str>,
    headers: Vec<(&'static str, String)>,
    retry_after: Option<Duration>,
}

impl Refusal {
    fn new(status: u16, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { inner: Box::new(Inner { status, reason: reason.into(), headers: Vec::new(), retry_after: None }) }
    }

    /// Credentials are missing, or no good: 401.
    pub fn unauthorized(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(401, reason)
    }

    /// The caller is known, and may not do this: 403.
    pub fn forbidden(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(403, reason)
    }

    /// Credentials are not shown as they must be: 400.
    pub fn malformed(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(400, reason)
    }

    /// Nobody can say at the moment whether the credentials are good: 503.
    pub fn unavailable(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(503, reason)
    }

    /// The caller has sent too much, and may try again after this time: 429, with `Retry-After` in whole seconds.
    #[must_use]
    pub fn rate_limited(reason: impl Into<Cow<'static, str>>, retry_after: Duration) -> Self {
        let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
        let mut refusal = Self::new(429, reason).with_header("retry-after", seconds.to_string());
        refusal.inner.retry_after = Some(retry_after);
        refusal
    }

    /// Adds a challenge: a `WWW-Authenticate` over HTTP.
    #[must_use]
    pub fn with_challenge(self, challenge: impl Into<String>) -> Self {
        self.with_header("www-authenticate", challenge)
    }

    /// Adds a header, in lower case, to the answer over HTTP.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.inner.headers.push((name, value.into()));
        self
    }

    /// Returns the status over HTTP.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.inner.status
    }

    /// Returns when the caller may try again, if they have sent too much.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.inner.retry_after
    }

    /// Returns why, for whoever is refused.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.inner.reason
    }

    /// Returns the headers of the answer over HTTP.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.inner.headers.iter().map(|(name, value)| (*name, value.as_str()))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl std::error::Error for Refusal {}
