//! Completion of arguments.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use turbomcp_protocol::types::Completion;
use turbomcp_protocol::{McpError, McpResult};

use super::BoxFuture;
use crate::Context;

/// A request for completions of an argument's value.
#[derive(Debug, Clone)]
pub struct CompleteRequest {
    argument: String,
    value: String,
    context: HashMap<String, String>,
}

impl CompleteRequest {
    pub(crate) fn new(argument: String, value: String, context: HashMap<String, String>) -> Self {
        Self { argument, value, context }
    }

    /// Returns the name of the argument.
    #[must_use]
    pub fn argument(&self) -> &str {
        &self.argument
    }

    /// Returns what the user has typed so far.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Returns the value another argument has already.
    #[must_use]
    pub fn context(&self, name: &str) -> Option<&str> {
        self.context.get(name).map(String::as_str)
    }
}

/// What a completion may return.
#[diagnostic::on_unimplemented(
    message = "a completion cannot return `{Self}`",
    note = "return a `Vec<String>` or a `Completion`; or a `Result` of one of them"
)]
pub trait IntoCompletion {
    /// Makes the completion.
    ///
    /// # Errors
    ///
    /// If the request is to be answered with an error.
    fn into_completion(self) -> McpResult<Completion>;
}

impl IntoCompletion for Completion {
    fn into_completion(self) -> McpResult<Completion> {
        Ok(self)
    }
}

impl IntoCompletion for Vec<String> {
    fn into_completion(self) -> McpResult<Completion> {
        Ok(Completion::new(self))
    }
}

impl IntoCompletion for Vec<&'static str> {
    fn into_completion(self) -> McpResult<Completion> {
        Ok(Completion::new(self))
    }
}

impl<T: IntoCompletion, E: Into<Box<dyn std::error::Error + Send + Sync>>> IntoCompletion for Result<T, E> {
    fn into_completion(self) -> McpResult<Completion> {
        match self {
            Ok(value) => value.into_completion(),
            Err(error) => Err(McpError::from_boxed(error.into())),
        }
    }
}

/// Completes one argument of a prompt or resource template; async functions implement it.
///
/// # Specification
///
/// [Completion](https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/completion)
pub trait CompletionHandler: Send + Sync + 'static {
    /// Returns the values that fit, the best first; at most 100 are sent.
    fn complete(&self, request: CompleteRequest, ctx: Context) -> impl Future<Output = McpResult<Completion>> + Send;
}

impl<F, R, Fut> CompletionHandler for F
where
    F: Fn(CompleteRequest, Context) -> Fut + Send + Sync + 'static,
    R: IntoCompletion,
    Fut: Future<Output = R> + Send + 'static,
{
    async fn complete(&self, request: CompleteRequest, ctx: Context) -> McpResult<Completion> {
        self(request, ctx).await.into_completion()
    }
}

pub(crate) trait ErasedCompletion: Send + Sync {
    fn call(self: Arc<Self>, request: CompleteRequest, ctx: Context) -> BoxFuture<McpResult<Completion>>;
}

impl<H: CompletionHandler> ErasedCompletion for H {
    fn call(self: Arc<Self>, request: CompleteRequest, ctx: Context) -> BoxFuture<McpResult<Completion>> {
        Box::pin(async move { self.complete(request, ctx).await })
    }
}
