//! The client, and the connection it has at the moment.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;
use turbomcp_protocol::types::{
    Implementation, LoggingLevel, ServerCapabilities, SubscriptionFilter, SubscriptionsListenRequestParams,
};
use turbomcp_protocol::{Method, Revision};

use crate::Error;
use crate::builder::{ClientBuilder, Era, Settings};
use crate::cache::Cache;
use crate::call::in_time;
use crate::exchange::{Exchange, GiveUp, Notice, Outgoing, members_of};
use crate::ids::Ids;
use crate::inbox::{Inbox, Listener};
use crate::negotiate::{Agreed, Failure, Negotiation};
use crate::outputs::Outputs;
use crate::subscription::{Feed, Guard, Subscription};
use crate::sync::lock;
use crate::target::{Connector, IntoTarget};

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
    current: Mutex<Arc<Connection>>,
    opener: tokio::sync::Mutex<Opener>,
    log_level: Mutex<Option<LoggingLevel>>,
    /// How many subscriptions want to hear of each resource, in the legacy era.
    subscribed: Mutex<HashMap<String, usize>>,
}

/// A live connection, and what was agreed on it.
pub(crate) struct Connection {
    pub(crate) link: Arc<dyn Exchange>,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) agreed: Agreed,
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

    /// Connects; what connects is given back if that fails.
    pub(crate) async fn open(
        settings: Settings,
        mut connector: Box<dyn Connector>,
    ) -> Result<Self, (Error, Box<dyn Connector>)> {
        let (ids, cache) = (Ids::default(), Arc::new(Cache::default()));
        let connection = match open(connector.as_mut(), &settings, &ids, &cache, settings.era).await {
            Ok(connection) => connection,
            Err(error) => return Err((error, connector)),
        };
        let log_level = Mutex::new(settings.log_level);
        let opener = Opener { connector, failures: 0, not_before: None, closed: false };
        let shared = Shared {
            settings,
            ids,
            cache,
            outputs: Outputs::default(),
            current: Mutex::new(Arc::new(connection)),
            opener: tokio::sync::Mutex::new(opener),
            log_level,
            subscribed: Mutex::default(),
        };
        Ok(Self { shared: Arc::new(shared) })
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

    /// Ends the connection and waits until it is down: a process that was started here has ended, a session was
    /// deleted. Requests under way fail.
    pub async fn close(&self) {
        let mut opener = self.shared.opener.lock().await;
        opener.closed = true;
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
    /// `is_closed()` if the connection is lost.
    pub async fn roots_changed(&self) -> Result<(), Error> {
        if self.revision().is_modern() {
            return Ok(());
        }
        self.shared.notify(&Method::ROOTS_LIST_CHANGED, b"").await
    }

    pub(crate) fn keep_log_level(&self, level: LoggingLevel) {
        *lock(&self.shared.log_level) = Some(level);
    }

    /// Asks the server to report changes, whatever its era: by `subscriptions/listen`, or by `resources/subscribe` and
    /// what legacy servers report unasked.
    ///
    /// # Errors
    ///
    /// `as_mcp()` if the server refuses, `is_timeout()` if it does not answer.
    ///
    /// # Specification
    ///
    /// [Subscriptions](https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/subscriptions)
    pub async fn subscribe(&self, filter: SubscriptionFilter) -> Result<Subscription, Error> {
        let connection = self.shared.connection().await?;
        if connection.agreed.dress.is_modern() {
            self.listen(connection, filter).await
        } else {
            self.subscribe_legacy(&connection, filter).await
        }
    }

    async fn listen(&self, connection: Arc<Connection>, filter: SubscriptionFilter) -> Result<Subscription, Error> {
        let params = members_of(&SubscriptionsListenRequestParams::new(filter))?;
        let id = self.shared.ids.next();
        let feed = Arc::new(Feed::default());
        connection.inbox.listen(id, &feed);
        let listening = Listening { inbox: connection.inbox.clone(), listener: Listener::Request(id) };
        let task = tokio::spawn({
            let feed = feed.clone();
            async move {
                let _listening = listening;
                let request = Outgoing {
                    id,
                    dress: &connection.agreed.dress,
                    method: &Method::SUBSCRIPTIONS_LISTEN,
                    params: &params,
                    round: b"",
                    meta: b"",
                    log_level: None,
                    tracking: None,
                    name: None,
                    give_up: GiveUp::Cancel,
                };
                let answer = connection.link.exchange(&request).await;
                feed.end(answer.and_then(|answer| answer.into_result()).map(drop));
            }
        });
        // From here on, giving up ends the request too.
        let mut subscription = Subscription::new(feed.clone(), SubscriptionFilter::new(), Guard::Listen(task));
        let settings = &self.shared.settings;
        let filter = in_time(feed.acknowledged(), settings.request_timeout, settings, None).await?;
        subscription.set_filter(filter);
        Ok(subscription)
    }

    async fn subscribe_legacy(
        &self,
        connection: &Connection,
        filter: SubscriptionFilter,
    ) -> Result<Subscription, Error> {
        let capabilities = &connection.agreed.capabilities;
        let reports = |changes: Option<Option<bool>>| changes.flatten() == Some(true);
        let tools = reports(capabilities.tools.as_ref().map(|tools| tools.list_changed));
        let prompts = reports(capabilities.prompts.as_ref().map(|prompts| prompts.list_changed));
        let resources = reports(capabilities.resources.as_ref().map(|resources| resources.list_changed));
        let subscribes = reports(capabilities.resources.as_ref().map(|resources| resources.subscribe));
        let mut honoured = SubscriptionFilter::new();
        honoured.tools_list_changed = filter.tools_list_changed.filter(|wanted| *wanted && tools);
        honoured.prompts_list_changed = filter.prompts_list_changed.filter(|wanted| *wanted && prompts);
        honoured.resources_list_changed = filter.resources_list_changed.filter(|wanted| *wanted && resources);
        honoured.resource_subscriptions = filter.resource_subscriptions.filter(|uris| subscribes && !uris.is_empty());
        let feed = Arc::new(Feed::filtered(honoured.clone()));
        let listener = connection.inbox.listen_legacy(&feed);
        let mut unsubscribe = Unsubscribe {
            client: self.clone(),
            _listening: Listening { inbox: connection.inbox.clone(), listener },
            uris: Vec::new(),
        };
        for uri in honoured.resource_subscriptions.iter().flatten() {
            // Also if it is subscribed to already: the session may have been renewed meanwhile.
            self.subscribe_resource(uri).await?;
            *lock(&self.shared.subscribed).entry(uri.clone()).or_default() += 1;
            unsubscribe.uris.push(uri.clone());
        }
        Ok(Subscription::new(feed, honoured, Guard::Legacy(unsubscribe)))
    }
}

/// Stops hearing when dropped.
#[derive(Debug)]
struct Listening {
    inbox: Arc<Inbox>,
    listener: Listener,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.inbox.unlisten(self.listener);
    }
}

