//! The server, and the builder that makes it.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;
use tower_layer::Layer;
use tower_service::Service;
use turbomcp_protocol::Revision;
use turbomcp_protocol::message::META_SERVER_INFO;
use turbomcp_protocol::types::{CompletionReference, Icon, Implementation};
use turbomcp_transport::Transport;

use crate::handler::{CompletionHandler, IntoToolHandler, PromptHandler, ResourceHandler};
use crate::hub::{Change, Hub};
use crate::registry::{HandlerRegistry, Snapshot};
use crate::request::{Request, Response};
use crate::router::Router;
use crate::schema::SchemaStyle;
use crate::seal::{KEY_BYTES, Seal};
use crate::stack::{BoxError, Handle, Middleware, Stack};
use crate::sync::{read, write};
use crate::{Error, Limits, connection};

/// A server: cheap to clone, and every clone is the same server.
#[derive(Clone)]
pub struct McpServer {
    shared: Arc<Shared>,
}

struct Shared {
    implementation: Implementation,
    instructions: Option<String>,
    /// `"io.modelcontextprotocol/serverInfo":{…}`, ready to be written.
    server_info_member: Vec<u8>,
    limits: Limits,
    stack: Stack,
    snapshot: RwLock<Arc<Snapshot>>,
    hub: Hub,
    seal: Seal,
    shutdown: Arc<Shutdown>,
}

#[derive(Debug, Default)]
struct Shutdown {
    started: AtomicBool,
    starting: Notify,
}

/// Ends a server; see [`McpServer::shutdown_handle`].
#[derive(Debug, Clone)]
pub struct ShutdownHandle {
    shutdown: Arc<Shutdown>,
}

impl ShutdownHandle {
    /// Asks the server to end: it takes no further requests and lets those in flight finish.
    pub fn shutdown(&self) {
        self.shutdown.started.store(true, Ordering::Release);
        self.shutdown.starting.notify_waiters();
    }

    /// Returns true once the server was asked to end.
    #[must_use]
    pub fn is_shutting_down(&self) -> bool {
        self.shutdown.started.load(Ordering::Acquire)
    }
}

