//! What a client is like before it connects.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use turbomcp_protocol::types::{
    ClientCapabilities, CreateMessageRequestParams, CreateMessageResult, ElicitRequestParams, ElicitResult,
    Implementation, JsonObject, LoggingLevel, LoggingMessageNotificationParams, Root,
};
use turbomcp_protocol::{McpResult, Revision};
use turbomcp_transport::metrics::TransportMetrics;

use crate::breaker::{Breaker, CircuitBreakerConfig};
use crate::handler::{ClientHandler, Handlers};
use crate::retry::Attempts;
use crate::subscription::Change;
use crate::target::{Connector, IntoTarget};
use crate::{Client, Error, HealthConfig, RetryPolicy};

/// Which eras a client speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Era {
    /// Both; what the server speaks is found out.
    #[default]
    Auto,
    /// Only the one negotiated by `initialize`.
    Legacy,
    /// Only the one without a handshake.
    Modern,
}

/// What a client keeps to once it is built.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) implementation: Implementation,
    pub(crate) sends_client_info: bool,
    pub(crate) handlers: Handlers,
    pub(crate) era: Era,
    pub(crate) revision: Option<Revision>,
    pub(crate) request_timeout: Duration,
    pub(crate) max_request_timeout: Duration,
    pub(crate) probe_timeout: Duration,
    pub(crate) max_rounds: u32,
    pub(crate) max_pages: usize,
    pub(crate) max_items: usize,
    pub(crate) max_message_bytes: usize,
    pub(crate) log_level: Option<LoggingLevel>,
    pub(crate) caches: bool,
    pub(crate) tasks: bool,
    pub(crate) reconnects: bool,
    pub(crate) checks_outputs: bool,
    pub(crate) circuit_breaker: Option<CircuitBreakerConfig>,
    pub(crate) retry: RetryPolicy,
    pub(crate) health_checks: Option<HealthConfig>,
    pub(crate) metrics: Option<TransportMetrics>,
}

/// Builds a client.
///
/// ```
/// use std::time::Duration;
/// use turbomcp_client::{Client, Era};
///
/// let builder = Client::builder().name("my-host").version("1.0.0").request_timeout(Duration::from_secs(30));
/// # drop(builder);
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct ClientBuilder {
    settings: Settings,
}

impl Default for ClientBuilder {
    fn default() -> Self {
        Self {
            settings: Settings {
                implementation: Implementation::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION")),
                sends_client_info: true,
                handlers: Handlers::default(),
                era: Era::Auto,
                revision: None,
                request_timeout: Duration::from_secs(60),
                max_request_timeout: Duration::from_secs(15 * 60),
                probe_timeout: Duration::from_secs(3),
                max_rounds: 10,
                max_pages: 1000,
                max_items: 100_000,
                max_message_bytes: turbomcp_transport::lines::MAX_MESSAGE_BYTES,
                log_level: None,
                caches: true,
                tasks: true,
                reconnects: false,
                checks_outputs: true,
                circuit_breaker: None,
                retry: RetryPolicy::none(),
                health_checks: None,
                metrics: None,
            },
        }
    }
}

