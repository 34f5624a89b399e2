//! Tools.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use turbomcp_protocol::types::{CallToolResult, Icon, JsonObject, Meta, Tool, ToolAnnotations};
use turbomcp_protocol::{McpError, McpResult};

use super::{BoxFuture, IntoCallToolResult, ToolFunction};
use crate::arguments::{ArgumentError, Arguments};
use crate::schema::InputSchema;
use crate::tasks::ToolTask;
use crate::{Access, Context};

/// A call of a tool.
#[derive(Debug, Clone)]
pub struct CallToolRequest {
    name: Arc<str>,
    arguments: Arguments,
}

impl CallToolRequest {
    /// Creates a call, for tests of a handler.
    #[must_use]
    pub fn new(name: &str, arguments: &Value) -> Self {
        Self { name: name.into(), arguments: Arguments::from_raw(Bytes::from(arguments.to_string())) }
    }

    pub(crate) fn from_parts(name: Arc<str>, arguments: Arguments) -> Self {
        Self { name, arguments }
    }

    /// Returns the name of the tool that is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the arguments it is called with.
    #[must_use]
    pub fn arguments(&self) -> &Arguments {
        &self.arguments
    }
}

/// How arguments and results are held against the tool's schemas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Validation {
    /// Both, by the schemas.
    Schema,
    /// The arguments where decoding into their Rust type does not enforce the schema already; the result, which is made
    /// from the type that made the schema, not again.
    Typed,
    /// The arguments as above, the result by its schema.
    TypedArguments,
}

/// A tool: its definition, and what happens when it is called.
///
/// # Examples
///
/// ```
/// use turbomcp_protocol::McpResult;
/// use turbomcp_protocol::types::{CallToolResult, Tool, ToolInputSchema};
/// use turbomcp_server::{CallToolRequest, Context, ServerBuilder, ToolHandler};
///
/// struct Echo;
///
/// impl ToolHandler for Echo {
///     fn tool_definition(&self) -> Tool {
///         let schema = ToolInputSchema::empty()
///             .add_property("text", serde_json::json!({"type": "string"}))
///             .require_property("text");
///         Tool::new("echo").with_description("Returns its text.").with_input_schema(schema)
///     }
///
///     async fn handle(&self, request: CallToolRequest, _: Context) -> McpResult<CallToolResult> {
///         Ok(CallToolResult::text(request.arguments().get::<String>("text")?))
///     }
/// }
///
/// let server = ServerBuilder::new().tool("echo", Echo)?.build();
/// # drop(server);
/// # Ok::<(), turbomcp_server::Error>(())
/// ```
///
/// # Specification
///
/// [Tools](https://modelcontextprotocol.io/specification/2026-07-28/server/tools)
pub trait ToolHandler: Send + Sync + 'static {
    /// Returns the definition that clients list.
    fn tool_definition(&self) -> Tool;

    /// Answers a call. The arguments have been held against the input schema.
    fn handle(&self, request: CallToolRequest, ctx: Context) -> impl Future<Output = McpResult<CallToolResult>> + Send;

    /// Returns a time limit of its own, instead of the server's.
    fn timeout(&self) -> Option<Duration> {
        None
    }

    /// Returns how calls are validated.
    fn validation(&self) -> Validation {
        Validation::Schema
    }

    /// Returns how calls become tasks; by default they do not.
    fn task(&self) -> Option<ToolTask> {
        None
    }

    /// Returns what a caller needs to call it.
    fn access(&self) -> Access {
        Access::default()
    }

    /// Returns the definition of a handler that is not asked for it again.
    #[doc(hidden)]
    fn take_definition(&mut self) -> Tool {
        self.tool_definition()
    }

    /// As [`handle`](Self::handle), for whoever does not know the type.
    #[doc(hidden)]
    fn handle_boxed(self: Arc<Self>, request: CallToolRequest, ctx: Context) -> BoxFuture<McpResult<CallToolResult>>
    where
        Self: Sized,
    {
        Box::pin(async move { self.handle(request, ctx).await })
    }
}

