//! What can go wrong with a call, apart from what a tool says of its own failure.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::time::Duration;

use turbomcp_protocol::error::write_with_causes;
use turbomcp_protocol::{ErrorCode, McpError};

use crate::ErrorKind;

type Source = Box<dyn StdError + Send + Sync>;

/// An error from connecting to a server, or from calling it.
///
/// What the server answered is told from what happened on the way: only [`Error::as_mcp`] holds an error of the
/// server's, and no code is ever invented for the others.
///
/// `Debug` writes the error and its causes in one line, so that `main` may return it; `{:#?}` writes its parts.
pub struct Error {
    inner: Box<Inner>,
}

#[derive(Debug)]
struct Inner {
    kind: Kind,
    status: Option<u16>,
    retry_after: Option<Duration>,
    nothing_sent: bool,
    source: Option<Source>,
}

#[derive(Debug)]
pub(crate) enum Kind {
    /// The peer answered with an error.
    Mcp(McpError),
    /// Nothing came in time.
    Timeout(Duration),
    /// The connection is over.
    Closed(Cow<'static, str>),
    /// The peer broke the rules.
    Protocol(Cow<'static, str>),
    /// An HTTP status that carries no JSON-RPC error.
    #[cfg_attr(not(feature = "http"), expect(dead_code, reason = "made over HTTP only"))]
    Status(u16),
    /// The server could not be reached or started.
    Connect(Cow<'static, str>),
    /// The request cannot be made: not JSON, not configured, not possible in this era.
    Usage(Cow<'static, str>),
    /// A tool failed, where its value was asked for.
    Tool(String),
    /// A question of the server's was not answered, so the request could not go on.
    Refused(McpError),
    /// Too much is going on already.
    Busy,
    Cancelled,
    /// The server has failed and is left alone.
    Unavailable(String),
    /// The session is unknown to the server; the request was not run.
    #[cfg_attr(not(feature = "http"), expect(dead_code, reason = "made over HTTP only"))]
    SessionLost,
}

impl Error {
    fn new(kind: Kind) -> Self {
        Self { inner: Box::new(Inner { kind, status: None, retry_after: None, nothing_sent: false, source: None }) }
    }

    pub(crate) fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.inner.source = Some(source.into());
        self
    }

    pub(crate) fn mcp(error: McpError) -> Self {
        Self::new(Kind::Mcp(error))
    }

    pub(crate) fn timeout(limit: Duration) -> Self {
        Self::new(Kind::Timeout(limit))
    }

    pub(crate) fn closed(why: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Closed(why.into()))
    }

    pub(crate) fn protocol(why: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Protocol(why.into()))
    }

    #[cfg(feature = "http")]
    pub(crate) fn http_status(status: u16) -> Self {
        Self::new(Kind::Status(status)).with_status(Some(status))
    }

    pub(crate) fn with_status(mut self, status: Option<u16>) -> Self {
        self.inner.status = status;
        self
    }

    pub(crate) fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        self.inner.retry_after = wait;
        self
    }

    /// Says that the server has not seen the request.
    pub(crate) fn with_nothing_sent(mut self) -> Self {
        self.inner.nothing_sent = true;
        self
    }