impl McpServer {
    /// Starts building a server.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::new()
    }

    /// Serves one connection until its peer ends it or the server shuts down.
    ///
    /// # Errors
    ///
    /// If the connection fails. That the peer goes away is not an error.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the connection and cancels its requests.
    pub fn serve<T: Transport>(&self, transport: T) -> impl Future<Output = Result<(), Error>> + Send + use<T> {
        connection::serve(self.clone(), transport)
    }

    /// Serves standard input and output until the input ends, or SIGTERM or SIGINT asks the server to end.
    ///
    /// # Errors
    ///
    /// If the streams cannot be taken or fail.
    #[cfg(feature = "stdio")]
    pub async fn run_stdio(&self) -> Result<(), Error> {
        let transport = turbomcp_transport::stdio::StdioTransport::new().map_err(Error::transport)?;
        let transport = transport.max_message_bytes(self.limits().message_bytes);
        // A signal stands for the end of input, so its drain is the same.
        let signals = tokio::spawn(crate::signal::shut_down(self.shutdown_handle()));
        let result = self.serve(transport).await;
        signals.abort();
        result
    }

    /// Returns what ends every `run_*` of this server.
    #[must_use]
    pub fn shutdown_handle(&self) -> ShutdownHandle {
        ShutdownHandle { shutdown: self.shared.shutdown.clone() }
    }

    /// Returns true once the server was asked to end.
    #[must_use]
    pub fn is_shutting_down(&self) -> bool {
        self.shared.shutdown.started.load(Ordering::Acquire)
    }

    pub(crate) async fn shutdown_started(&self) {
        loop {
            let starting = self.shared.shutdown.starting.notified();
            if self.is_shutting_down() {
                return;
            }
            starting.await;
        }
    }

    /// Returns the limits the server keeps.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.shared.limits
    }

    /// Returns the name and version the server gives itself.
    #[must_use]
    pub fn implementation(&self) -> &Implementation {
        &self.shared.implementation
    }

    pub(crate) fn instructions(&self) -> Option<&str> {
        self.shared.instructions.as_deref()
    }

    pub(crate) fn server_info_member(&self) -> &[u8] {
        &self.shared.server_info_member
    }

    pub(crate) fn stack(&self) -> &Stack {
        &self.shared.stack
    }

    pub(crate) fn hub(&self) -> &Hub {
        &self.shared.hub
    }

    pub(crate) fn seal(&self) -> &Seal {
        &self.shared.seal
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        read(&self.shared.snapshot).clone()
    }

    pub(crate) fn discover_members(&self, snapshot: &Snapshot) -> Bytes {
        let versions: Vec<_> = Revision::ALL.into_iter().rev().collect();
        let mut out = b"\"supportedVersions\":".to_vec();
        out.extend_from_slice(&serde_json::to_vec(&versions).unwrap_or_default());
        out.extend_from_slice(b",\"capabilities\":");
        out.extend_from_slice(snapshot.capabilities(Revision::LATEST));
        if let Some(instructions) = self.instructions() {
            out.extend_from_slice(b",\"instructions\":");
            turbomcp_protocol::escape::write_string(instructions, &mut out);
        }
        out.extend_from_slice(b",\"ttlMs\":0,\"cacheScope\":\"private\"");
        Bytes::from(out)
    }

    /// Adds a tool to the running server and tells its clients.
    ///
    /// # Examples
    ///
    /// ```
    /// use schemars::JsonSchema;
    /// use serde::Deserialize;
    /// use turbomcp_server::{Context, ServerBuilder};
    ///
    /// #[derive(Deserialize, JsonSchema)]
    /// struct Text {
    ///     text: String,
    /// }
    ///
    /// let server = ServerBuilder::new().build();
    /// server.register_tool("shout", |Text { text }: Text, _: Context| async move { text.to_uppercase() })?;
    /// assert!(server.remove_tool("shout"));
    /// assert!(!server.remove_tool("shout"));
    /// # Ok::<(), turbomcp_server::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the name is taken or illegal, or a schema of the tool is.
    pub fn register_tool<M>(&self, name: impl Into<String>, tool: impl IntoToolHandler<M>) -> Result<(), Error> {
        self.change(Change::Tools, |registry| registry.register_tool(name, tool))
    }

    /// Adds a resource or resource template to the running server and tells its clients.
    ///
    /// # Errors
    ///
    /// If the URI is taken, or the template is malformed.
    pub fn register_resource(&self, uri: impl Into<String>, resource: impl ResourceHandler) -> Result<(), Error> {
        self.change(Change::Resources, |registry| registry.register_resource(uri, resource))
    }

    /// Adds a prompt to the running server and tells its clients.
    ///
    /// # Errors
    ///
    /// If the name is taken or empty.
    pub fn register_prompt(&self, name: impl Into<String>, prompt: impl PromptHandler) -> Result<(), Error> {
        self.change(Change::Prompts, |registry| registry.register_prompt(name, prompt))
    }

    /// Removes a tool from the running server and tells its clients; false if there was none.
    #[must_use]
    pub fn remove_tool(&self, name: &str) -> bool {
        self.remove(Change::Tools, |registry| registry.remove_tool(name))
    }

    /// Removes a resource from the running server and tells its clients; false if there was none.
    #[must_use]
    pub fn remove_resource(&self, uri: &str) -> bool {
        self.remove(Change::Resources, |registry| registry.remove_resource(uri))
    }

    /// Removes a prompt from the running server and tells its clients; false if there was none.
    #[must_use]
    pub fn remove_prompt(&self, name: &str) -> bool {
        self.remove(Change::Prompts, |registry| registry.remove_prompt(name))
    }

    /// Tells the clients that asked that a resource has changed.
    pub fn resource_updated(&self, uri: &str) {
        self.announce(Change::Updated(uri));
    }

    fn remove(&self, change: Change<'_>, remove: impl FnOnce(&mut HandlerRegistry) -> bool) -> bool {
        let missing = || Error::registration("nothing to remove");
        self.change(change, |registry| remove(registry).then_some(()).ok_or_else(missing)).is_ok()
    }

    fn change(
        &self,
        change: Change<'_>,
        edit: impl FnOnce(&mut HandlerRegistry) -> Result<(), Error>,
    ) -> Result<(), Error> {
        {
            let mut snapshot = write(&self.shared.snapshot);
            let mut registry = snapshot.registry.clone();
            edit(&mut registry)?;
            *snapshot = Arc::new(Snapshot::new(registry, self.limits().page_size));
        }
        self.announce(change);
        Ok(())
    }

    fn announce(&self, change: Change<'_>) {
        self.hub().announce(change, self.limits().outgoing_notifications);
    }
}

impl fmt::Debug for McpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("McpServer").field("implementation", &self.shared.implementation).finish_non_exhaustive()
    }
}

/// Builds a server.
#[must_use]
pub struct ServerBuilder {
    implementation: Implementation,
    instructions: Option<String>,
    limits: Limits,
    registry: HandlerRegistry,
    layers: Vec<Box<dyn FnOnce(Stack) -> Stack + Send>>,
    keys: Vec<[u8; KEY_BYTES]>,
    schema_style: SchemaStyle,
}

impl ServerBuilder {
    /// Starts with a server that has no handlers.
    pub fn new() -> Self {
        Self {
            implementation: Implementation::new("turbomcp", env!("CARGO_PKG_VERSION")),
            instructions: None,
            limits: Limits::default(),
            registry: HandlerRegistry::new(),
            layers: Vec::new(),
            keys: Vec::new(),
            schema_style: SchemaStyle::default(),
        }
    }