/// A tool handler whose type is forgotten.
pub(crate) trait ErasedTool: Send + Sync {
    fn call(self: Arc<Self>, request: CallToolRequest, ctx: Context) -> BoxFuture<McpResult<CallToolResult>>;
}

impl<H: ToolHandler> ErasedTool for H {
    fn call(self: Arc<Self>, request: CallToolRequest, ctx: Context) -> BoxFuture<McpResult<CallToolResult>> {
        self.handle_boxed(request, ctx)
    }
}

type Function = dyn Fn(CallToolRequest, Context) -> BoxFuture<McpResult<CallToolResult>> + Send + Sync;

/// A tool made from a function.
///
/// ```
/// use schemars::JsonSchema;
/// use serde::Deserialize;
/// use turbomcp_server::{Context, FnTool, ServerBuilder};
///
/// #[derive(Deserialize, JsonSchema)]
/// struct Add {
///     a: i64,
///     b: i64,
/// }
///
/// let add = FnTool::new(|Add { a, b }: Add, _: Context| async move { a + b }).description("Adds two numbers.");
/// let server = ServerBuilder::new().name("calculator").tool("add", add)?.build();
/// # drop(server);
/// # Ok::<(), turbomcp_server::Error>(())
/// ```
pub struct FnTool {
    definition: Tool,
    function: Box<Function>,
    timeout: Option<Duration>,
    validation: Validation,
    tags: Vec<String>,
    access: Access,
    task: Option<ToolTask>,
}

impl FnTool {
    /// Makes a tool of a function that takes its arguments as one struct; its schemas come from the types.
    ///
    /// The name is given when the tool is registered.
    pub fn new<M, F: ToolFunction<M>>(function: F) -> Self {
        let mut definition = Tool::new("").with_input_schema(InputSchema::new().whole::<F::Arguments>().build());
        if let Some(Value::Object(schema)) = F::Output::output_schema() {
            definition = definition.with_output_schema(schema);
        }
        let tool = Self::boxed(definition, move |request, ctx| match request.arguments().parse() {
            Ok(arguments) => {
                let future = function.call(arguments, ctx);
                Box::pin(async move { future.await.into_call_tool_result() })
            }
            Err(error) => Box::pin(async move { Err(error.into()) }),
        });
        tool.typed()
    }

    /// Makes a tool of a function that reads the arguments itself, after they were held against the input schema.
    pub fn from_request<Fut>(
        definition: Tool,
        function: impl Fn(CallToolRequest, Context) -> Fut + Send + Sync + 'static,
    ) -> Self
    where
        Fut: Future<Output = McpResult<CallToolResult>> + Send + 'static,
    {
        Self::boxed(definition, move |request, ctx| Box::pin(function(request, ctx)))
    }

    fn boxed(
        definition: Tool,
        function: impl Fn(CallToolRequest, Context) -> BoxFuture<McpResult<CallToolResult>> + Send + Sync + 'static,
    ) -> Self {
        let function = Box::new(function);
        let access = Access::default();
        Self {
            definition,
            function,
            timeout: None,
            validation: Validation::Schema,
            tags: Vec::new(),
            access,
            task: None,
        }
    }

    /// Says that the function decodes its arguments into the Rust types that the input schema was derived from, and
    /// makes its result from the type that the output schema was derived from, so that neither is checked twice.
    #[must_use]
    pub fn typed(mut self) -> Self {
        self.validation = Validation::Typed;
        self
    }

    /// As [`typed`](Self::typed), but for the arguments only: the output schema was not derived.
    #[must_use]
    pub fn typed_arguments(mut self) -> Self {
        self.validation = Validation::TypedArguments;
        self
    }

