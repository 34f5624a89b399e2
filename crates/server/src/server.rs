//! The server.

use std::fmt;
use std::sync::{Arc, OnceLock, RwLock};

use bytes::Bytes;
use tokio::time::Instant;
use turbomcp_protocol::Revision;
use turbomcp_protocol::message::META_SERVER_INFO;
use turbomcp_protocol::types::{Implementation, Root};
use turbomcp_transport::Transport;
use turbomcp_transport::metrics::{Binding, Meter, TransportMetrics};

use crate::access::{Guard, Visibility, Who};
use crate::auth::Auth;
use crate::bus::Link;
use crate::handler::{IntoResourceHandler, IntoToolHandler, PromptHandler};
use crate::hub::{Change, Concerns, Hub};
use crate::layers::Layers;
use crate::operator::Operator;
use crate::registry::{HandlerRegistry, Snapshot};
use crate::router::Router;
use crate::seal::Seal;
#[cfg(feature = "http")]
use crate::sessions::SessionManager;
#[cfg(feature = "hot-reload")]
use crate::settings::Base;
#[cfg(feature = "config-files")]
use crate::settings::Settings;
use crate::shutdown::{Serving, Shutdown, ShutdownHandle};
use crate::stack::Stack;
use crate::sync::{read, write};
use crate::tasks::{Desk, TaskConfig};
use crate::{Error, Limits, ServerBuilder, ServerConfig, connection, roots, tenancy};

#[cfg_attr(feature = "hot-reload", path = "server/reload.rs")]
#[cfg_attr(not(feature = "hot-reload"), path = "server/fixed.rs")]
mod versions;

use self::versions::Part;
pub(crate) use self::versions::{Latest, WeakServer};

/// A server: cheap to clone, and every clone is the same server.
#[derive(Clone)]
pub struct McpServer {
    shared: Arc<Shared>,
}

struct Shared {
    now: Part<Replaceable>,
    core: Part<Core>,
}

/// What can be replaced while the server runs.
struct Replaceable {
    config: ServerConfig,
    stack: Stack,
    visibility: Option<Visibility>,
    built_in: Option<Arc<Layers>>,
    #[cfg(feature = "config-files")]
    settings: Option<Arc<Settings>>,
    /// The layers of the settings, and all within.
    #[cfg(feature = "hot-reload")]
    entrance: Option<Stack>,
    /// Nothing stands outside of them.
    #[cfg(feature = "hot-reload")]
    is_outermost: bool,
    #[cfg(feature = "hot-reload")]
    number: u64,
}

/// What stays for as long as the server is there.
struct Core {
    implementation: Implementation,
    /// `"io.modelcontextprotocol/serverInfo":{…}`, ready to be written.
    server_info_member: Vec<u8>,
    auth: Option<Auth>,
    snapshot: RwLock<Arc<Snapshot>>,
    hub: Hub,
    bus: Option<Link>,
    seal: Seal,
    metrics: Option<TransportMetrics>,
    /// What counts for HTTP, whose requests each ask for it.
    #[cfg(feature = "http")]
    http_meter: Option<Meter>,
    #[cfg(feature = "http")]
    sessions: Option<SessionManager>,
    shutdown: Arc<Shutdown>,
    operator: Operator,
    tasks: Tasks,
    #[cfg_attr(not(feature = "multi-tenancy"), expect(dead_code, reason = "there are no tenants"))]
    tenancy: tenancy::Setting,
    #[cfg(feature = "hot-reload")]
    versions: versions::Versions,
}

/// How tasks are to be kept, and those who keep them once there are any.
struct Tasks {
    config: Option<TaskConfig>,
    desk: OnceLock<Arc<Desk>>,
}

