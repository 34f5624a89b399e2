//! What clients are told of errors.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use turbomcp_protocol::{ErrorCode, McpError};

use super::chain::{Answer, Layer};
use crate::request::{Request, Response};

type Handle = Arc<dyn Fn(McpError) -> Pin<Box<dyn Future<Output = Response> + Send>> + Send + Sync>;

/// Answers errors in words of one's own, by their kind.
///
/// A handler is given the error and returns what is answered in its place. The cause of an internal error is there for
/// it to report, [`McpError::source`], and reaches the client only if the handler puts it into its answer. Errors of a
/// kind that has no handler are answered as they are. Over HTTP the status follows from the code of what is answered.
///
/// ```
/// use turbomcp_server::Response;
/// use turbomcp_server::layers::ErrorHandler;
///
/// let errors = ErrorHandler::new()
///     .handle_authentication_error(|_| async { Response::unauthorized("log in first") })
///     .handle_internal_error(|error| async move {
///         // Whoever is told of it comes here.
///         let _cause = error.source();
///         Response::internal_server_error("the inventory is not available")
///     });
/// # drop(errors);
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct ErrorHandler {
    authentication: Option<Handle>,
    validation: Option<Handle>,
    internal: Option<Handle>,
}

impl ErrorHandler {
    /// Starts without any handler.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets what answers whoever is not let in, or may not do what they asked for: the codes 401 and 403.
    ///
    /// Over HTTP, status and challenge of somebody who is not let in stay.
    pub fn handle_authentication_error<F, A>(mut self, handle: F) -> Self
    where
        F: Fn(McpError) -> A + Send + Sync + 'static,
        A: Future<Output = Response> + Send + 'static,
    {
        self.authentication = Some(erase(handle));
        self
    }

    /// Sets what answers params that do not fit: the code −32602. That the arguments of a tool do not is a result that
    /// the model reads, and none of these.
    pub fn handle_validation_error<F, A>(mut self, handle: F) -> Self
    where
        F: Fn(McpError) -> A + Send + Sync + 'static,
        A: Future<Output = Response> + Send + 'static,
    {
        self.validation = Some(erase(handle));
        self
    }

    /// Sets what answers a failure of the server: the code −32603, which panics and the end of time have, too.
    pub fn handle_internal_error<F, A>(mut self, handle: F) -> Self
    where
        F: Fn(McpError) -> A + Send + Sync + 'static,
        A: Future<Output = Response> + Send + 'static,
    {
        self.internal = Some(erase(handle));
        self
    }

    /// Returns what is answered.
    pub(crate) async fn answer(&self, response: Response) -> Response {
        let Some(handle) = response.as_error().and_then(|error| self.handler(error.code())) else { return response };
        match response.outcome {
            Err(error) => {
                if let Some(source) = error.source() {
                    // As for any error: what hides it from the client does not hide it from the log.
                    tracing::error!(error = %source, "a request failed");
                }
                handle(error).await
            }
            Ok(outcome) => outcome.into(),
        }
    }

    fn handler(&self, code: ErrorCode) -> Option<&Handle> {
        match code {
            ErrorCode::UNAUTHORIZED | ErrorCode::FORBIDDEN => self.authentication.as_ref(),
            ErrorCode::INVALID_PARAMS => self.validation.as_ref(),
            ErrorCode::INTERNAL_ERROR => self.internal.as_ref(),
            _ => None,
        }
    }
}

fn erase<F, A>(handle: F) -> Handle
where
    F: Fn(McpError) -> A + Send + Sync + 'static,
    A: Future<Output = Response> + Send + 'static,
{
    Arc::new(move |error| Box::pin(handle(error)))
}

impl Layer for ErrorHandler {
    async fn around(&self, request: Request, rest: &impl Answer) -> Response {
        let response = rest.answer(request).await;
        if response.outcome.is_ok() {
            return response;
        }
        // In a box, so that requests which succeed do not make room for it.
        Box::pin(self.answer(response)).await
    }
}

impl fmt::Debug for ErrorHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErrorHandler")
            .field("authentication", &self.authentication.is_some())
            .field("validation", &self.validation.is_some())
            .field("internal", &self.internal.is_some())
            .finish()
    }
}
