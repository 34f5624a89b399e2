//! What the stack's services take and give: a request, and its response.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;
use turbomcp_protocol::scan::text_of;
use turbomcp_protocol::types::{CallToolResult, CompleteResult, GetPromptResult, ReadResourceResult};
use turbomcp_protocol::{McpError, Method, Revision};
use turbomcp_transport::Extensions;

use crate::Context;
use crate::inner::Inner;

/// One request on its way through the stack to its handler.
///
/// Layers may read it and put typed values into its [extensions](Request::extensions_mut); the message itself cannot be
/// changed.
#[derive(Debug)]
pub struct Request {
    inner: Arc<Inner>,
    extensions: Extensions,
}

impl Request {
    pub(crate) fn new(inner: Arc<Inner>, extensions: Extensions) -> Self {
        Self { inner, extensions }
    }

    /// Returns the method's name, for example `tools/call`.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.inner.method
    }

    /// Returns the protocol version this request is spoken in.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.inner.revision
    }

    /// Returns the name of the tool or prompt the request is about.
    #[must_use]
    pub fn name(&self) -> Option<Cow<'_, str>> {
        self.inner.message.known.name.and_then(|span| text_of(self.inner.raw(span)))
    }

    /// Returns the URI of the resource the request is about.
    #[must_use]
    pub fn uri(&self) -> Option<Cow<'_, str>> {
        self.inner.message.known.uri.and_then(|span| text_of(self.inner.raw(span)))
    }

    /// Decodes the params, whatever the method; `null` if there are none.
    #[must_use]
    pub fn params(&self) -> Value {
        let params = self.inner.message.params.map(|span| serde_json::from_slice(self.inner.raw(span)));
        params.and_then(Result::ok).unwrap_or_default()
    }

    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    /// Returns what is known of the request beside its message.
    #[must_use]
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// Returns what is known of the request beside its message, to add to it.
    pub fn extensions_mut(&mut self) -> &mut Extensions {
        &mut self.extensions
    }

    /// Ends the way through the stack: from here on the handler's context stands for the request.
    pub(crate) fn into_context(self) -> Context {
        // Only the router gets here, once for each request.
        let _ = self.inner.extensions.set(self.extensions);
        Context::from_inner(self.inner)
    }
}

/// The answer to a request: a result, or an error.
#[derive(Debug)]
pub struct Response {
    pub(crate) outcome: Result<Outcome, McpError>,
    /// Whether it is the result of a tool whose arguments did not fit.
    pub(crate) is_unfit: bool,
}

/// A result, typed until it is written for the request's revision.
#[derive(Debug)]
pub(crate) enum Outcome {
    Tool(CallToolResult),
    Prompt(GetPromptResult),
    Resource(ReadResourceResult),
    Complete(CompleteResult),
    /// Members that are ready to be written, with or without more to follow from the revision.
    Members(Bytes),
    /// The client is asked for input: members, without the result type.
    InputRequired(Vec<u8>),
    /// The call has become a task: members, without the result type.
    Task(Vec<u8>),
    /// The end of a subscription, with the members of its `_meta`.
    Listen(Vec<u8>),
}

impl Response {
    /// Creates an error response.
    #[must_use]
    pub fn error(error: McpError) -> Self {
        Self { outcome: Err(error), is_unfit: false }
    }

    /// Creates the answer to a tool call.
    #[must_use]
    pub fn tool(result: CallToolResult) -> Self {
        Outcome::Tool(result).into()
    }

    /// Creates an error response for a caller that is not authenticated.
    #[must_use]
    pub fn unauthorized(message: &str) -> Self {
        Self::error(McpError::unauthorized(message.to_owned()))
    }

    /// Creates an error response for params that do not fit.
    #[must_use]
    pub fn bad_request(message: &str) -> Self {
        Self::error(McpError::invalid_params(message.to_owned()))
    }

    /// Creates an error response that says no more than that the server failed.
    #[must_use]
    pub fn internal_server_error(message: &str) -> Self {
        Self::error(McpError::internal(message))
    }

    /// Creates the answer to a call whose arguments do not fit.
    pub(crate) fn unfit(result: CallToolResult) -> Self {
        Self { is_unfit: true, ..Self::tool(result) }
    }

    pub(crate) fn ends_subscription(&self) -> bool {
        matches!(self.outcome, Ok(Outcome::Listen(_)))
    }

    /// Returns the error, if this is an error response.
    #[must_use]
    pub fn as_error(&self) -> Option<&McpError> {
        self.outcome.as_ref().err()
    }

    /// Returns the result, if this answers a tool call.
    #[must_use]
    pub fn as_tool(&self) -> Option<&CallToolResult> {
        match &self.outcome {
            Ok(Outcome::Tool(result)) => Some(result),
            _ => None,
        }
    }

    /// Returns the result to change it, if this answers a tool call.
    pub fn as_tool_mut(&mut self) -> Option<&mut CallToolResult> {
        match &mut self.outcome {
            Ok(Outcome::Tool(result)) => Some(result),
            _ => None,
        }
    }
}

impl From<Outcome> for Response {
    fn from(outcome: Outcome) -> Self {
        Self { outcome: Ok(outcome), is_unfit: false }
    }
}

impl From<Result<Outcome, McpError>> for Response {
    fn from(outcome: Result<Outcome, McpError>) -> Self {
        Self { outcome, is_unfit: false }
    }
}