/// Tells a legacy server to stop reporting resources that no other subscription wants to hear of.
#[derive(Debug)]
pub(crate) struct Unsubscribe {
    client: Client,
    _listening: Listening,
    uris: Vec<String>,
}

impl Unsubscribe {
    /// Returns the resources that nobody wants to hear of any more.
    fn take(&mut self) -> Vec<String> {
        let mut subscribed = lock(&self.client.shared.subscribed);
        let mut unwanted = Vec::new();
        for uri in std::mem::take(&mut self.uris) {
            let Some(count) = subscribed.get_mut(&uri) else { continue };
            *count -= 1;
            if *count == 0 {
                subscribed.remove(&uri);
                unwanted.push(uri);
            }
        }
        unwanted
    }

    pub(crate) async fn run(&mut self) {
        for uri in self.take() {
            if let Err(error) = self.client.unsubscribe_resource(&uri).await {
                tracing::debug!(%error, "a resource could not be unsubscribed from");
            }
        }
    }
}

impl Drop for Unsubscribe {
    fn drop(&mut self) {
        let uris = self.take();
        if uris.is_empty() || self.client.is_closed() {
            return;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let client = self.client.clone();
            // Ends by itself: each request has a deadline.
            runtime.spawn(async move {
                for uri in uris {
                    let _ = client.unsubscribe_resource(&uri).await;
                }
            });
        }
    }
}

/// Whether a failure of late makes the next attempt wait its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Patience {
    None,
    Backoff,
}

impl Shared {
    fn current(&self) -> Arc<Connection> {
        lock(&self.current).clone()
    }

    /// Returns the connection to use, opening it again if it is lost and that is wanted.
    pub(crate) async fn connection(&self) -> Result<Arc<Connection>, Error> {
        let current = self.current();
        if !self.settings.reconnects || !current.link.is_closed() {
            return Ok(current);
        }
        self.reconnect(Patience::Backoff).await
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
            return Err(Error::closed("it was lost, and could not be opened again just now"));
        }
        current.link.close().await;
        self.cache.clear();
        // The era belongs to the server and is tried first; if the server was exchanged meanwhile, both are.
        let known = if current.agreed.revision.is_modern() { Era::Auto } else { Era::Legacy };
        let era = if self.settings.era == Era::Auto { known } else { self.settings.era };
        let connector = opener.connector.as_mut();
        match open(connector, &self.settings, &self.ids, &self.cache, era).await {
            Ok(connection) => {
                let connection = Arc::new(connection);
                *lock(&self.current) = connection.clone();
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
        self.cache.clear();
        lost.inbox.end_feeds("the session was lost");
        let negotiation = Negotiation {
            link: lost.link.as_ref(),
            ids: &self.ids,
            settings: &self.settings,
            binding: opener.connector.binding(),
        };
        let agreed = negotiation.run(Era::Legacy).await.map_err(Failure::into_error)?;
        let renewed = Arc::new(Connection { link: lost.link.clone(), inbox: lost.inbox.clone(), agreed });
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
        self.current().link.learn(tools);
        if self.settings.checks_outputs {
            self.outputs.learn(tools);
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
    let fresh = || Inbox::new(handlers.clone(), cache.clone());
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
        Ok(agreed) => Ok(Connection { link, inbox, agreed }),
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

/// Returns how long to wait after so many failures: twice as long each time, up to half a minute, give or take a half.
pub(crate) fn backoff(failures: u32) -> Duration {
    const FIRST: Duration = Duration::from_millis(200);
    const LONGEST: Duration = Duration::from_secs(30);
    let full = FIRST.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(LONGEST);
    // A fresh hasher is seeded at random, which is all the randomness this needs.
    let random = RandomState::new().hash_one(failures) % 1024;
    full / 2 + full.mul_f64(f64::from(u32::try_from(random).unwrap_or_default()) / 1024.0)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_backoff_grows_and_saturates() {
        for (failures, least, most) in [(1, 100, 300), (2, 200, 600), (9, 15_000, 45_000), (u32::MAX, 15_000, 45_000)] {
            let wait = backoff(failures).as_millis();
            assert!((least..=most).contains(&wait), "{failures}: {wait}");
        }
    }
}
