//! Error codes and the error member of a response.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt::{self, Write as _};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Revision;
use crate::types::ClientCapabilities;

/// The numeric code of a JSON-RPC error.
///
/// Codes this crate has no name for survive unchanged.
///
/// # Specification
///
/// [Error codes](https://modelcontextprotocol.io/specification/2026-07-28/basic#error-codes)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ErrorCode(pub i64);

impl ErrorCode {
    /// The body is not JSON.
    pub const PARSE_ERROR: Self = Self(-32700);
    /// The JSON is not a message this peer may send.
    pub const INVALID_REQUEST: Self = Self(-32600);
    /// The method is unknown, or belongs to a capability that was not advertised.
    pub const METHOD_NOT_FOUND: Self = Self(-32601);
    /// The params do not fit the method, or name something that does not exist.
    pub const INVALID_PARAMS: Self = Self(-32602);
    /// The receiver failed.
    pub const INTERNAL_ERROR: Self = Self(-32603);
    /// An HTTP header is missing, malformed or unlike the body (2026-07-28).
    pub const HEADER_MISMATCH: Self = Self(-32020);
    /// The request needs a client capability that it did not declare (2026-07-28).
    pub const MISSING_REQUIRED_CLIENT_CAPABILITY: Self = Self(-32021);
    /// The protocol version is not implemented (2026-07-28).
    pub const UNSUPPORTED_PROTOCOL_VERSION: Self = Self(-32022);
    /// The resource does not exist (before 2026-07-28).
    pub const RESOURCE_NOT_FOUND: Self = Self(-32002);
    /// The user has to visit a URL first (2025-11-25).
    pub const URL_ELICITATION_REQUIRED: Self = Self(-32042);
    /// The user refused a sampling request (before 2026-07-28).
    pub const USER_REJECTED: Self = Self(-1);
    /// The caller is not authenticated; an application code outside the reserved range.
    pub const UNAUTHORIZED: Self = Self(401);
    /// The caller may not do this; an application code outside the reserved range.
    pub const FORBIDDEN: Self = Self(403);
    /// The same is being done already; an application code outside the reserved range.
    pub const CONFLICT: Self = Self(409);
    /// The caller sent too much; an application code outside the reserved range.
    pub const RATE_LIMITED: Self = Self(429);
    /// The server is shutting down or overloaded; an application code outside the reserved range.
    pub const UNAVAILABLE: Self = Self(503);
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a handler or the stack answers instead of a result: an error response.
///
/// Any [`std::error::Error`] converts into one by `?`. Such an error keeps its cause for the log and is shown to the
/// peer as an internal error without its text; only a tool's failure is shown to the model, as a result.
///
/// This type is not itself a [`std::error::Error`], so that the conversion can exist; it converts into a boxed one.
///
/// # On the wire
///
/// `{"code": -32602, "message": "unknown tool", "data": {…}}`
///
/// # Specification
///
/// [Error responses](https://modelcontextprotocol.io/specification/2026-07-28/basic#error-responses)
#[derive(Clone)]
pub struct McpError {
    inner: Box<Inner>,
}

/// A result whose error is, unless named otherwise, an [`McpError`].
pub type McpResult<T, E = McpError> = Result<T, E>;

#[derive(Clone)]
struct Inner {
    code: ErrorCode,
    message: Cow<'static, str>,
    data: Option<Value>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
    /// Whether the source is an error of the user's that `?` has converted.
    is_converted: bool,
}

impl McpError {
    /// Creates an error with a code and one short sentence.
    pub fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { inner: Box::new(Inner { code, message: message.into(), data: None, source: None, is_converted: false }) }
    }

    /// The body was not JSON.
    #[must_use]
    pub fn parse_error() -> Self {
        Self::new(ErrorCode::PARSE_ERROR, "parse error")
    }

