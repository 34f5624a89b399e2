//! The builder of a server.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tower_layer::Layer;
use tower_service::Service;
use turbomcp_protocol::types::{CompletionReference, Icon, Root};
use turbomcp_transport::authenticate::Authenticate;
use turbomcp_transport::metrics::TransportMetrics;

use crate::auth::Auth;
use crate::bus::Bus;
use crate::handler::{CompletionHandler, IntoResourceHandler, IntoToolHandler, PromptHandler};
use crate::layers::Layers;
use crate::registry::HandlerRegistry;
use crate::request::{Request, Response};
use crate::schema::SchemaStyle;
use crate::seal::KEY_BYTES;
#[cfg(feature = "http")]
use crate::sessions::SessionManager;
use crate::stack::{BoxError, Handle, Middleware, Stack};
use crate::tasks::TaskConfig;
use crate::{Error, Limits, McpServer, SchemaValidator, ServerConfig, Visibility, operator, tenancy};

/// Builds a server.
#[must_use]
pub struct ServerBuilder {
    pub(crate) config: ServerConfig,
    pub(crate) registry: HandlerRegistry,
    pub(crate) layers: Vec<Box<dyn FnOnce(Stack) -> Stack + Send>>,
    pub(crate) keys: Vec<[u8; KEY_BYTES]>,
    pub(crate) metrics: Option<TransportMetrics>,
    pub(crate) auth: Option<Auth>,
    pub(crate) visibility: Option<Visibility>,
    pub(crate) operator: operator::Settings,
    #[cfg(feature = "http")]
    pub(crate) sessions: Option<SessionManager>,
    pub(crate) built_in: Option<Arc<Layers>>,
    pub(crate) tasks: Option<TaskConfig>,
    pub(crate) tenancy: tenancy::Setting,
    pub(crate) bus: Option<Arc<dyn Bus>>,
    #[cfg(feature = "config-files")]
    pub(crate) settings: Option<Arc<crate::settings::Settings>>,
    /// What it was before there were settings.
    #[cfg(feature = "hot-reload")]
    pub(crate) base: Option<ServerConfig>,
    #[cfg(feature = "hot-reload")]
    pub(crate) place: Option<crate::settings::Place>,
}

impl ServerBuilder {
    /// Starts with a server that has no handlers.
    pub fn new() -> Self {
        Self {
            config: ServerConfig::default(),
            registry: HandlerRegistry::new(),
            layers: Vec::new(),
            keys: Vec::new(),
            operator: operator::Settings::default(),
            auth: None,
            metrics: None,
            visibility: None,
            #[cfg(feature = "http")]
            sessions: None,
            built_in: None,
            tasks: None,
            tenancy: tenancy::Setting::default(),
            bus: None,
            #[cfg(feature = "config-files")]
            settings: None,
            #[cfg(feature = "hot-reload")]
            base: None,
            #[cfg(feature = "hot-reload")]
            place: None,
        }
    }

