//! The client, and the connection it has at the moment.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tokio::time::Instant;
use turbomcp_protocol::types::{Implementation, LoggingLevel, ServerCapabilities};
use turbomcp_protocol::{Method, Revision};

use crate::Error;
use crate::backoff::backoff;
use crate::breaker::{Breaker, CircuitState};
use crate::builder::{ClientBuilder, Era, Settings};
use crate::cache::Cache;
use crate::exchange::{Exchange, Notice, members_of};
use crate::health::{Monitor, Vitals};
use crate::ids::Ids;
use crate::inbox::Inbox;
use crate::negotiate::{Agreed, Failure, Negotiation};
use crate::outputs::Outputs;
use crate::retry::Idempotent;
use crate::sync::lock;
use crate::target::{Connector, IntoTarget};
use crate::task::Supports;

/// A connection to one server: cheap to clone, and every clone is the same connection.
///
/// When the last clone is dropped the connection ends, and with it the server's process if it was started here;
/// [`Client::close`] does so in good order.
///
/// # Specification
///
/// [Architecture](https://modelcontextprotocol.io/specification/2026-07-28/architecture)
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) ids: Ids,
    pub(crate) cache: Arc<Cache>,
    pub(crate) outputs: Outputs,
    pub(crate) supports: Supports,
    pub(crate) breaker: Option<Arc<Breaker>>,
    pub(crate) idempotent: Idempotent,
    pub(crate) vitals: Arc<Vitals>,
    monitor: Monitor,
    current: Mutex<Arc<Connection>>,
    opener: tokio::sync::Mutex<Opener>,
    log_level: Mutex<Option<LoggingLevel>>,
    /// How many subscriptions want to hear of each resource, in the legacy era.
    pub(crate) subscribed: Mutex<HashMap<String, usize>>,
}

/// A live connection, and what was agreed on it.
pub(crate) struct Connection {
    pub(crate) link: Arc<dyn Exchange>,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) agreed: Agreed,
    /// The session that it is about is over, and another has to be begun before anything else is asked.
    is_lost: AtomicBool,
}

impl Connection {
    fn new(link: Arc<dyn Exchange>, inbox: Arc<Inbox>, agreed: Agreed) -> Self {
        Self { link, inbox, agreed, is_lost: AtomicBool::new(false) }
    }
}

/// What connects, and how often it has failed of late.
struct Opener {
    connector: Box<dyn Connector>,
    failures: u32,
    not_before: Option<Instant>,
    closed: bool,
}

impl Client {
    /// Connects to a server with the default settings, and finds out which revision both speak.
    ///
    /// # Errors
    ///
    /// As [`ClientBuilder::connect`].
    pub async fn connect<M>(target: impl IntoTarget<M>) -> Result<Self, Error> {
        Self::builder().connect(target).await
    }

