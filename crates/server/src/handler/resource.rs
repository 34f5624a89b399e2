//! Resources and resource templates.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use turbomcp_protocol::McpResult;
use turbomcp_protocol::types::{Icon, ReadResourceResult};

use super::{BoxFuture, IntoReadResourceResult, ResourceFunction};
use crate::uri::Variables;
use crate::{Access, Context, text};

/// A request to read a resource.
#[derive(Debug, Clone)]
pub struct ReadResourceRequest {
    uri: Arc<str>,
    variables: Option<Arc<Variables>>,
}

impl ReadResourceRequest {
    pub(crate) fn new(uri: Arc<str>, variables: Option<Arc<Variables>>) -> Self {
        Self { uri, variables }
    }

    /// Returns the URI to read.
    #[must_use]
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// Returns the value of a variable of the template, decoded and screened against path traversal.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.as_ref()?.get(name)
    }

    /// Reads the value of a variable; an absent one is `None` for an `Option`.
    ///
    /// # Errors
    ///
    /// Returns an error for invalid params if the variable is missing or does not fit the type.
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> McpResult<T> {
        text::argument(name, self.variable(name))
    }
}

/// What clients list of a resource or resource template.
#[derive(Debug, Clone)]
pub struct ResourceDefinition {
    pub(crate) name: String,
    pub(crate) title: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) mime_type: Option<String>,
    pub(crate) size: Option<u64>,
    pub(crate) icons: Option<Vec<Icon>>,
    pub(crate) tags: Vec<String>,
}

impl ResourceDefinition {
    /// Defines a resource by its name; its URI, or the RFC 6570 template, is given when it is registered.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            title: None,
            description: None,
            mime_type: None,
            size: None,
            icons: None,
            tags: Vec::new(),
        }
    }

    /// Sets the name for people.
    #[must_use]
    pub fn with_title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// Sets the description that the model reads.
    #[must_use]
    pub fn with_description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// Sets the media type.
    #[must_use]
    pub fn with_mime_type(mut self, mime_type: impl Into<String>) -> Self {
        self.mime_type = Some(mime_type.into());
        self
    }

    /// Sets the media type, if there is one.
    #[must_use]
    pub fn with_mime_type_option(mut self, mime_type: Option<&str>) -> Self {
        self.mime_type = mime_type.map(str::to_owned);
        self
    }

    /// Sets the size in bytes.
    #[must_use]
    pub fn with_size(mut self, bytes: u64) -> Self {
        self.size = Some(bytes);
        self
    }

    /// Sets the icons.
    #[must_use]
    pub fn with_icons(mut self, icons: Vec<Icon>) -> Self {
        self.icons = Some(icons);
        self
    }
}

/// A resource or resource template: its definition, and what happens when it is read.
///
/// # Specification
///
/// [Resources](https://modelcontextprotocol.io/specification/2026-07-28/server/resources)
pub trait ResourceHandler: Send + Sync + 'static {
    /// Returns the definition that clients list.
    fn resource_definition(&self) -> ResourceDefinition;

    /// Returns what a caller needs to read it, or to subscribe to it.
    fn access(&self) -> Access {
        Access::default()
    }

    /// Reads the resource.
    fn handle(
        &self,
        request: ReadResourceRequest,
        ctx: Context,
    ) -> impl Future<Output = McpResult<ReadResourceResult>> + Send;
}

pub(crate) trait ErasedResource: Send + Sync {
    fn call(self: Arc<Self>, request: ReadResourceRequest, ctx: Context) -> BoxFuture<McpResult<ReadResourceResult>>;
}

impl<H: ResourceHandler> ErasedResource for H {
    fn call(self: Arc<Self>, request: ReadResourceRequest, ctx: Context) -> BoxFuture<McpResult<ReadResourceResult>> {
        Box::pin(async move { self.handle(request, ctx).await })
    }
}

type Function = dyn Fn(ReadResourceRequest, Context) -> BoxFuture<McpResult<ReadResourceResult>> + Send + Sync;

/// A resource made from a function.
///
/// # Examples
///
/// ```
/// use turbomcp_server::{Context, FnResource, ReadResourceRequest, ResourceDefinition, ServerBuilder};
/// use turbomcp_protocol::McpResult;
///
/// async fn log(request: ReadResourceRequest, _: Context) -> McpResult<String> {
///     let day: u32 = request.get("day")?;
///     Ok(format!("nothing happened on day {day}"))
/// }
///
/// let log = FnResource::new(ResourceDefinition::new("log").with_mime_type("text/plain"), log);
/// let server = ServerBuilder::new().resource("log://{day}", log)?.build();
/// # drop(server);
/// # Ok::<(), turbomcp_server::Error>(())
/// ```
pub struct FnResource {
    definition: ResourceDefinition,
    access: Access,
    function: Box<Function>,
}

impl FnResource {
    /// Makes a resource of a function that returns whatever becomes contents; they have the definition's media type.
    pub fn new<M>(definition: ResourceDefinition, function: impl ResourceFunction<M>) -> Self {
        let mime_type: Option<Arc<str>> = definition.mime_type.as_deref().map(Arc::from);
        Self::from_request(definition, move |request, ctx| {
            let (uri, mime_type) = (request.uri.clone(), mime_type.clone());
            let future = function.call(request, ctx);
            async move { future.await.into_read_resource_result(&uri, mime_type.as_deref()) }
        })
    }

    /// Makes a resource of a function.
    pub fn from_request<Fut>(
        definition: ResourceDefinition,
        function: impl Fn(ReadResourceRequest, Context) -> Fut + Send + Sync + 'static,
    ) -> Self
    where
        Fut: Future<Output = McpResult<ReadResourceResult>> + Send + 'static,
    {
        let function = Box::new(move |request, ctx| -> BoxFuture<_> { Box::pin(function(request, ctx)) });
        Self { definition, access: Access::default(), function }
    }

    /// Adds a tag, which clients find under `tags` in the `_meta` of the definition.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.definition.tags.push(tag.into());
        self
    }

    /// Sets what a caller needs to read it, or to subscribe to it.
    #[must_use]
    pub fn access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }
}

impl ResourceHandler for FnResource {
    fn resource_definition(&self) -> ResourceDefinition {
        self.definition.clone()
    }

    fn access(&self) -> Access {
        self.access.clone()
    }

    async fn handle(&self, request: ReadResourceRequest, ctx: Context) -> McpResult<ReadResourceResult> {
        (self.function)(request, ctx).await
    }
}

impl fmt::Debug for FnResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FnResource").field("definition", &self.definition).finish_non_exhaustive()
    }
}