    /// The JSON was not a message this peer may send.
    pub fn invalid_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::INVALID_REQUEST, message)
    }

    /// The method does not exist here.
    pub fn method_not_found(method: impl fmt::Display) -> Self {
        Self::new(ErrorCode::METHOD_NOT_FOUND, format!("method not found: {method}"))
    }

    /// The params do not fit the method, or name something that does not exist.
    pub fn invalid_params(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::INVALID_PARAMS, message)
    }

    /// The server failed; the peer is told nothing more.
    #[must_use]
    pub fn internal_error() -> Self {
        Self::new(ErrorCode::INTERNAL_ERROR, "internal error")
    }

    /// The server failed; `source` is kept for the log and not shown to the peer.
    pub fn internal(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let mut error = Self::internal_error();
        error.inner.source = Some(Arc::from(source.into()));
        error
    }

    /// A mirrored HTTP header is missing, malformed or unlike the body.
    pub fn header_mismatch(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::HEADER_MISMATCH, message)
    }

    /// The request needs client capabilities that it did not declare.
    #[must_use]
    pub fn missing_client_capability(required: &ClientCapabilities) -> Self {
        Self::new(ErrorCode::MISSING_REQUIRED_CLIENT_CAPABILITY, "a required client capability was not declared")
            .with_data(json!({ "requiredCapabilities": required }))
    }

    /// The requested protocol version is not implemented; `supported` are those that are.
    #[must_use]
    pub fn unsupported_protocol_version(requested: &str, supported: &[Revision]) -> Self {
        Self::new(ErrorCode::UNSUPPORTED_PROTOCOL_VERSION, "unsupported protocol version")
            .with_data(json!({ "supported": supported, "requested": requested }))
    }

    /// No resource has this URI. Sent with the code of the peer's revision.
    #[must_use]
    pub fn resource_not_found(uri: impl fmt::Display) -> Self {
        Self::new(ErrorCode::RESOURCE_NOT_FOUND, "resource not found").with_data(json!({ "uri": uri.to_string() }))
    }

    /// The caller is not authenticated.
    pub fn unauthorized(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::UNAUTHORIZED, message)
    }

    /// The caller is not authenticated; the spelling of an enum variant.
    #[expect(non_snake_case, reason = "users construct it like an enum variant")]
    #[must_use]
    pub fn Unauthorized(message: String) -> Self {
        Self::unauthorized(message)
    }

    /// The caller may not do this.
    pub fn forbidden(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::FORBIDDEN, message)
    }

    /// The caller sent too much.
    pub fn rate_limited(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::RATE_LIMITED, message)
    }

    /// The same is being done already, or was done in a way that cannot be told.
    pub fn conflict(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::CONFLICT, message)
    }

    /// The server is shutting down or overloaded.
    pub fn unavailable(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::UNAVAILABLE, message)
    }

    /// Adds the `data` member.
    #[must_use]
    pub fn with_data(mut self, data: Value) -> Self {
        self.inner.data = Some(data);
        self
    }

    /// Returns the numeric code.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        self.inner.code
    }

    /// Returns the message, as the peer sees it.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.inner.message
    }

    /// Returns the `data` member.
    #[must_use]
    pub fn data(&self) -> Option<&Value> {
        self.inner.data.as_ref()
    }

    /// Returns the cause that is kept from the peer, if this error came from one.
    #[must_use]
    pub fn source(&self) -> Option<&(dyn StdError + Send + Sync + 'static)> {
        self.inner.source.as_deref()
    }

    /// Returns the error this one was converted from by `?`, which is what a tool failed with.
    ///
    /// What was kept for the log by [`McpError::internal`] is not among them.
    #[must_use]
    pub fn failure(&self) -> Option<&(dyn StdError + Send + Sync + 'static)> {
        self.source().filter(|_| self.inner.is_converted)
    }

    /// Returns the code a peer of `revision` knows this error by.
    #[must_use]
    pub fn code_for(&self, revision: Revision) -> ErrorCode {
        match self.inner.code {
            ErrorCode::RESOURCE_NOT_FOUND | ErrorCode::URL_ELICITATION_REQUIRED if revision.is_modern() => {
                ErrorCode::INVALID_PARAMS
            }
            ErrorCode::URL_ELICITATION_REQUIRED if !revision.has_url_elicitation() => ErrorCode::INVALID_PARAMS,
            ErrorCode::MISSING_REQUIRED_CLIENT_CAPABILITY if revision.is_legacy() => ErrorCode::INVALID_PARAMS,
            code => code,
        }
    }
}

impl fmt::Display for McpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.inner.message)
    }
}

