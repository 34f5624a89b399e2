//! Prompts.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use turbomcp_protocol::McpResult;
use turbomcp_protocol::types::{GetPromptResult, Prompt};

use super::{BoxFuture, IntoGetPromptResult};
use crate::{Access, Context, text};

/// A request for a prompt.
#[derive(Debug, Clone)]
pub struct GetPromptRequest {
    name: Arc<str>,
    arguments: HashMap<String, String>,
}

impl GetPromptRequest {
    pub(crate) fn new(name: Arc<str>, arguments: HashMap<String, String>) -> Self {
        Self { name, arguments }
    }

    /// Returns the name of the prompt.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns an argument.
    #[must_use]
    pub fn argument(&self, name: &str) -> Option<&str> {
        self.arguments.get(name).map(String::as_str)
    }

    /// Reads an argument; an absent one is `None` for an `Option`.
    ///
    /// # Errors
    ///
    /// Returns an error for invalid params if the argument is missing or does not fit the type.
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> McpResult<T> {
        text::argument(name, self.argument(name))
    }
}

/// A prompt: its definition, and what it becomes with its arguments.
///
/// # Specification
///
/// [Prompts](https://modelcontextprotocol.io/specification/2026-07-28/server/prompts)
pub trait PromptHandler: Send + Sync + 'static {
    /// Returns the definition that clients list.
    fn prompt_definition(&self) -> Prompt;

    /// Returns what a caller needs to get it.
    fn access(&self) -> Access {
        Access::default()
    }

    /// Makes the messages. The required arguments are there.
    fn handle(
        &self,
        request: GetPromptRequest,
        ctx: Context,
    ) -> impl Future<Output = McpResult<GetPromptResult>> + Send;
}

pub(crate) trait ErasedPrompt: Send + Sync {
    fn call(self: Arc<Self>, request: GetPromptRequest, ctx: Context) -> BoxFuture<McpResult<GetPromptResult>>;
}

impl<H: PromptHandler> ErasedPrompt for H {
    fn call(self: Arc<Self>, request: GetPromptRequest, ctx: Context) -> BoxFuture<McpResult<GetPromptResult>> {
        Box::pin(async move { self.handle(request, ctx).await })
    }
}

type Function = dyn Fn(GetPromptRequest, Context) -> BoxFuture<McpResult<GetPromptResult>> + Send + Sync;

/// A prompt made from a function.
///
/// # Examples
///
/// ```
/// use turbomcp_server::{Context, FnPrompt, GetPromptRequest, ServerBuilder};
/// use turbomcp_protocol::McpResult;
/// use turbomcp_protocol::types::{Prompt, PromptArgument};
///
/// async fn review(request: GetPromptRequest, _: Context) -> McpResult<String> {
///     let code: String = request.get("code")?;
///     Ok(format!("Review this code:\n{code}"))
/// }
///
/// let definition = Prompt::new("review").add_argument(PromptArgument::new("code").required());
/// let server = ServerBuilder::new().prompt("review", FnPrompt::new(definition, review))?.build();
/// # drop(server);
/// # Ok::<(), turbomcp_server::Error>(())
/// ```
pub struct FnPrompt {
    definition: Prompt,
    tags: Vec<String>,
    access: Access,
    function: Box<Function>,
}

impl FnPrompt {
    /// Makes a prompt of a function that returns whatever becomes messages.
    ///
    /// The name is given when the prompt is registered.
    pub fn new<R, Fut>(
        definition: Prompt,
        function: impl Fn(GetPromptRequest, Context) -> Fut + Send + Sync + 'static,
    ) -> Self
    where
        R: IntoGetPromptResult,
        Fut: Future<Output = R> + Send + 'static,
    {
        Self::from_request(definition, move |request, ctx| {
            let future = function(request, ctx);
            async move { future.await.into_get_prompt_result() }
        })
    }

    /// Makes a prompt of a function.
    pub fn from_request<Fut>(
        definition: Prompt,
        function: impl Fn(GetPromptRequest, Context) -> Fut + Send + Sync + 'static,
    ) -> Self
    where
        Fut: Future<Output = McpResult<GetPromptResult>> + Send + 'static,
    {
        let function = Box::new(move |request, ctx| -> BoxFuture<_> { Box::pin(function(request, ctx)) });
        Self { definition, tags: Vec::new(), access: Access::default(), function }
    }

    /// Adds a tag, which clients find under `tags` in the `_meta` of the definition.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// Sets what a caller needs to get it.
    #[must_use]
    pub fn access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }
}

impl PromptHandler for FnPrompt {
    fn prompt_definition(&self) -> Prompt {
        let mut definition = self.definition.clone();
        if !self.tags.is_empty() {
            definition.meta.get_or_insert_default().insert("tags", self.tags.clone().into());
        }
        definition
    }

    fn access(&self) -> Access {
        self.access.clone()
    }

    async fn handle(&self, request: GetPromptRequest, ctx: Context) -> McpResult<GetPromptResult> {
        (self.function)(request, ctx).await
    }
}

impl fmt::Debug for FnPrompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FnPrompt").field("definition", &self.definition).finish_non_exhaustive()
    }
}