    /// Starts building a client.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::new()
    }

    /// Connects; what connects is taken once that has succeeded, and stays where it is if it fails or is dropped.
    pub(crate) async fn open(
        settings: Settings,
        connector: &mut Option<Box<dyn Connector>>,
        breaker: Option<Arc<Breaker>>,
    ) -> Result<Self, Error> {
        let closed = || Error::closed("it was closed here");
        let (ids, cache) = (Ids::default(), Arc::new(Cache::default()));
        let opened = connector.as_deref_mut().ok_or_else(closed)?;
        let connection = open(opened, &settings, &ids, &cache, settings.era).await?;
        let connector = connector.take().ok_or_else(closed)?;
        let log_level = Mutex::new(settings.log_level);
        let opener = Opener { connector, failures: 0, not_before: None, closed: false };
        let shared = Shared {
            settings,
            ids,
            cache,
            outputs: Outputs::default(),
            supports: Supports::default(),
            breaker,
            idempotent: Idempotent::default(),
            vitals: Arc::default(),
            monitor: Monitor::default(),
            current: Mutex::new(Arc::new(connection)),
            opener: tokio::sync::Mutex::new(opener),
            log_level,
            subscribed: Mutex::default(),
        };
        let shared = Arc::new(shared);
        if let Some(config) = shared.settings.health_checks {
            shared.monitor.start(Arc::downgrade(&shared), config);
        }
        Ok(Self { shared })
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Returns the revision that both sides speak.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.shared.current().agreed.revision
    }

    /// Returns what the server can do.
    #[must_use]
    pub fn capabilities(&self) -> ServerCapabilities {
        self.shared.current().agreed.capabilities.clone()
    }

    /// Returns what the server calls itself, if it has said so. For display only.
    #[must_use]
    pub fn server_info(&self) -> Option<Implementation> {
        self.shared.current().agreed.server_info.clone()
    }

    /// Returns what the server wants a model to know of it.
    #[must_use]
    pub fn instructions(&self) -> Option<String> {
        self.shared.current().agreed.instructions.clone()
    }

    /// Returns true once the connection is lost or closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.current().link.is_closed()
    }

    /// Returns whether calls are let through; none if [`ClientBuilder::circuit_breaker`] was not asked for.
    #[must_use]
    pub fn circuit(&self) -> Option<CircuitState> {
        self.shared.breaker.as_ref().map(|breaker| breaker.state())
    }

    /// Ends the connection and waits until it is down: a process that was started here has ended, a session was
    /// deleted. Requests under way fail.
    pub async fn close(&self) {
        let mut opener = self.shared.opener.lock().await;
        opener.closed = true;
        self.shared.monitor.end();
        let current = self.shared.current();
        current.link.close().await;
        current.inbox.close("it was closed here");
    }

    /// Connects anew, unless the connection is still up.
    ///
    /// Subscriptions belong to the connection they were made on and have ended with it.
    ///
    /// # Errors
    ///
    /// As [`ClientBuilder::connect`]; also if the target was a transport, which serves only once.
    pub async fn reconnect(&self) -> Result<(), Error> {
        self.shared.reconnect(Patience::None).await.map(drop)
    }

    /// Sends a notification of your own.
    ///
    /// # Errors
    ///
    /// `is_closed()` if the connection is lost, `is_usage()` if the params are no object.
    pub async fn notify(&self, method: &str, params: impl serde::Serialize) -> Result<(), Error> {
        let params = members_of(&params)?;
        self.shared.notify(&Method::from_name(method), &params).await
    }

    /// Tells a legacy server that the roots have changed. A modern one asks whenever it needs to know.
    ///
    /// # Errors
    ///
    /// `is_closed()` if the connection is lost, `is_usage()` if this client has no roots.
    pub async fn roots_changed(&self) -> Result<(), Error> {
        if self.shared.settings.handlers.capabilities.roots.is_none() {
            return Err(Error::usage("this client has no roots"));
        }
        if self.revision().is_modern() {
            return Ok(());
        }
        self.shared.notify(&Method::ROOTS_LIST_CHANGED, b"").await
    }

    pub(crate) fn keep_log_level(&self, level: LoggingLevel) {
        *lock(&self.shared.log_level) = Some(level);
    }
}

/// Whether a failure of late makes the next attempt wait its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Patience {
    None,
    Backoff,
}

impl Shared {
    pub(crate) fn current(&self) -> Arc<Connection> {
        lock(&self.current).clone()
    }

    /// Returns true if the connection is lost and is not opened again.
    pub(crate) async fn is_over(&self) -> bool {
        self.current().link.is_closed() && (!self.settings.reconnects || self.opener.lock().await.closed)
    }

    /// Returns the connection to use, opening it again if it is lost and that is wanted, with a new session if the one
    /// there was is over.
    pub(crate) async fn connection(&self) -> Result<Arc<Connection>, Error> {
        let current = self.current();
        if !current.link.is_closed() && current.is_lost.load(Ordering::Acquire) {
            return self.renew(&current).await;
        }
        if !self.settings.reconnects || !current.link.is_closed() {
            return Ok(current);
        }
        // A circuit that lets a call through has waited already.
        let patience = if self.breaker.is_some() { Patience::None } else { Patience::Backoff };
        self.reconnect(patience).await
    }

    async fn reconnect(&self, patience: Patience) -> Result<Arc<Connection>, Error> {
        // Whoever comes second finds the connection made by whoever came first.
        let mut opener = self.opener.lock().await;
        let current = self.current();
        if !current.link.is_closed() {
            return Ok(current);
        }
        if opener.closed {
            return Err(Error::closed("it was closed here"));
        }
        if patience == Patience::Backoff && opener.not_before.is_some_and(|time| Instant::now() < time) {
            let wait = opener.not_before.map(|time| time.saturating_duration_since(Instant::now()));
            let error = Error::closed("it was lost, and could not be opened again just now");
            return Err(error.with_nothing_sent().with_retry_after(wait));
        }
        current.link.close().await;
        self.forget();
        // The era belongs to the server and is tried first; if the server was exchanged meanwhile, both are.
        let known = if current.agreed.revision.is_modern() { Era::Auto } else { Era::Legacy };
        let era = if self.settings.era == Era::Auto { known } else { self.settings.era };
        let connector = opener.connector.as_mut();
        match open(connector, &self.settings, &self.ids, &self.cache, era).await {
            Ok(connection) => {
                let connection = Arc::new(connection);
                *lock(&self.current) = connection.clone();
                self.vitals.reconnected();
                (opener.failures, opener.not_before) = (0, None);
                Ok(connection)
            }
            Err(error) => {
                opener.failures = opener.failures.saturating_add(1);
                opener.not_before = Some(Instant::now() + backoff(opener.failures));
                Err(error)
            }
        }
    }