    pub(crate) fn connect(why: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Connect(why.into()))
    }

    pub(crate) fn usage(why: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Usage(why.into()))
    }

    pub(crate) fn tool(text: String) -> Self {
        Self::new(Kind::Tool(text))
    }

    pub(crate) fn refused(error: McpError) -> Self {
        Self::new(Kind::Refused(error))
    }

    pub(crate) fn cancelled() -> Self {
        Self::new(Kind::Cancelled)
    }

    pub(crate) fn busy() -> Self {
        Self::new(Kind::Busy)
    }

    pub(crate) fn unavailable(why: String) -> Self {
        Self::new(Kind::Unavailable(why))
    }

    #[cfg(feature = "http")]
    pub(crate) fn session_lost() -> Self {
        Self::new(Kind::SessionLost)
    }

    /// Returns the error the server answered with, if that is what this is.
    #[must_use]
    pub fn as_mcp(&self) -> Option<&McpError> {
        match &self.inner.kind {
            Kind::Mcp(error) => Some(error),
            _ => None,
        }
    }

    /// Returns the code of the error the server answered with, if that is what this is.
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        self.as_mcp().map(McpError::code)
    }

    /// Returns true if the server did not answer in time.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self.inner.kind, Kind::Timeout(_))
    }

    /// Returns true if the connection ended, or the stream of the answer did, before the answer was there.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.inner.kind, Kind::Closed(_) | Kind::SessionLost)
    }

    /// Returns true if the call had become a task that was cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(self.inner.kind, Kind::Cancelled)
    }

    /// Returns true if what the server sent is not what the protocol allows.
    #[must_use]
    pub fn is_protocol(&self) -> bool {
        matches!(self.inner.kind, Kind::Protocol(_))
    }

    /// Returns true if the server could not be reached or started, or no common revision was found.
    #[must_use]
    pub fn is_connect(&self) -> bool {
        matches!(self.inner.kind, Kind::Connect(_))
    }

    /// Returns true if the request could not be made; nothing was sent.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(self.inner.kind, Kind::Usage(_) | Kind::Busy)
    }

    /// Returns true if the server has failed before and is left alone for a while; nothing was sent.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        matches!(self.inner.kind, Kind::Unavailable(_))
    }

    /// Returns true if a tool failed whose value was asked for; its text is what this error displays.
    #[must_use]
    pub fn is_tool(&self) -> bool {
        matches!(self.inner.kind, Kind::Tool(_))
    }

    /// Returns true if the server asked for something that no handler gave.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        matches!(self.inner.kind, Kind::Refused(_))
    }

    /// Returns true if the resource does not exist, in the words of any revision.
    #[must_use]
    pub fn is_resource_not_found(&self) -> bool {
        self.as_mcp().is_some_and(|error| {
            let by_data = error.data().is_some_and(|data| data.get("uri").is_some());
            error.code() == ErrorCode::RESOURCE_NOT_FOUND || (error.code() == ErrorCode::INVALID_PARAMS && by_data)
        })
    }

    /// Returns the HTTP status, if the server answered with one that is a failure.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.inner.status
    }

    /// Returns how long the server wants to be left alone, if it has said so.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.inner.retry_after
    }

    /// Returns what kind of trouble this is, if it is one that may be over soon.
    #[must_use]
    pub fn kind(&self) -> Option<ErrorKind> {
        match &self.inner.kind {
            Kind::Timeout(_) => Some(ErrorKind::RequestTimeout),
            Kind::Closed(_) | Kind::SessionLost => Some(ErrorKind::ConnectionReset),
            Kind::Connect(_) => self.kind_of_connecting(),
            // A conflict is one with the same call, which is being run.
            Kind::Mcp(error)
                if [ErrorCode::RATE_LIMITED, ErrorCode::UNAVAILABLE, ErrorCode::CONFLICT].contains(&error.code()) =>
            {
                Some(ErrorKind::TemporaryFailure)
            }
            Kind::Mcp(_) | Kind::Status(_) => match self.status() {
                Some(429 | 502..=504) => Some(ErrorKind::TemporaryFailure),
                _ => None,
            },
            _ => None,
        }
    }

    /// Tells trouble on the way from what is wrong with the target, by what the operating system has said.
    fn kind_of_connecting(&self) -> Option<ErrorKind> {
        if matches!(self.status(), Some(429 | 502..=504)) {
            return Some(ErrorKind::TemporaryFailure);
        }
        let sources = std::iter::successors(self.source(), |error| (*error).source());
        let error = sources.filter_map(|error| error.downcast_ref::<io::Error>()).last()?;
        match error.kind() {
            io::ErrorKind::TimedOut => Some(ErrorKind::ConnectionTimeout),
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof => Some(ErrorKind::ConnectionReset),
            io::ErrorKind::ConnectionRefused
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::AddrNotAvailable => Some(ErrorKind::ConnectionRefused),
            _ => None,
        }
    }

    /// Returns true if this says of the server that it cannot be reached or does not do its work.
    pub(crate) fn is_of_the_server(&self) -> bool {
        let is_down = self.as_mcp().is_none() && self.status().is_some_and(|status| status >= 500);
        self.is_timeout() || self.is_closed() || self.is_connect() || is_down
    }

    /// Returns true if another server may be asked instead: this one is out of order and cannot have begun.
    pub(crate) fn is_elsewhere(&self) -> bool {
        (self.is_of_the_server() || self.is_unavailable() || self.kind() == Some(ErrorKind::TemporaryFailure))
            && !self.may_have_run()
    }

    /// Returns true unless the server cannot have begun with the request, or has said that it did not.
    pub(crate) fn may_have_run(&self) -> bool {
        let is_refused = match &self.inner.kind {
            Kind::Connect(_) | Kind::Usage(_) | Kind::Busy | Kind::Unavailable(_) | Kind::SessionLost => true,
            Kind::Mcp(error) => [ErrorCode::RATE_LIMITED, ErrorCode::UNAVAILABLE].contains(&error.code()),
            _ => false,
        };
        // A proxy says 503 of a connection that broke as well, but not when to come back.
        let is_refused =
            is_refused || self.status() == Some(429) || self.status() == Some(503) && self.inner.retry_after.is_some();
        !(is_refused || self.inner.nothing_sent)
    }

    #[cfg(feature = "http")]
    pub(crate) fn is_session_lost(&self) -> bool {
        matches!(self.inner.kind, Kind::SessionLost)
    }

    #[cfg(not(feature = "http"))]
    #[expect(clippy::unused_self, reason = "sessions exist over HTTP only")]
    pub(crate) fn is_session_lost(&self) -> bool {
        false
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            return f.debug_struct("Error").field("inner", &self.inner).finish();
        }
        write_with_causes(self, f)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.inner.kind {
            Kind::Mcp(error) => write!(f, "the server answered with error {}: {}", error.code(), error.message()),
            Kind::Timeout(limit) => write!(f, "no answer within {limit:?}"),
            Kind::Closed(why) => write!(f, "the connection is closed: {why}"),
            Kind::Protocol(why) => write!(f, "the server broke the protocol: {why}"),
            Kind::Status(status) => write!(f, "the server answered with HTTP status {status}"),
            Kind::Connect(why) | Kind::Usage(why) => f.write_str(why),
            Kind::Tool(text) => write!(f, "the tool failed: {text}"),
            Kind::Refused(error) => write!(f, "the server's question was not answered: {}", error.message()),
            Kind::Unavailable(why) => write!(f, "the server has failed and is left alone for a while: {why}"),
            Kind::Cancelled => f.write_str("the task was cancelled"),
            Kind::Busy => f.write_str("too many requests are waiting for an answer"),
            Kind::SessionLost => f.write_str("the server does not know the session any more"),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.inner.source.as_ref().map(|source| source.as_ref() as _)
    }
}