    pub(crate) fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.definition.name);
        self
    }

    /// Sets the name for people.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.definition.title = Some(title.into());
        self
    }

    /// Sets the description that the model reads.
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.definition.description = Some(description.into());
        self
    }

    /// Sets hints about what the tool does to the world.
    #[must_use]
    pub fn annotations(mut self, annotations: ToolAnnotations) -> Self {
        self.definition.annotations = Some(annotations);
        self
    }

    /// Sets the icons.
    #[must_use]
    pub fn icons(mut self, icons: Vec<Icon>) -> Self {
        self.definition.icons = Some(icons);
        self
    }

    /// Sets the schema of the arguments, which they are held against.
    #[must_use]
    pub fn input_schema(mut self, schema: impl Into<serde_json::Map<String, Value>>) -> Self {
        self.definition.input_schema = schema.into();
        self.validation = Validation::Schema;
        self
    }

    /// Sets the schema of structured results, which they are held against.
    #[must_use]
    pub fn output_schema(mut self, schema: serde_json::Map<String, Value>) -> Self {
        self.definition.output_schema = Some(schema);
        if self.validation == Validation::Typed {
            self.validation = Validation::TypedArguments;
        }
        self
    }

    /// Sets the `_meta` of the definition.
    #[must_use]
    pub fn meta(mut self, meta: Meta) -> Self {
        self.definition.meta = Some(meta);
        self
    }

    /// Sets a time limit of its own, instead of the server's.
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }

    /// Adds a tag, which clients find under `tags` in the `_meta` of the definition.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// Has calls become tasks.
    ///
    /// ```
    /// use turbomcp_server::tasks::ToolTask;
    /// use turbomcp_server::{Arguments, Context, FnTool, ServerBuilder};
    ///
    /// let sleep = FnTool::new(|_: Arguments, ctx: Context| async move {
    ///     ctx.task().status("asleep").await;
    ///     "awake"
    /// });
    /// let server = ServerBuilder::new().tool("sleep", sleep.task(ToolTask::optional()))?.build();
    /// # drop(server);
    /// # Ok::<(), turbomcp_server::Error>(())
    /// ```
    #[must_use]
    pub fn task(mut self, task: ToolTask) -> Self {
        self.task = Some(task);
        self
    }

    /// Sets what a caller needs to call it.
    #[must_use]
    pub fn access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }
}

impl ToolHandler for FnTool {
    fn tool_definition(&self) -> Tool {
        let mut definition = self.definition.clone();
        if !self.tags.is_empty() {
            definition.meta.get_or_insert_default().insert("tags", self.tags.clone().into());
        }
        definition
    }

    async fn handle(&self, request: CallToolRequest, ctx: Context) -> McpResult<CallToolResult> {
        (self.function)(request, ctx).await
    }

    fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    fn validation(&self) -> Validation {
        self.validation
    }

    fn task(&self) -> Option<ToolTask> {
        self.task.clone()
    }

    fn access(&self) -> Access {
        self.access.clone()
    }

    fn take_definition(&mut self) -> Tool {
        let definition = self.tool_definition();
        // Nor is an empty schema kept: its tree is larger than the rest of a tool.
        self.definition = Tool::new("").with_input_schema(JsonObject::default());
        definition
    }

    // The function's future is in a box already.
    fn handle_boxed(self: Arc<Self>, request: CallToolRequest, ctx: Context) -> BoxFuture<McpResult<CallToolResult>> {
        (self.function)(request, ctx)
    }
}

impl fmt::Debug for FnTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FnTool").field("definition", &self.definition).finish_non_exhaustive()
    }
}

/// Turns a handler's failure into what the model reads, unless it is meant as a protocol error.
pub(super) fn failure(error: Box<dyn std::error::Error + Send + Sync>) -> McpResult<CallToolResult> {
    let error = McpError::from_boxed(error);
    match error.failure() {
        // Whoever answers the call makes a result of it, too, and counts it as what it is.
        Some(source) if !source.is::<ArgumentError>() => Ok(CallToolResult::error(source.to_string())),
        _ => Err(error),
    }
}