    /// Forgets what the server has said, which another may stand in for.
    fn forget(&self) {
        self.cache.clear();
        self.idempotent.clear();
        self.supports.clear();
    }

    /// Begins a new session on the same link, unless somebody else has done so.
    pub(crate) async fn renew(&self, lost: &Arc<Connection>) -> Result<Arc<Connection>, Error> {
        let opener = self.opener.lock().await;
        let current = self.current();
        if !Arc::ptr_eq(&current, lost) {
            return Ok(current);
        }
        if opener.closed {
            return Err(Error::closed("it was closed here"));
        }
        // Until this has succeeded: it may fail, or be given up by whoever waits for it.
        lost.is_lost.store(true, Ordering::Release);
        self.forget();
        lost.inbox.end_feeds("the session was lost");
        let negotiation = Negotiation {
            link: lost.link.as_ref(),
            ids: &self.ids,
            settings: &self.settings,
            binding: opener.connector.binding(),
        };
        let agreed = negotiation.run(Era::Legacy).await.map_err(Failure::into_error)?;
        let renewed = Arc::new(Connection::new(lost.link.clone(), lost.inbox.clone(), agreed));
        *lock(&self.current) = renewed.clone();
        Ok(renewed)
    }

    async fn notify(&self, method: &Method, params: &[u8]) -> Result<(), Error> {
        let connection = self.connection().await?;
        connection.link.notify(Notice { dress: &connection.agreed.dress, method, params }).await
    }

    pub(crate) fn log_level(&self) -> Option<LoggingLevel> {
        *lock(&self.log_level)
    }

    pub(crate) fn learn(&self, tools: &mut Vec<turbomcp_protocol::types::Tool>) {
        let current = self.current();
        current.link.learn(tools);
        if current.agreed.revision.has_tasks() {
            self.supports.learn(tools);
        }
        if self.settings.checks_outputs {
            self.outputs.learn(tools);
        }
        if self.settings.retry.config().is_some() {
            self.idempotent.learn(tools);
        }
    }
}

/// Opens a connection and agrees on how it is used.
async fn open(
    connector: &mut dyn Connector,
    settings: &Settings,
    ids: &Ids,
    cache: &Arc<Cache>,
    era: Era,
) -> Result<Connection, Error> {
    let handlers = Arc::new(settings.handlers.clone());
    let meter = settings.metrics.as_ref().map(|metrics| metrics.meter(connector.counted_as()));
    let fresh = || Inbox::new(handlers.clone(), cache.clone(), meter.clone());
    let binding = connector.binding();
    let mut inbox = fresh();
    let mut link = connector.open(inbox.clone(), settings).await?;
    let negotiate = |link: Arc<dyn Exchange>, era: Era| async move {
        let outcome = Negotiation { link: link.as_ref(), ids, settings, binding }.run(era).await;
        (outcome, link)
    };
    let (mut outcome, _) = negotiate(link.clone(), era).await;
    if let Err(Failure::EndedOnProbe(error)) = outcome {
        link.close().await;
        if era == Era::Modern || !connector.can_reopen() {
            return Err(error);
        }
        inbox = fresh();
        link = connector.open(inbox.clone(), settings).await?;
        (outcome, _) = negotiate(link.clone(), Era::Legacy).await;
    }
    if let Err(Failure::MaybeFirstRevision(error)) = outcome {
        link.close().await;
        inbox = fresh();
        let Some(older) = connector.open_first_revision(inbox.clone(), settings).await.unwrap_or_default() else {
            return Err(error);
        };
        link = older;
        outcome = Negotiation { link: link.as_ref(), ids, settings, binding: crate::target::Binding::Stream }
            .run(Era::Legacy)
            .await;
    }
    match outcome {
        Ok(agreed) => Ok(Connection::new(link, inbox, agreed)),
        Err(failure) => {
            link.close().await;
            Err(failure.into_error())
        }
    }
}

impl Failure {
    fn into_error(self) -> Error {
        match self {
            Self::EndedOnProbe(error) | Self::MaybeFirstRevision(error) | Self::Final(error) => error,
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let current = self.shared.current();
        f.debug_struct("Client")
            .field("revision", &current.agreed.revision)
            .field("server_info", &current.agreed.server_info)
            .finish_non_exhaustive()
    }
}