    /// Sets the name the server gives itself.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.config.name = name.into();
        self
    }

    /// Sets the version the server gives itself.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.config.version = version.into();
        self
    }

    /// Sets the name for people.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.config.title = Some(title.into());
        self
    }

    /// Sets what the server is, for people.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.config.description = Some(description.into());
        self
    }

    /// Sets how to use the server, for the model.
    pub fn instructions(mut self, instructions: impl Into<String>) -> Self {
        self.config.instructions = Some(instructions.into());
        self
    }

    /// Sets where to read about the server.
    pub fn website_url(mut self, url: impl Into<String>) -> Self {
        self.config.website_url = Some(url.into());
        self
    }

    /// Sets the icons.
    pub fn icons(mut self, icons: Vec<Icon>) -> Self {
        self.config.icons = Some(icons);
        self
    }

    /// Sets everything that has a setter above at once, and the roots.
    pub fn config(mut self, config: ServerConfig) -> Self {
        self.config = config;
        self
    }

    /// Sets the limits.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.config.limits = limits;
        self
    }

    /// Sets how long requests in flight may go on after shutdown was asked for.
    pub fn with_graceful_shutdown(mut self, limit: Duration) -> Self {
        self.config.limits.shutdown = limit;
        self
    }

    /// Adds a place beneath which the server reads resources: a directory, `file:///workspace`, or any other URI.
    ///
    /// Once a scheme has a root, a URI of that scheme that lies beneath none of its roots is answered as if it did not
    /// exist, before any handler sees it. Handlers whose paths come from elsewhere ask [`McpServer::allows`].
    ///
    /// These are places of the server's own; those that a client works in are asked for by
    /// [`Context::list_roots`](crate::Context::list_roots).
    pub fn root(mut self, uri: impl Into<String>, name: Option<String>) -> Self {
        let mut root = Root::new(uri);
        root.name = name;
        self.config.roots.push(root);
        self
    }

    /// Replaces all handlers by those of a registry.
    pub fn with_registry(mut self, mut registry: HandlerRegistry) -> Self {
        registry.inherit(&self.registry);
        self.registry = registry;
        self
    }

    /// Has the legacy sessions over HTTP kept where they outlive the process and other replicas find them; see
    /// [`sessions`](crate::sessions).
    #[cfg(feature = "http")]
    pub fn with_session_management(mut self, sessions: SessionManager) -> Self {
        self.sessions = Some(sessions);
        self
    }

    /// Has the calls of all tools held against more than by default: of those that are there, of those that are added
    /// later, and of those that are registered while the server runs.
    ///
    /// # Errors
    ///
    /// If a format is unknown, or a schema cannot be compiled.
    pub fn with_schema_validation(mut self, validator: SchemaValidator) -> Result<Self, Error> {
        self.registry.validate_with(validator)?;
        Ok(self)
    }

    /// Sets the keys that seal what modern clients carry from round to round: the first seals, all open.
    ///
    /// Unless set, a key is made up when the server is built, and only this process accepts what it has sealed.
    pub fn request_state_keys(mut self, keys: impl IntoIterator<Item = [u8; KEY_BYTES]>) -> Self {
        self.keys = keys.into_iter().collect();
        self
    }

    /// Lets in only whom this lets in, on every binding: over HTTP each request is looked at before it is read, elsewhere
    /// each connection when it is opened. What it has found out is the [`Principal`] in the extensions of a request.
    ///
    /// A `Principal` that a layer of HTTP in front, or the transport itself, has put into the extensions stands.
    ///
    /// ```
    /// use turbomcp_server::ServerBuilder;
    /// use turbomcp_transport::authenticate::{Authenticate, Refusal, Shown};
    /// use turbomcp_transport::{ParentProcess, Principal};
    ///
    /// struct OnlyWhoeverStartedIt;
    ///
    /// impl Authenticate for OnlyWhoeverStartedIt {
    ///     async fn authenticate(&self, shown: Shown<'_>) -> Result<Option<Principal>, Refusal> {
    ///         let started = shown.get::<ParentProcess>();
    ///         started.map(|_| Some(Principal::new("owner"))).ok_or_else(|| Refusal::unauthorized("only for my owner"))
    ///     }
    /// }
    ///
    /// let server = ServerBuilder::new().auth(OnlyWhoeverStartedIt).build();
    /// # drop(server);
    /// ```
    ///
    /// [`Principal`]: turbomcp_transport::Principal
    pub fn auth(mut self, auth: impl Authenticate) -> Self {
        self.auth = Some(Auth::new(auth));
        self
    }

    /// Counts connections, messages, bytes and how long requests take. Nothing is counted unless set.
    ///
    /// ```
    /// use turbomcp_server::ServerBuilder;
    /// use turbomcp_transport::metrics::{MetricsConfig, TransportMetrics};
    ///
    /// let metrics = TransportMetrics::new(MetricsConfig::new());
    /// let server = ServerBuilder::new().transport_metrics(metrics.clone()).build();
    /// // While the server runs:
    /// println!("{} connections", metrics.snapshot().active_connections);
    /// # drop(server);
    /// ```
    pub fn transport_metrics(mut self, metrics: TransportMetrics) -> Self {
        self.metrics = Some(metrics);
        self
    }

    /// Decides which tools, resources and prompts exist for a caller, also of those that are registered later.
    pub fn visibility(mut self, visibility: Visibility) -> Self {
        self.visibility = Some(visibility);
        self
    }

    /// Has what one replica announces reach the clients of all of them; see [`bus`](crate::bus).
    pub fn with_bus(mut self, bus: impl Bus) -> Self {
        self.bus = Some(Arc::new(bus));
        self
    }

    /// Says how [tasks](crate::tasks) are kept, rather than in memory.
    ///
    /// # Errors
    ///
    /// If a setting cannot be meant, such as a time of zero.
    pub fn tasks(mut self, tasks: TaskConfig) -> Result<Self, Error> {
        tasks.check()?;
        self.tasks = Some(tasks);
        Ok(self)
    }

    /// Sets how the schemas of tools are written where clients list them, for hosts that do not know all of JSON Schema.
    pub fn schema_style(mut self, style: SchemaStyle) -> Self {
        self.registry.schema_style = style;
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

    /// Adds a resource, or a resource template if the URI has variables or ends in `*`.
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
    pub fn resource<M>(mut self, uri: impl Into<String>, resource: impl IntoResourceHandler<M>) -> Result<Self, Error> {
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
    pub fn build(self) -> McpServer {
        McpServer::assemble(self)
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
            .field("config", &self.config)
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

    /// Serves TCP; see [`McpServer::run_tcp`].
    ///
    /// # Errors
    ///
    /// If the address cannot be listened on.
    #[cfg(feature = "tcp")]
    fn run_tcp(self, address: impl tokio::net::ToSocketAddrs) -> impl Future<Output = Result<(), Error>> {
        let server = self.into_server();
        async move { server.run_tcp(address).await }
    }

    /// Serves a Unix socket; see [`McpServer::run_unix`].
    ///
    /// # Errors
    ///
    /// If the path cannot be listened on.
    #[cfg(all(unix, feature = "unix"))]
    fn run_unix(self, path: impl Into<std::path::PathBuf>) -> impl Future<Output = Result<(), Error>> {
        let server = self.into_server();
        async move { server.run_unix(path).await }
    }

    /// Serves Streamable HTTP on a Unix socket; see [`McpServer::run_http_unix`].
    ///
    /// # Errors
    ///
    /// If the path cannot be listened on.
    #[cfg(all(unix, feature = "http", feature = "unix"))]
    fn run_http_unix(self, path: impl Into<std::path::PathBuf>) -> impl Future<Output = Result<(), Error>> {
        let server = self.into_server();
        async move { server.run_http_unix(path).await }
    }

    /// Serves TLS; see [`McpServer::run_tls`].
    ///
    /// # Errors
    ///
    /// If the address cannot be listened on, or the certificate or key cannot be used.
    #[cfg(feature = "tls")]
    fn run_tls(
        self,
        address: impl tokio::net::ToSocketAddrs,
        certificate: impl Into<std::path::PathBuf>,
        key: impl Into<std::path::PathBuf>,
    ) -> impl Future<Output = Result<(), Error>> {
        let server = self.into_server();
        async move { server.run_tls(address, certificate, key).await }
    }

    /// Serves on the binding that the environment names; see [`McpServer::run_from_env`].
    ///
    /// # Errors
    ///
    /// If the environment names none that there is, or it cannot be served.
    fn run_from_env(self) -> impl Future<Output = Result<(), Error>> {
        let server = self.into_server();
        async move { server.run_from_env().await }
    }

    /// Makes an axum router; see [`McpServer::into_router`].
    #[cfg(feature = "http")]
    fn into_router<S: Clone + Send + Sync + 'static>(self) -> axum::Router<S> {
        self.into_server().into_router()
    }
}
