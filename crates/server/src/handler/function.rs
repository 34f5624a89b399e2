//! How functions become handlers.

use std::future::Future;
use std::marker::PhantomData;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::{
    FnResource, FnTool, IntoCallToolResult, IntoReadResourceResult, ReadResourceRequest, ResourceDefinition,
    ResourceHandler, ToolHandler,
};
use crate::Context;

/// Marks what is a handler already.
#[derive(Debug)]
pub struct ByTrait;

/// Marks an async function, of the signature `M`.
#[derive(Debug)]
pub struct ByFunction<M>(PhantomData<M>);

/// An async function that a tool can be made of: `|arguments: T, ctx: Context|` or `|arguments: T|`.
///
/// `T` is a struct with a field for each argument, or [`Arguments`](crate::Arguments) to read them one by one. `M` is
/// the signature and is always inferred.
///
/// ```
/// use turbomcp_server::{Arguments, Context, ServerBuilder};
///
/// let server = ServerBuilder::new()
///     .tool("double", |arguments: Arguments| async move { arguments.get::<f64>("a").map(|a| a * 2.0) })?
///     .tool("method", |_: Arguments, ctx: Context| async move { ctx.revision().to_string() })?
///     .build();
/// # drop(server);
/// # Ok::<(), turbomcp_server::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "no tool can be made of `{Self}`",
    note = "write an async function `|arguments: T, ctx: Context|` or `|arguments: T|` where `T: Deserialize + JsonSchema`"
)]
pub trait ToolFunction<M>: Send + Sync + 'static {
    /// What its arguments are decoded into.
    type Arguments: DeserializeOwned + JsonSchema + Send + 'static;
    /// What it returns.
    type Output: IntoCallToolResult;
    /// The future of its call.
    type Future: Future<Output = Self::Output> + Send + 'static;

    /// Calls the function.
    fn call(&self, arguments: Self::Arguments, ctx: Context) -> Self::Future;
}

impl<F, A, R, Fut> ToolFunction<fn(A, Context) -> R> for F
where
    F: Fn(A, Context) -> Fut + Send + Sync + 'static,
    A: DeserializeOwned + JsonSchema + Send + 'static,
    R: IntoCallToolResult,
    Fut: Future<Output = R> + Send + 'static,
{
    type Arguments = A;
    type Output = R;
    type Future = Fut;

    fn call(&self, arguments: A, ctx: Context) -> Fut {
        self(arguments, ctx)
    }
}

impl<F, A, R, Fut> ToolFunction<fn(A) -> R> for F
where
    F: Fn(A) -> Fut + Send + Sync + 'static,
    A: DeserializeOwned + JsonSchema + Send + 'static,
    R: IntoCallToolResult,
    Fut: Future<Output = R> + Send + 'static,
{
    type Arguments = A;
    type Output = R;
    type Future = Fut;

    fn call(&self, arguments: A, _: Context) -> Fut {
        self(arguments)
    }
}

/// What can be registered as a tool: a [`ToolHandler`], or a [`ToolFunction`].
///
/// `M` tells the two apart and is always inferred.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a tool",
    note = "write an async function `|arguments: T, ctx: Context|` or `|arguments: T|` where `T: Deserialize + JsonSchema`",
    note = "or implement `ToolHandler`"
)]
pub trait IntoToolHandler<M>: Sized {
    /// The handler it becomes.
    type Handler: ToolHandler;

    /// Makes the handler of a tool with this name.
    fn into_tool_handler(self, name: &str) -> Self::Handler;
}

impl<H: ToolHandler> IntoToolHandler<ByTrait> for H {
    type Handler = H;

    fn into_tool_handler(self, _: &str) -> H {
        self
    }
}

impl<F: ToolFunction<M>, M> IntoToolHandler<ByFunction<M>> for F {
    type Handler = FnTool;

    fn into_tool_handler(self, name: &str) -> FnTool {
        FnTool::new(self).named(name)
    }
}

/// An async function that a resource can be made of: `|request: ReadResourceRequest, ctx: Context|` or `|uri: String|`.
///
/// `M` is the signature and is always inferred.
#[diagnostic::on_unimplemented(
    message = "no resource can be made of `{Self}`",
    note = "write an async function `|request: ReadResourceRequest, ctx: Context|` or `|uri: String|`"
)]
pub trait ResourceFunction<M>: Send + Sync + 'static {
    /// What it returns.
    type Output: IntoReadResourceResult;
    /// The future of its call.
    type Future: Future<Output = Self::Output> + Send + 'static;

    /// Calls the function.
    fn call(&self, request: ReadResourceRequest, ctx: Context) -> Self::Future;
}

impl<F, R, Fut> ResourceFunction<fn(ReadResourceRequest, Context) -> R> for F
where
    F: Fn(ReadResourceRequest, Context) -> Fut + Send + Sync + 'static,
    R: IntoReadResourceResult,
    Fut: Future<Output = R> + Send + 'static,
{
    type Output = R;
    type Future = Fut;

    fn call(&self, request: ReadResourceRequest, ctx: Context) -> Fut {
        self(request, ctx)
    }
}

impl<F, R, Fut> ResourceFunction<fn(String) -> R> for F
where
    F: Fn(String) -> Fut + Send + Sync + 'static,
    R: IntoReadResourceResult,
    Fut: Future<Output = R> + Send + 'static,
{
    type Output = R;
    type Future = Fut;

    fn call(&self, request: ReadResourceRequest, _: Context) -> Fut {
        self(request.uri().to_owned())
    }
}

/// What can be registered as a resource: a [`ResourceHandler`], or a [`ResourceFunction`], which is listed under its URI.
///
/// `M` tells the two apart and is always inferred.
///
/// ```
/// use turbomcp_server::ServerBuilder;
///
/// let server = ServerBuilder::new()
///     .resource("file://*", |uri: String| async move { format!("the contents of {uri}") })?
///     .build();
/// # drop(server);
/// # Ok::<(), turbomcp_server::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a resource",
    note = "write an async function `|request: ReadResourceRequest, ctx: Context|` or `|uri: String|`",
    note = "or implement `ResourceHandler`"
)]
pub trait IntoResourceHandler<M>: Sized {
    /// The handler it becomes.
    type Handler: ResourceHandler;

    /// Makes the handler.
    fn into_resource_handler(self) -> Self::Handler;
}

impl<H: ResourceHandler> IntoResourceHandler<ByTrait> for H {
    type Handler = H;

    fn into_resource_handler(self) -> H {
        self
    }
}

impl<F: ResourceFunction<M>, M> IntoResourceHandler<ByFunction<M>> for F {
    type Handler = FnResource;

    fn into_resource_handler(self) -> FnResource {
        FnResource::new(ResourceDefinition::new(""), self)
    }
}