impl fmt::Debug for McpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("McpError");
        out.field("code", &self.inner.code.0).field("message", &self.inner.message);
        if let Some(data) = &self.inner.data {
            out.field("data", data);
        }
        if let Some(source) = &self.inner.source {
            out.field("source", source);
        }
        out.finish()
    }
}

impl<E: StdError + Send + Sync + 'static> From<E> for McpError {
    fn from(error: E) -> Self {
        Self::from_boxed(Box::new(error))
    }
}

impl From<McpError> for Box<dyn StdError + Send + Sync> {
    fn from(error: McpError) -> Self {
        Box::new(Boxed(error))
    }
}

impl McpError {
    /// Turns a boxed error back into the [`McpError`] it was made from, or into an internal error with it as the cause.
    #[must_use]
    pub fn from_boxed(error: Box<dyn StdError + Send + Sync>) -> Self {
        match error.downcast::<Boxed>() {
            Ok(boxed) => boxed.0,
            Err(error) => {
                let mut converted = Self::internal(error);
                converted.inner.is_converted = true;
                converted
            }
        }
    }
}

/// An [`McpError`] where a [`std::error::Error`] is asked for.
#[derive(Debug)]
struct Boxed(McpError);

impl fmt::Display for Boxed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for Boxed {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self.0.source() {
            Some(source) => Some(source),
            None => None,
        }
    }
}

/// Writes an error and its causes in one line, for the `Debug` of errors that `main` may return.
///
/// A cause whose text the line has already is left out, and what could steer a terminal is escaped.
///
/// # Errors
///
/// Those of the formatter.
#[doc(hidden)]
pub fn write_with_causes(error: &dyn StdError, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let text = next.to_string();
        if !line.contains(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        cause = next.source();
    }
    for c in line.chars() {
        match c {
            '\n' | '\t' => f.write_char(c)?,
            c if c.is_control() => write!(f, "{}", c.escape_default())?,
            c => f.write_char(c)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_an_error_with_its_causes() {
        #[derive(Debug)]
        struct Level(&'static str, Option<Box<Self>>);
        impl fmt::Display for Level {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.0)
            }
        }
        impl StdError for Level {
            fn source(&self) -> Option<&(dyn StdError + 'static)> {
                self.1.as_deref().map(|cause| cause as _)
            }
        }
        struct Line(Level);
        impl fmt::Debug for Line {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_with_causes(&self.0, f)
            }
        }
        let cause = |text, cause| Some(Box::new(Level(text, cause)));
        let error = Level("no bread", cause("the \u{1b}[31moven", cause("no bread", cause("is cold", None))));
        assert_eq!(format!("{:?}", Line(error)), "no bread: the \\u{1b}[31moven: is cold");
    }

    #[test]
    fn survives_a_trip_through_a_boxed_error() {
        let boxed: Box<dyn StdError + Send + Sync> = McpError::invalid_params("no").into();
        let back = McpError::from_boxed(boxed);
        assert_eq!((back.code(), back.message()), (ErrorCode::INVALID_PARAMS, "no"));
    }

    #[test]
    fn hides_the_text_of_any_other_error() {
        let error = McpError::from(std::io::Error::other("password is hunter2"));
        assert_eq!((error.code(), error.message()), (ErrorCode::INTERNAL_ERROR, "internal error"));
        assert_eq!(error.source().unwrap().to_string(), "password is hunter2");
    }

    #[test]
    fn tells_what_failed_from_what_is_for_the_log() {
        let failed = McpError::from(std::io::Error::other("the disk is full"));
        assert_eq!(failed.failure().unwrap().to_string(), "the disk is full");
        let boxed: Box<dyn StdError + Send + Sync> = McpError::internal("password is hunter2").into();
        assert!(McpError::from_boxed(boxed).failure().is_none());
    }

    #[test]
    fn a_missing_resource_has_the_code_of_the_revision() {
        let error = McpError::resource_not_found("x://y");
        assert_eq!(error.code_for(Revision::V2025_11_25), ErrorCode::RESOURCE_NOT_FOUND);
        assert_eq!(error.code_for(Revision::V2026_07_28), ErrorCode::INVALID_PARAMS);
    }
}
