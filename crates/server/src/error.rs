//! What can go wrong with a server apart from its requests.

use std::fmt;

use turbomcp_protocol::error::write_with_causes;
use turbomcp_protocol::{ErrorCode, McpError};

/// An error from building or running a server.
///
/// `Debug` writes the error and its causes in one line, so that `main` may return it; `{:#?}` writes its parts.
pub struct Error {
    kind: Kind,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

#[derive(Debug)]
enum Kind {
    Registration(String),
    Transport,
    #[cfg(any(feature = "http", feature = "tcp", feature = "tls", all(unix, feature = "unix")))]
    Bind(String),
    Configuration(String),
    Refused,
    #[cfg(any(feature = "stdio", feature = "http", feature = "tcp", feature = "tls", all(unix, feature = "unix")))]
    Interrupted,
}

impl Error {
    pub(crate) fn registration(message: impl Into<String>) -> Self {
        Self { kind: Kind::Registration(message.into()), source: None }
    }

    pub(crate) fn transport(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { kind: Kind::Transport, source: Some(source.into()) }
    }

    #[cfg(any(feature = "http", feature = "tcp", feature = "tls", all(unix, feature = "unix")))]
    pub(crate) fn bind(what: impl Into<String>, source: std::io::Error) -> Self {
        Self { kind: Kind::Bind(what.into()), source: Some(source.into()) }
    }

    pub(crate) fn configuration(message: impl Into<String>) -> Self {
        Self { kind: Kind::Configuration(message.into()), source: None }
    }

    pub(crate) fn refused(refusal: turbomcp_transport::authenticate::Refusal) -> Self {
        Self { kind: Kind::Refused, source: Some(refusal.into()) }
    }

    #[cfg(any(feature = "stdio", feature = "http", feature = "tcp", feature = "tls", all(unix, feature = "unix")))]
    pub(crate) fn interrupted() -> Self {
        Self { kind: Kind::Interrupted, source: None }
    }

    #[cfg(feature = "tls")]
    pub(crate) fn tls(source: turbomcp_transport::tls::TlsError) -> Self {
        Self { kind: Kind::Configuration("TLS cannot be set up".to_owned()), source: Some(source.into()) }
    }

    /// Returns true if an address could not be listened on.
    #[cfg(any(feature = "http", feature = "tcp", feature = "tls", all(unix, feature = "unix")))]
    #[must_use]
    pub fn is_bind(&self) -> bool {
        matches!(self.kind, Kind::Bind(_))
    }

    /// Returns true if a setting is malformed.
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        matches!(self.kind, Kind::Configuration(_))
    }

    /// Returns true if whoever has opened a connection was not let in.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        matches!(self.kind, Kind::Refused)
    }

    /// Returns true if a signal has asked the server to end a second time, before it had: what still ran was dropped.
    #[cfg(any(feature = "stdio", feature = "http", feature = "tcp", feature = "tls", all(unix, feature = "unix")))]
    #[must_use]
    pub fn is_interrupted(&self) -> bool {
        matches!(self.kind, Kind::Interrupted)
    }

    /// Returns true if a tool, resource, prompt or completion could not be registered.
    #[must_use]
    pub fn is_registration(&self) -> bool {
        matches!(self.kind, Kind::Registration(_))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            return f.debug_struct("Error").field("kind", &self.kind).field("source", &self.source).finish();
        }
        write_with_causes(self, f)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Registration(message) => f.write_str(message),
            Kind::Transport => f.write_str("the connection failed"),
            #[cfg(any(feature = "http", feature = "tcp", feature = "tls", all(unix, feature = "unix")))]
            Kind::Bind(what) => f.write_str(what),
            Kind::Configuration(message) => f.write_str(message),
            Kind::Refused => f.write_str("the peer was not let in"),
            #[cfg(any(
                feature = "stdio",
                feature = "http",
                feature = "tcp",
                feature = "tls",
                all(unix, feature = "unix")
            ))]
            Kind::Interrupted => {
                f.write_str("the server was asked to end a second time, and has not waited any longer")
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source.as_ref() as _)
    }
}

/// A tool's failure: text that the model reads and can act on.
///
/// Handlers may return any error; this one is for those that have none of their own.
///
/// ```
/// use turbomcp_server::ToolError;
///
/// fn divide(a: i64, b: i64) -> Result<i64, ToolError> {
///     a.checked_div(b).ok_or_else(|| ToolError::new("b must not be 0"))
/// }
/// assert!(divide(1, 0).is_err());
/// ```
#[derive(Debug, Clone)]
pub struct ToolError {
    text: String,
}

impl ToolError {
    /// Creates an error with the text the model reads.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into() }
    }
}

impl fmt::Display for ToolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for ToolError {}

/// Why a handler refuses, by what an HTTP service would call it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ServerError {
    /// The arguments of a tool do not fit; the model reads why.
    InvalidToolInput(String),
    /// Something else in the request does not fit.
    ValidationError(String),
    /// The caller is not authenticated.
    Unauthorized(String),
    /// The caller may not do this.
    Forbidden(String),
    /// What was asked for does not exist.
    NotFound(String),
    /// The caller sent too much.
    RateLimitExceeded(String),
    /// A database failed; the text is for the log only.
    Database(String),
    /// Something failed; the text is for the log only.
    Internal(String),
}

/// A result whose error is a [`ServerError`].
pub type ServerResult<T> = Result<T, ServerError>;

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidToolInput(text)
            | Self::ValidationError(text)
            | Self::Unauthorized(text)
            | Self::Forbidden(text)
            | Self::NotFound(text)
            | Self::RateLimitExceeded(text) => f.write_str(text),
            Self::Database(_) | Self::Internal(_) => f.write_str("internal error"),
        }
    }
}

impl From<ServerError> for McpError {
    fn from(error: ServerError) -> Self {
        match error {
            // As any failure of a tool's own, so that the model reads it.
            ServerError::InvalidToolInput(text) => Self::from(ToolError::new(text)),
            ServerError::ValidationError(text) | ServerError::NotFound(text) => Self::invalid_params(text),
            ServerError::Unauthorized(text) => Self::unauthorized(text),
            ServerError::Forbidden(text) => Self::forbidden(text),
            ServerError::RateLimitExceeded(text) => Self::new(ErrorCode::RATE_LIMITED, text),
            ServerError::Database(text) | ServerError::Internal(text) => Self::internal(text),
        }
    }
}

/// So that it can stand in the `Result` of a handler.
impl From<ServerError> for Box<dyn std::error::Error + Send + Sync> {
    fn from(error: ServerError) -> Self {
        McpError::from(error).into()
    }
}