impl McpServer {
    /// Starts building a server.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::new()
    }

    /// Creates a server without handlers; they can be registered while it runs.
    #[must_use]
    pub fn new(config: ServerConfig) -> Self {
        Self::builder().config(config).build()
    }

    /// Creates a server without handlers, as [`new`](Self::new) does.
    #[must_use]
    pub fn with_config(config: ServerConfig) -> Self {
        Self::new(config)
    }

    /// Puts the parts of a server together.
    pub(crate) fn assemble(builder: ServerBuilder) -> Self {
        #[cfg(feature = "http")]
        let sessions = builder.sessions;
        let visibility = tenancy::visibility(&builder.tenancy, builder.visibility);
        let ServerBuilder {
            config,
            mut registry,
            layers,
            keys,
            metrics,
            auth,
            operator,
            built_in,
            tasks,
            tenancy,
            bus,
            #[cfg(feature = "config-files")]
            settings,
            #[cfg(feature = "hot-reload")]
            base,
            #[cfg(feature = "hot-reload")]
            place,
            ..
        } = builder;
        #[cfg(feature = "hot-reload")]
        let unsettled = visibility.clone();
        #[cfg(feature = "config-files")]
        let visibility = match &settings {
            Some(settings) => settings.visibility(visibility),
            None => visibility,
        };
        #[cfg(feature = "hot-reload")]
        let count = layers.len();
        // The dashboard shows connections by binding.
        #[cfg(feature = "dashboard")]
        let metrics = metrics.or_else(|| operator.dashboard.is_some().then(TransportMetrics::default));
        registry.has_idempotency = built_in.as_ref().is_some_and(|layers| layers.idempotency.is_some());
        #[cfg(feature = "config-files")]
        if let Some(settings) = &settings {
            settings.warn_of_unknown_tools(&registry);
        }
        #[cfg(feature = "hot-reload")]
        let base = base.zip(settings.as_ref()).map(|(base, settings)| Base::new(base, settings, &config));
        let stack = layers.into_iter().fold(Stack::Bare(Router), |stack, layer| layer(stack));
        #[cfg(feature = "hot-reload")]
        let (rest, is_outermost) = match &place {
            Some(place) => (place.rest.get(), place.at + 1 == count),
            None => (None, false),
        };
        #[cfg(feature = "hot-reload")]
        let entrance = versions::first_entrance(built_in.as_ref(), rest);
        #[cfg(feature = "hot-reload")]
        let stack = entrance.clone().filter(|_| is_outermost).unwrap_or(stack);
        let nobody_says = auth.is_none() && matches!(stack, Stack::Bare(_));
        if nobody_says && let Some(guard) = registry.guards().find(|guard| Guard::needs_something(guard)) {
            tracing::warn!(
                name = &*guard.name,
                "unless the transport says who calls, everybody is refused: neither `ServerBuilder::auth` nor a layer does"
            );
        }
        let implementation = config.implementation();
        let seal = Seal::new(&keys, config.limits.request_state_age);
        let mut server_info_member = format!("\"{META_SERVER_INFO}\":").into_bytes();
        turbomcp_protocol::encode::encode_for(&implementation, Revision::LATEST, &mut server_info_member);
        let snapshot = Snapshot::new(registry, config.limits.page_size, visibility.clone());
        let core = Core {
            implementation,
            server_info_member,
            auth,
            snapshot: RwLock::new(Arc::new(snapshot)),
            hub: Hub::default(),
            bus: bus.map(|bus| Link::new(bus, seal.identifier())),
            seal,
            #[cfg(feature = "http")]
            http_meter: metrics.as_ref().map(|metrics| metrics.meter(Binding::Http)),
            #[cfg(feature = "http")]
            sessions,
            metrics,
            shutdown: Arc::default(),
            operator: Operator::new(operator),
            tenancy,
            tasks: Tasks { config: tasks, desk: OnceLock::new() },
            #[cfg(feature = "hot-reload")]
            versions: versions::Versions::new(base, unsettled, rest.cloned()),
        };
        let now = Replaceable {
            config,
            stack,
            visibility,
            built_in,
            #[cfg(feature = "config-files")]
            settings,
            #[cfg(feature = "hot-reload")]
            entrance,
            #[cfg(feature = "hot-reload")]
            is_outermost,
            #[cfg(feature = "hot-reload")]
            number: 0,
        };
        Self { shared: Arc::new(Shared { now: versions::part(now), core: versions::part(core) }) }
    }

    /// Serves one connection until its peer ends it or the server shuts down.
    ///
    /// # Errors
    ///
    /// If the connection fails, or its peer is not let in ([`Error::is_refused`]). That the peer goes away is not an error.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the connection and cancels its requests.
    pub fn serve<T: Transport>(&self, transport: T) -> impl Future<Output = Result<(), Error>> + Send + use<T> {
        connection::serve(self.clone(), transport, Binding::Other, None)
    }

    /// As [`serve`](Self::serve), counted for a binding.
    #[cfg(any(feature = "stdio", feature = "tcp", feature = "tls", feature = "unix"))]
    pub(crate) fn serve_over<T: Transport>(
        &self,
        binding: Binding,
        transport: T,
    ) -> impl Future<Output = Result<(), Error>> + Send + use<T> {
        connection::serve(self.clone(), transport, binding, None)
    }

    /// Serves standard input and output until the input ends, or SIGTERM or SIGINT asks the server to end.
    ///
    /// # Errors
    ///
    /// If the streams cannot be taken or fail, or nothing says who is there ([`Error::is_refused`]).
    ///
    /// If a second signal asks it to end before it has ([`Error::is_interrupted`](crate::Error::is_interrupted)).
    #[cfg(feature = "stdio")]
    pub async fn run_stdio(&self) -> Result<(), Error> {
        let transport = turbomcp_transport::stdio::StdioTransport::new().map_err(Error::transport)?;
        let transport = transport.max_message_bytes(self.limits().message_bytes);
        // A signal stands for the end of input, so its drain is the same.
        crate::signal::until(self, crate::signal::in_a_task(self.serve_over(Binding::Stdio, transport))).await
    }

    /// Returns what ends every `run_*` of this server.
    #[must_use]
    pub fn shutdown_handle(&self) -> ShutdownHandle {
        ShutdownHandle::new(self.shared.core.shutdown.clone())
    }

    /// Returns the server with what ends it; see [`shutdown_handle`](Self::shutdown_handle).
    #[must_use]
    pub fn with_graceful_shutdown(self) -> (Self, ShutdownHandle) {
        let handle = self.shutdown_handle();
        (self, handle)
    }

    /// Returns what manages its sessions, if [something does](ServerBuilder::with_session_management).
    #[cfg(feature = "http")]
    #[must_use]
    pub fn sessions(&self) -> Option<&SessionManager> {
        self.shared.core.sessions.as_ref()
    }

    /// Returns true once the server was asked to end.
    #[must_use]
    pub fn is_shutting_down(&self) -> bool {
        self.shared.core.shutdown.is_started()
    }

    pub(crate) async fn shutdown_started(&self) {
        self.shared.core.shutdown.started().await;
    }

    /// Returns until when whatever runs is waited for, once the server was asked to end.
    pub(crate) fn shutdown_deadline(&self) -> Option<Instant> {
        self.shared.core.shutdown.started_at().map(|time| time + self.limits().drain())
    }

    /// Waits until the server was asked to end and the time of the requests in flight is over.
    pub(crate) async fn shutdown_cut(&self) {
        self.shutdown_started().await;
        if let Some(time) = self.shared.core.shutdown.started_at() {
            tokio::time::sleep_until(time + self.limits().shutdown_time()).await;
        }
    }

    #[cfg(feature = "http")]
    pub(crate) fn shutdown(&self) -> Arc<Shutdown> {
        self.shared.core.shutdown.clone()
    }

    /// Waits until the server was asked to end and has no more time to.
    pub(crate) async fn shutdown_overdue(&self) {
        self.shutdown_started().await;
        if let Some(deadline) = self.shutdown_deadline() {
            tokio::time::sleep_until(deadline).await;
        }
    }

    /// Waits until nothing of the server runs any more if it was asked to end, but not for ever.
    #[cfg(any(feature = "stdio", feature = "http", feature = "tcp", feature = "tls", all(unix, feature = "unix")))]
    pub(crate) async fn shutdown_settled(&self) {
        if let Some(deadline) = self.shutdown_deadline()
            && tokio::time::timeout_at(deadline, self.shared.core.shutdown.ended()).await.is_err()
        {
            tracing::warn!("the server ends before all of it has");
        }
    }

    /// Waits until the server was asked to end and nothing of it runs any more.
    #[cfg(feature = "http")]
    pub(crate) async fn shutdown_ended(&self) {
        self.shared.core.shutdown.started().await;
        self.shared.core.shutdown.ended().await;
    }

    /// Has whoever waits for the end of the server wait for what is returned.
    pub(crate) fn serving(&self) -> Serving {
        if let Some(health) = &self.shared.core.operator.health {
            drop(health.start());
        }
        // Those of servers that are gone may wait.
        if self.has_tasks() {
            self.tasks().look_for_work(self.downgrade());
        }
        if let Some(bus) = self.bus() {
            bus.start(self);
        }
        self.shared.core.shutdown.serving()
    }

    /// Returns what the server was made of; where that is replaced while it runs, what held when this one was taken.
    #[must_use]
    pub fn config(&self) -> &ServerConfig {
        &self.shared.now.config
    }

    /// Returns the places beneath which the server reads resources.
    #[must_use]
    pub fn roots(&self) -> &[Root] {
        &self.config().roots
    }

    /// Returns true if a URI lies beneath one of the [roots](crate::ServerBuilder::root), or its scheme has none.
    ///
    /// ```
    /// use turbomcp_server::ServerBuilder;
    ///
    /// let server = ServerBuilder::new().root("file:///workspace", Some("Workspace".into())).build();
    /// assert!(server.allows("file:///workspace/notes.txt"));
    /// assert!(!server.allows("file:///workspace/../etc/passwd"));
    /// ```
    #[must_use]
    pub fn allows(&self, uri: &str) -> bool {
        roots::allow(self.roots(), uri)
    }

    /// Returns the limits the server keeps.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.config().limits
    }

    /// Returns the name and version the server gives itself.
    #[must_use]
    pub fn implementation(&self) -> &Implementation {
        &self.shared.core.implementation
    }

    /// Returns what counts connections and messages, if [that was asked for](ServerBuilder::transport_metrics).
    #[must_use]
    pub fn transport_metrics(&self) -> Option<&TransportMetrics> {
        self.shared.core.metrics.as_ref()
    }

    pub(crate) fn meter(&self, binding: Binding) -> Option<Meter> {
        self.transport_metrics().map(|metrics| metrics.meter(binding))
    }

    #[cfg(feature = "http")]
    pub(crate) fn http_meter(&self) -> Option<&Meter> {
        self.shared.core.http_meter.as_ref()
    }

    pub(crate) fn instructions(&self) -> Option<&str> {
        self.config().instructions.as_deref()
    }

    pub(crate) fn server_info_member(&self) -> &[u8] {
        &self.shared.core.server_info_member
    }

    /// Returns true if there may be tasks here.
    pub(crate) fn has_tasks(&self) -> bool {
        let tasks = &self.shared.core.tasks;
        tasks.config.is_some() || tasks.desk.get().is_some() || self.snapshot().registry.has_task_tools()
    }

    pub(crate) fn tasks(&self) -> &Arc<Desk> {
        let tasks = &self.shared.core.tasks;
        tasks.desk.get_or_init(|| Arc::new(Desk::new(tasks.config.clone().unwrap_or_default())))
    }

    #[cfg(feature = "multi-tenancy")]
    pub(crate) fn tenancy(&self) -> &tenancy::Setting {
        &self.shared.core.tenancy
    }

    pub(crate) fn operator(&self) -> &Operator {
        &self.shared.core.operator
    }

    pub(crate) fn stack(&self) -> &Stack {
        &self.shared.now.stack
    }

    pub(crate) fn auth(&self) -> Option<&Auth> {
        self.shared.core.auth.as_ref()
    }

    /// Returns the settings it was made by, if there were any.
    #[cfg(feature = "config-files")]
    pub(crate) fn configured(&self) -> Option<&Settings> {
        self.shared.now.settings.as_deref()
    }

    /// Returns what of the middleware stack is on.
    pub(crate) fn built_in(&self) -> Option<&Layers> {
        self.shared.now.built_in.as_deref()
    }

    pub(crate) fn hub(&self) -> &Hub {
        // Where a router is mounted, whoever listens first is all there is to begin with.
        if let Some(bus) = self.bus() {
            bus.start(self);
        }
        &self.shared.core.hub
    }

    pub(crate) fn bus(&self) -> Option<&Link> {
        self.shared.core.bus.as_ref()
    }

    pub(crate) fn seal(&self) -> &Seal {
        &self.shared.core.seal
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        read(&self.shared.core.snapshot).clone()
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

    /// Adds a tool to the running server and tells its clients, as [`register_tool`](Self::register_tool) does.
    ///
    /// # Errors
    ///
    /// If the name is taken or illegal, or a schema of the tool is.
    pub fn register_tool_handler<M>(
        &self,
        name: impl Into<String>,
        tool: impl IntoToolHandler<M>,
    ) -> Result<(), Error> {
        self.register_tool(name, tool)
    }

    /// Adds a resource or resource template to the running server and tells its clients.
    ///
    /// # Errors
    ///
    /// If the URI is taken, or the template is malformed.
    pub fn register_resource<M>(
        &self,
        uri: impl Into<String>,
        resource: impl IntoResourceHandler<M>,
    ) -> Result<(), Error> {
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

    /// Replaces all handlers by those of a registry, and tells the clients. What is running finishes on the old ones.
    ///
    /// Calls are validated as they were, unless the registry says otherwise.
    ///
    /// ```
    /// use turbomcp_server::{Arguments, HandlerRegistry, ServerBuilder};
    ///
    /// let server = ServerBuilder::new().build();
    /// let mut registry = HandlerRegistry::new();
    /// registry.register_tool("version", |_: Arguments| async { "2" })?;
    /// server.reload(registry);
    /// # Ok::<(), turbomcp_server::Error>(())
    /// ```
    pub fn reload(&self, mut registry: HandlerRegistry) {
        let (changes, before, now) = {
            let mut snapshot = write(&self.shared.core.snapshot);
            registry.inherit(&snapshot.registry);
            let changes = registry.changes(&snapshot.registry);
            let before = std::mem::replace(&mut *snapshot, self.take_snapshot(registry));
            (changes, before, snapshot.clone())
        };
        for change in changes {
            self.announce(change, &before, &now);
        }
    }

    /// Tells the clients that asked that a resource has changed.
    pub fn resource_updated(&self, uri: &str) {
        self.resource_updated_elsewhere(uri);
        if let Some(bus) = self.bus() {
            bus.tell(Change::Updated(uri), &[]);
        }
    }

    /// Tells the clients of this replica alone.
    pub(crate) fn resource_updated_elsewhere(&self, uri: &str) {
        #[cfg(feature = "cache")]
        if let Some(cache) = self.newest().built_in().and_then(|layers| layers.cache.as_ref()) {
            cache.forget_resource(uri);
        }
        let now = self.snapshot();
        let concerns = |who: Who<'_>| now.may_hear_of(uri, who);
        self.announce_here(Change::Updated(uri), now.is_guarded().then_some(&concerns));
    }

    /// Tells the clients of one tenant that asked that a resource has changed. Those of others, who may have asked for the
    /// same URI, hear nothing.
    #[cfg(feature = "multi-tenancy")]
    pub fn tenant_resource_updated(&self, tenant: &tenancy::TenantId, uri: &str) {
        self.tenant_resource_updated_elsewhere(tenant, uri);
        if let Some(bus) = self.bus() {
            bus.tell_tenant(tenant.as_str(), uri);
        }
    }

    /// Tells the clients of this replica alone.
    #[cfg(feature = "multi-tenancy")]
    pub(crate) fn tenant_resource_updated_elsewhere(&self, tenant: &tenancy::TenantId, uri: &str) {
        #[cfg(feature = "cache")]
        if let Some(cache) = self.newest().built_in().and_then(|layers| layers.cache.as_ref()) {
            cache.forget_resource(uri);
        }
        let now = self.snapshot();
        let concerns = |who: Who<'_>| who.tenant.is_some_and(|known| known.id() == tenant) && now.may_hear_of(uri, who);
        self.announce_here(Change::Updated(uri), Some(&concerns));
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
        let (before, now) = {
            let mut snapshot = write(&self.shared.core.snapshot);
            let mut registry = snapshot.registry.clone();
            edit(&mut registry)?;
            (std::mem::replace(&mut *snapshot, self.take_snapshot(registry)), snapshot.clone())
        };
        self.announce(change, &before, &now);
        Ok(())
    }

    /// Makes the lists anew, and tells the clients of tools that are there or gone by that.
    #[cfg(feature = "hot-reload")]
    fn look_again(&self) {
        let (before, now) = {
            let mut snapshot = write(&self.shared.core.snapshot);
            let registry = snapshot.registry.clone();
            (std::mem::replace(&mut *snapshot, self.take_snapshot(registry)), snapshot.clone())
        };
        self.announce(Change::Tools, &before, &now);
    }

    fn take_snapshot(&self, mut registry: HandlerRegistry) -> Arc<Snapshot> {
        let newest = self.newest();
        registry.has_idempotency = newest.built_in().is_some_and(|layers| layers.idempotency.is_some());
        Arc::new(Snapshot::new(registry, newest.limits().page_size, newest.shared.now.visibility.clone()))
    }

    /// Tells everyone that lists have changed.
    fn announce(&self, change: Change<'_>, before: &Snapshot, now: &Snapshot) {
        let concerns = |who: Who<'_>| now.differs_for(who, before, change.lists());
        self.announce_here(change, (before.is_guarded() || now.is_guarded()).then_some(&concerns));
        if let Some(bus) = self.bus() {
            bus.tell(change, &now.registry.difference(&before.registry, change.lists()));
        }
    }

    /// Tells the clients of this replica.
    pub(crate) fn announce_here(&self, change: Change<'_>, concerns: Option<&impl Fn(Who<'_>) -> bool>) {
        let concerns = concerns.map(|concerns| concerns as &Concerns<'_>);
        self.hub().announce(change, self.newest().limits().outgoing_notifications, concerns);
    }
}

impl fmt::Debug for McpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("McpServer").field("implementation", &self.shared.core.implementation).finish_non_exhaustive()
    }
}