impl ClientBuilder {
    /// Creates a builder with the default settings.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the name the client gives itself.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.settings.implementation.name = name.into();
        self
    }

    /// Sets the version the client gives itself.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.settings.implementation.version = version.into();
        self
    }

    /// Sets everything the client says of itself.
    pub fn implementation(mut self, implementation: Implementation) -> Self {
        self.settings.implementation = implementation;
        self
    }

    /// Leaves the name and version out of modern requests.
    pub fn anonymous(mut self) -> Self {
        self.settings.sends_client_info = false;
        self
    }

    /// Restricts the client to one era. Both, unless set.
    pub fn era(mut self, era: Era) -> Self {
        self.settings.era = era;
        self
    }

    /// Restricts the client to one revision, and so to its era. Another one is refused.
    pub fn revision(mut self, revision: Revision) -> Self {
        self.settings.era = if revision.is_modern() { Era::Modern } else { Era::Legacy };
        self.settings.revision = Some(revision);
        self
    }

    /// Sets how long to wait for an answer, unless the call says otherwise. 60 s unless set.
    ///
    /// A sign of progress starts the time anew.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.settings.request_timeout = timeout;
        self
    }

    /// Sets how long to wait for an answer at most, however much progress is made. 15 minutes unless set.
    pub fn max_request_timeout(mut self, timeout: Duration) -> Self {
        self.settings.max_request_timeout = timeout;
        self
    }

    /// Sets how long a server may keep silent before it is taken for a legacy one. 3 s unless set.
    ///
    /// Over HTTP silence says nothing of the era, and the timeout of requests counts.
    pub fn probe_timeout(mut self, timeout: Duration) -> Self {
        self.settings.probe_timeout = timeout;
        self
    }

    /// Sets how often a server may ask for more input before a request fails. 10 unless set.
    pub fn max_rounds(mut self, rounds: u32) -> Self {
        self.settings.max_rounds = rounds;
        self
    }

    /// Sets how many pages of a list are read at most. 1000 unless set.
    pub fn max_pages(mut self, pages: usize) -> Self {
        self.settings.max_pages = pages;
        self
    }

    /// Sets the longest message that is received. 16 MiB unless set.
    ///
    /// A transport that is handed over ready-made keeps its own limit.
    pub fn max_message_bytes(mut self, limit: usize) -> Self {
        self.settings.max_message_bytes = limit;
        self
    }

    /// Asks modern servers for log messages, from this level on. Legacy servers are asked by
    /// [`Client::set_log_level`].
    pub fn log_level(mut self, level: LoggingLevel) -> Self {
        self.settings.log_level = Some(level);
        self
    }

    /// Asks the server anew each time, whatever it says about how long results may be kept.
    pub fn no_cache(mut self) -> Self {
        self.settings.caches = false;
        self
    }

    /// Does not say to servers that calls may become tasks, so that none do.
    ///
    /// Otherwise a modern server may answer a call by a task, and the call waits for the task.
    pub fn without_tasks(mut self) -> Self {
        self.settings.tasks = false;
        self
    }

    /// Takes structured content as it comes, instead of checking it against the output schema of its tool.
    ///
    /// It is checked if the feature `validation` is on and the tool was listed before.
    pub fn unchecked_outputs(mut self) -> Self {
        self.settings.checks_outputs = false;
        self
    }

    /// Connects again when a call finds the connection lost: starts the process, or opens the session, anew.
    ///
    /// The call that was under way when the connection was lost fails all the same, because what became of it is
    /// unknown.
    pub fn reconnect(mut self) -> Self {
        self.settings.reconnects = true;
        self
    }

    /// Leaves the server alone for a while when it fails, instead of waiting for it again and again. Not done unless
    /// set.
    pub fn circuit_breaker(mut self, config: CircuitBreakerConfig) -> Self {
        self.settings.circuit_breaker = Some(config);
        self
    }

    /// Tries again what has failed in passing, where that can do no harm. Not done unless set.
    ///
    /// Connecting is tried again, too.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.settings.retry = policy;
        self
    }

    /// Asks the server for a sign of life now and then, for as long as the client exists. Not done unless set.
    ///
    /// A connection on which so many checks in a row have failed is given up if [`reconnect`](Self::reconnect) is set, so
    /// that the next call opens another; what is under way on it fails.
    pub fn health_checks(mut self, config: HealthConfig) -> Self {
        self.settings.health_checks = Some(config);
        self
    }

    /// Counts connections, messages, bytes and how long requests take. Nothing is counted unless set.
    pub fn transport_metrics(mut self, metrics: TransportMetrics) -> Self {
        self.settings.metrics = Some(metrics);
        self
    }

    /// Replaces every handler by the methods of one object, and declares what that object declares.
    pub fn handler(mut self, handler: impl ClientHandler) -> Self {
        self.settings.handlers = Handlers::of(handler);
        self
    }

    /// Lets the server ask the user to fill in forms.
    pub fn on_elicit<F, Fut>(mut self, function: F) -> Self
    where
        F: Fn(ElicitRequestParams) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = McpResult<ElicitResult>> + Send + 'static,
    {
        self.settings.handlers.on_elicit(function);
        self
    }

    /// Lets the server also send the user to URLs, by way of the function for forms.
    ///
    /// That function has to show the whole URL and get the user's consent before it opens it.
    pub fn elicit_urls(mut self) -> Self {
        self.settings.handlers.elicit_urls();
        self
    }

    /// Lets the server ask a model.
    pub fn on_sample<F, Fut>(mut self, function: F) -> Self
    where
        F: Fn(CreateMessageRequestParams) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = McpResult<CreateMessageResult>> + Send + 'static,
    {
        self.settings.handlers.on_sample(function);
        self
    }

    /// Lets the server also offer tools to the model.
    pub fn sample_with_tools(mut self) -> Self {
        self.settings.handlers.sample_with_tools();
        self
    }

    /// Lets the server ask which directories it may work in.
    pub fn on_list_roots<F, Fut>(mut self, function: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = McpResult<Vec<Root>>> + Send + 'static,
    {
        self.settings.handlers.on_list_roots(function);
        self
    }

    /// Tells the server which directories it may work in.
    pub fn roots(self, roots: impl Into<Vec<Root>>) -> Self {
        let roots: Arc<[Root]> = roots.into().into();
        self.on_list_roots(move || {
            let roots = roots.to_vec();
            async move { Ok(roots) }
        })
    }

    /// Hears log messages. The function is called where messages are read, so it has to return soon.
    pub fn on_log(mut self, function: impl Fn(LoggingMessageNotificationParams) + Send + Sync + 'static) -> Self {
        self.settings.handlers.on_log(function);
        self
    }

    /// Hears of changes: in the legacy era of all, in the modern era of those a
    /// [`Subscription`](crate::Subscription) asked for. The function is called where messages are read, so it has to
    /// return soon.
    pub fn on_change(mut self, function: impl Fn(Change) + Send + Sync + 'static) -> Self {
        self.settings.handlers.on_change(function);
        self
    }

    /// Hears that what the user was sent to a URL for is done (2025-11-25).
    pub fn on_elicitation_complete(mut self, function: impl Fn(String) + Send + Sync + 'static) -> Self {
        self.settings.handlers.on_elicitation_complete(function);
        self
    }

    /// Declares an extension.
    pub fn extension(mut self, identifier: impl Into<String>, settings: JsonObject) -> Self {
        let capabilities = std::mem::replace(&mut self.settings.handlers.capabilities, ClientCapabilities::new());
        self.settings.handlers.capabilities = capabilities.with_extension(identifier, settings);
        self
    }

    /// Connects to a server, and finds out which revision both speak.
    ///
    /// # Errors
    ///
    /// `is_connect()` if the server cannot be reached or started or no revision is common, `is_timeout()` if it does
    /// not answer, `is_closed()` if it ends, `as_mcp()` if it refuses, `is_usage()` if settings make no sense.
    pub async fn connect<M>(self, target: impl IntoTarget<M>) -> Result<Client, Error> {
        self.check()?;
        let breaker = self.settings.circuit_breaker.clone().map(Breaker::new);
        let mut attempts = self.settings.retry.config().map(Attempts::begin);
        let mut connector = Some(target.into_target()?.into_connector());
        loop {
            let connecting = self.clone().connect_by(&mut connector, breaker.clone());
            let error = match Attempts::limit(attempts.as_ref(), connecting).await? {
                Ok(client) => return Ok(client),
                Err(error) => error,
            };
            // A transport that is gone is no target any more. Nothing was asked of the server but who it is.
            let can_reopen = connector.as_ref().is_some_and(|connector| connector.can_reopen());
            let wait = attempts.as_mut().filter(|_| can_reopen).and_then(|attempts| attempts.again(&error, true));
            let Some(wait) = wait else { return Err(error) };
            tracing::debug!(%error, ?wait, "a server is connected to again");
            tokio::time::sleep(wait).await;
        }
    }

    /// Refuses settings that make no sense.
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.settings.retry.check()?;
        self.settings.health_checks.as_ref().map_or(Ok(()), HealthConfig::check)?;
        self.settings.circuit_breaker.as_ref().map_or(Ok(()), CircuitBreakerConfig::check)
    }

    pub(crate) async fn connect_by(
        self,
        connector: &mut Option<Box<dyn Connector>>,
        breaker: Option<Arc<Breaker>>,
    ) -> Result<Client, Error> {
        Client::open(self.settings, connector, breaker).await
    }

    /// Makes the circuit of a server among many.
    pub(crate) fn breaker_of_a_group(&self) -> Arc<Breaker> {
        Breaker::new(self.settings.circuit_breaker.clone().unwrap_or_else(CircuitBreakerConfig::of_a_group))
    }
}