    /// Sets the name the server gives itself.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.implementation.name = name.into();
        self
    }

    /// Sets the version the server gives itself.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.implementation.version = version.into();
        self
    }

    /// Sets the name for people.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.implementation.title = Some(title.into());
        self
    }

    /// Sets what the server is, for people.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.implementation.description = Some(description.into());
        self
    }

    /// Sets how to use the server, for the model.
    pub fn instructions(mut self, instructions: impl Into<String>) -> Self {
        self.instructions = Some(instructions.into());
        self
    }

    /// Sets where to read about the server.
    pub fn website_url(mut self, url: impl Into<String>) -> Self {
        self.implementation.website_url = Some(url.into());
        self
    }

    /// Sets the icons.
    pub fn icons(mut self, icons: Vec<Icon>) -> Self {
        self.implementation.icons = Some(icons);
        self
    }

    /// Sets the limits.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets how long requests in flight may go on after shutdown was asked for.
    pub fn with_graceful_shutdown(mut self, limit: Duration) -> Self {
        self.limits.shutdown = limit;
        self
    }

    /// Replaces all handlers by those of a registry.
    pub fn with_registry(mut self, registry: HandlerRegistry) -> Self {
        self.registry = registry;
        self
    }

    /// Sets the keys that seal what modern clients carry from round to round: the first seals, all open.
    ///
    /// Unless set, a key is made up when the server is built, and only this process accepts what it has sealed.
    pub fn request_state_keys(mut self, keys: impl IntoIterator<Item = [u8; KEY_BYTES]>) -> Self {
        self.keys = keys.into_iter().collect();
        self
    }

    /// Sets how the schemas of tools are written where clients list them, for hosts that do not know all of JSON Schema.
    pub fn schema_style(mut self, style: SchemaStyle) -> Self {
        self.schema_style = style;
        self
    }

    /// Adds a tool: a [`ToolHandler`](crate::ToolHandler), or an async function of its arguments and a context.
    ///
    /// # Examples
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
    /// async fn add(Add { a, b }: Add, _: Context) -> i64 {
    ///     a + b
    /// }
    ///
    /// let builder = ServerBuilder::new()
    ///     .tool("add", add)?
    ///     .tool("plus", FnTool::new(add).description("Adds two numbers."))?;
    /// assert!(builder.tool("add", add).unwrap_err().is_registration());
    /// # Ok::<(), turbomcp_server::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the name is taken or illegal, or a schema of the tool is.
    pub fn tool<M>(mut self, name: impl Into<String>, tool: impl IntoToolHandler<M>) -> Result<Self, Error> {
        self.registry.register_tool(name, tool)?;
        Ok(self)
    }

    /// Adds a resource, or a resource template if the URI has variables.
    ///
    /// # Examples
    ///
    /// ```
    /// use turbomcp_server::{Context, FnResource, ReadResourceRequest, ResourceDefinition, ServerBuilder};
    ///
    /// async fn greeting(request: ReadResourceRequest, _: Context) -> String {
    ///     format!("Hello, {}!", request.variable("name").unwrap_or("world"))
    /// }
    ///
    /// let greeting = FnResource::new(ResourceDefinition::new("greeting"), greeting);
    /// let server = ServerBuilder::new().resource("hello://{name}", greeting)?.build();
    /// # drop(server);
    /// # Ok::<(), turbomcp_server::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the URI is taken, or the template is malformed.
    pub fn resource(mut self, uri: impl Into<String>, resource: impl ResourceHandler) -> Result<Self, Error> {
        self.registry.register_resource(uri, resource)?;
        Ok(self)
    }

    /// Adds a prompt.
    ///
    /// # Examples
    ///
    /// ```
    /// use turbomcp_protocol::types::{Prompt, PromptArgument};
    /// use turbomcp_server::{Context, FnPrompt, GetPromptRequest, ServerBuilder};
    ///
    /// async fn review(request: GetPromptRequest, _: Context) -> String {
    ///     format!("Review this code:\n{}", request.argument("code").unwrap_or_default())
    /// }
    ///
    /// let review = FnPrompt::new(Prompt::new("review").add_argument(PromptArgument::new("code").required()), review);
    /// let server = ServerBuilder::new().prompt("review", review)?.build();
    /// # drop(server);
    /// # Ok::<(), turbomcp_server::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the name is taken or empty.
    pub fn prompt(mut self, name: impl Into<String>, prompt: impl PromptHandler) -> Result<Self, Error> {
        self.registry.register_prompt(name, prompt)?;
        Ok(self)
    }

    /// Adds the completion of one argument of a prompt or resource template.
    ///
    /// # Examples
    ///
    /// ```
    /// use turbomcp_protocol::types::CompletionReference;
    /// use turbomcp_server::{CompleteRequest, Context, ServerBuilder};
    ///
    /// async fn languages(request: CompleteRequest, _: Context) -> Vec<&'static str> {
    ///     ["c", "c++", "rust"].into_iter().filter(|language| language.starts_with(request.value())).collect()
    /// }
    ///
    /// let builder = ServerBuilder::new();
    /// let builder = builder.completion(CompletionReference::prompt("review"), "language", languages)?;
    /// # drop(builder);
    /// # Ok::<(), turbomcp_server::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If that argument has one already.
    pub fn completion(
        mut self,
        reference: CompletionReference,
        argument: impl Into<String>,
        completion: impl CompletionHandler,
    ) -> Result<Self, Error> {
        self.registry.register_completion(&reference, argument, completion)?;
        Ok(self)
    }

    /// Puts a Tower layer around what is there; the last one added sees a request first.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::task::{Context, Poll};
    /// use tower_layer::layer_fn;
    /// use tower_service::Service;
    /// use turbomcp_server::{Handle, Request, Response, ServerBuilder};
    ///
    /// #[derive(Clone)]
    /// struct Log<S>(S);
    ///
    /// impl<S: Service<Request, Response = Response>> Service<Request> for Log<S> {
    ///     type Response = Response;
    ///     type Error = S::Error;
    ///     type Future = S::Future;
    ///
    ///     fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
    ///         self.0.poll_ready(cx)
    ///     }
    ///
    ///     fn call(&mut self, request: Request) -> S::Future {
    ///         eprintln!("{}", request.method());
    ///         self.0.call(request)
    ///     }
    /// }
    ///
    /// let server = ServerBuilder::new().layer(layer_fn(|rest: Handle| Log(rest))).build();
    /// # drop(server);
    /// ```
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<Handle> + Send + 'static,
        L::Service: Service<Request, Response = Response> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Error: Into<BoxError>,
        <L::Service as Service<Request>>::Future: Send,
    {
        self.layers.push(Box::new(move |stack| stack.layer(&layer)));
        self
    }

    /// Puts a [`Middleware`] around what is there; the last one added sees a request first.
    pub fn middleware(mut self, middleware: impl Middleware) -> Self {
        self.layers.push(Box::new(move |stack| stack.middleware(middleware)));
        self
    }

    /// Makes the server.
    #[must_use]
    pub fn build(mut self) -> McpServer {
        self.registry.schema_style = self.schema_style;
        let stack = self.layers.into_iter().fold(Stack::Bare(Router), |stack, layer| layer(stack));
        let mut member = format!("\"{META_SERVER_INFO}\":").into_bytes();
        turbomcp_protocol::encode::encode_for(&self.implementation, Revision::LATEST, &mut member);
        let snapshot = Snapshot::new(self.registry, self.limits.page_size);
        McpServer {
            shared: Arc::new(Shared {
                implementation: self.implementation,
                instructions: self.instructions,
                server_info_member: member,
                seal: Seal::new(&self.keys, self.limits.request_state_age),
                limits: self.limits,
                stack,
                snapshot: RwLock::new(Arc::new(snapshot)),
                hub: Hub::default(),
                shutdown: Arc::default(),
            }),
        }
    }
}

impl Default for ServerBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ServerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerBuilder")
            .field("implementation", &self.implementation)
            .field("registry", &self.registry)
            .finish_non_exhaustive()
    }
}

/// What becomes a server; `#[server]` implements it.
pub trait IntoServer: Sized {
    /// Makes the builder, with all handlers registered.
    fn into_builder(self) -> ServerBuilder;

    /// Makes the server.
    #[must_use]
    fn into_server(self) -> McpServer {
        self.into_builder().build()
    }

    /// Serves standard input and output; see [`McpServer::run_stdio`].
    ///
    /// # Errors
    ///
    /// If the streams cannot be taken or fail.
    #[cfg(feature = "stdio")]
    fn run_stdio(self) -> impl Future<Output = Result<(), Error>> {
        let server = self.into_server();
        async move { server.run_stdio().await }
    }

    /// Serves Streamable HTTP on an address; see [`McpServer::run_http`].
    ///
    /// # Errors
    ///
    /// If the address cannot be listened on.
    #[cfg(feature = "http")]
    fn run_http(self, address: impl tokio::net::ToSocketAddrs) -> impl Future<Output = Result<(), Error>> {
        let server = self.into_server();
        async move { server.run_http(address).await }
    }

    /// Makes an axum router; see [`McpServer::into_router`].
    #[cfg(feature = "http")]
    fn into_router<S: Clone + Send + Sync + 'static>(self) -> axum::Router<S> {
        self.into_server().into_router()
    }
}
