//! A legacy client: what `initialize` agreed on, and the requests this server has sent it.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use serde_json::value::RawValue;
use tokio::sync::oneshot;
use turbomcp_protocol::scan::Span;
use turbomcp_protocol::types::{ClientCapabilities, Implementation, LoggingLevel};
use turbomcp_protocol::{ErrorCode, McpError, Message, Method, Revision};
use turbomcp_transport::Identity;

use crate::McpServer;
use crate::access::Known;
use crate::in_flight::InFlight;
use crate::outlet::Outlet;
#[cfg(feature = "http")]
use crate::sessions::{Record, Tally};
use crate::sync::lock;

/// One legacy client: the other end of a connection after `initialize`, or of an HTTP session.
pub(crate) struct Peer {
    session_id: Option<Box<str>>,
    /// Where messages go that belong to no request.
    outlet: Outlet,
    agreed: OnceLock<Box<Agreed>>,
    /// Who has sent the last request, where it depends on the caller what it may know of.
    known: Mutex<Known>,
    initialized: AtomicBool,
    log_level: AtomicU8,
    subscribed: Mutex<HashSet<Box<str>>>,
    next_id: AtomicU64,
    waiting: Mutex<HashMap<u64, oneshot::Sender<Answer>>>,
    pub(crate) in_flight: Arc<InFlight>,
    /// How often the client has said something that is to be kept.
    #[cfg(feature = "http")]
    changes: AtomicU64,
    #[cfg(feature = "http")]
    tally: OnceLock<Arc<Tally>>,
}

/// What the client answered to a request of ours.
type Answer = Result<Box<RawValue>, McpError>;

/// What `initialize` agreed on.
#[derive(Debug)]
pub(crate) struct Agreed {
    pub(crate) revision: Revision,
    pub(crate) capabilities: ClientCapabilities,
    pub(crate) client_info: Implementation,
    /// Who made the handshake; nobody else may use what it opened.
    pub(crate) identity: Option<Identity>,
}

impl Peer {
    pub(crate) fn new(session_id: Option<Box<str>>, outlet: Outlet, in_flight: Arc<InFlight>) -> Self {
        Self {
            session_id,
            outlet,
            agreed: OnceLock::new(),
            known: Mutex::default(),
            initialized: AtomicBool::new(false),
            log_level: AtomicU8::new(LoggingLevel::Info as u8),
            subscribed: Mutex::default(),
            next_id: AtomicU64::new(1),
            waiting: Mutex::default(),
            in_flight,
            #[cfg(feature = "http")]
            changes: AtomicU64::new(0),
            #[cfg(feature = "http")]
            tally: OnceLock::new(),
        }
    }

    pub(crate) fn session_id(&self) -> Option<&str> {
        self.session_id.as_deref()
    }

    pub(crate) fn agreed(&self) -> Option<&Agreed> {
        self.agreed.get().map(Box::as_ref)
    }

    /// Keeps what was agreed on; false if something was already.
    pub(crate) fn agree(&self, agreed: Agreed) -> bool {
        self.agreed.set(Box::new(agreed)).is_ok()
    }

    /// Remembers who sends requests; what it may do can have changed since the last one.
    pub(crate) fn set_known(&self, known: Known) {
        *lock(&self.known) = known;
    }

    pub(crate) fn known(&self) -> Known {
        lock(&self.known).clone()
    }

    pub(crate) fn set_log_level(&self, level: LoggingLevel) {
        self.log_level.store(level as u8, Ordering::Relaxed);
        self.changed();
    }

    /// Notes that the client has said something that is to be kept.
    fn changed(&self) {
        #[cfg(feature = "http")]
        self.changes.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn wants_log(&self, level: LoggingLevel) -> bool {
        level as u8 >= self.log_level.load(Ordering::Relaxed)
    }

    /// Remembers that the client wants to hear of a resource; false if it names too many.
    pub(crate) fn subscribe(&self, uri: &str, limit: usize) -> bool {
        let mut subscribed = lock(&self.subscribed);
        if subscribed.contains(uri) {
            return true;
        }
        let has_room = subscribed.len() < limit && subscribed.insert(uri.into());
        self.changed();
        has_room
    }

    pub(crate) fn unsubscribe(&self, uri: &str) {
        lock(&self.subscribed).remove(uri);
        self.changed();
    }

    pub(crate) fn is_subscribed(&self, uri: &str) -> bool {
        let subscribed = lock(&self.subscribed);
        subscribed.iter().any(|wanted| covers(wanted, uri))
    }

    /// Returns what the client wants to hear of.
    pub(crate) fn subscribed(&self) -> Vec<Box<str>> {
        lock(&self.subscribed).iter().cloned().collect()
    }

    /// Sends a notification that belongs to no request, once the client is ready for it.
    pub(crate) fn notify(&self, message: &[u8], limit: usize) {
        if self.initialized.load(Ordering::Acquire) {
            self.outlet.notify(message, limit);
        }
    }

    /// Sends a request to the client by way of `outlet` and waits for its answer.
    pub(crate) async fn ask(&self, outlet: &Outlet, method: &Method, params: Option<&str>) -> Answer {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        #[cfg(feature = "http")]
        if let Some(tally) = self.tally.get() {
            tally.asks(method);
        }
        let (sender, answer) = oneshot::channel();
        lock(&self.waiting).insert(id, sender);
        let _waiting = Waiting { peer: self, outlet, id };
        let mut message = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}""#).into_bytes();
        if let Some(params) = params {
            message.extend_from_slice(b",\"params\":");
            message.extend_from_slice(params.as_bytes());
        }
        message.push(b'}');
        outlet.send(message).await;
        let answer = answer.await.unwrap_or_else(|_| Err(McpError::unavailable("the client is gone")));
        #[cfg(feature = "http")]
        if let Some(tally) = self.tally.get()
            && answer.is_ok()
        {
            tally.is_answered(method);
        }
        answer
    }

    /// Takes note of a notification of the client; false if it is about something that is not here.
    pub(crate) fn notified(self: &Arc<Self>, server: &McpServer, frame: &[u8], message: &Message) -> bool {
        let method = Method::from_name(&message.method(frame));
        if method == Method::CANCELLED {
            return self.in_flight.cancel_named(frame, message);
        }
        if method == Method::INITIALIZED && self.initialize(server) {
            self.changed();
        }
        true
    }

    /// The client is ready to be notified; false if it was already.
    fn initialize(self: &Arc<Self>, server: &McpServer) -> bool {
        let is_new = !self.initialized.swap(true, Ordering::AcqRel);
        if is_new {
            server.hub().add_peer(self);
        }
        is_new
    }

    /// Hands an answer of the client to whoever waits for it; false if nobody does.
    pub(crate) fn answered(&self, frame: &[u8], message: &Message) -> bool {
        let part = |span: Option<Span>| span.map(|span| span.of(frame));
        let (id, result, error) = (part(message.id), part(message.result), part(message.error));
        let Some(waiting) = id.and_then(|id| self.waiting_for(id)) else { return false };
        let answer = match (result, error) {
            (Some(result), _) => serde_json::from_slice::<Box<RawValue>>(result)
                .map_err(|_| McpError::invalid_request("the client's answer is not JSON")),
            (None, error) => Err(client_error(error.unwrap_or_default())),
        };
        // The request may have been given up at this very moment.
        let _ = waiting.send(answer);
        true
    }

    /// Fails whoever waits for an answer that could not be read.
    pub(crate) fn unreadable(&self, id: &[u8], error: McpError) {
        if let Some(waiting) = self.waiting_for(id) {
            let _ = waiting.send(Err(error));
        }
    }

    /// Returns true if the client may yet answer something, or cancel it.
    #[cfg(feature = "http")]
    pub(crate) fn expects_something(&self) -> bool {
        !self.in_flight.is_empty() || !lock(&self.waiting).is_empty()
    }

    /// Returns true if the client was asked something that it has not answered.
    #[cfg(feature = "http")]
    pub(crate) fn awaits_an_answer(&self) -> bool {
        !lock(&self.waiting).is_empty()
    }

    fn waiting_for(&self, id: &[u8]) -> Option<oneshot::Sender<Answer>> {
        let id = std::str::from_utf8(id).ok()?.parse().ok()?;
        lock(&self.waiting).remove(&id)
    }

    /// Fails whoever waits for an answer, and cancels what the client asked for.
    pub(crate) fn close(&self) {
        lock(&self.waiting).clear();
        self.in_flight.cancel_all();
    }
}

/// What of a peer is kept in a store.
#[cfg(feature = "http")]
impl Peer {
    /// Makes ready for others that serve the same session: requests of ours have numbers that no other uses.
    pub(crate) fn share(&self, first_id: u64, tally: Option<Arc<Tally>>) {
        self.next_id.store(first_id, Ordering::Relaxed);
        if let Some(tally) = tally {
            let _ = self.tally.set(tally);
        }
    }

    pub(crate) fn tally(&self) -> Option<&Tally> {
        self.tally.get().map(Arc::as_ref)
    }

    /// Returns how often the client has said something that is to be kept.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Writes what the client has said into what is kept.
    pub(crate) fn describe(&self, record: &mut Record) {
        record.initialized = self.initialized.load(Ordering::Acquire);
        let level = usize::from(self.log_level.load(Ordering::Relaxed));
        record.log_level = LEVELS.get(level).copied().unwrap_or(LoggingLevel::Info);
        record.subscribed = lock(&self.subscribed).iter().cloned().collect();
    }

    /// Has it be as if the client had said here what it has said elsewhere, beside what it had said here.
    pub(crate) fn resemble(self: &Arc<Self>, server: &McpServer, ours: &Record, record: &Record) {
        if record.log_level != ours.log_level {
            self.log_level.store(record.log_level as u8, Ordering::Relaxed);
        }
        let mut subscribed = lock(&self.subscribed);
        subscribed.extend(record.subscribed.difference(&ours.subscribed).cloned());
        for gone in ours.subscribed.difference(&record.subscribed) {
            subscribed.remove(gone);
        }
        drop(subscribed);
        if record.initialized {
            self.initialize(server);
        }
    }
}

/// The levels by their numbers.
#[cfg(feature = "http")]
const LEVELS: [LoggingLevel; 8] = [
    LoggingLevel::Debug,
    LoggingLevel::Info,
    LoggingLevel::Notice,
    LoggingLevel::Warning,
    LoggingLevel::Error,
    LoggingLevel::Critical,
    LoggingLevel::Alert,
    LoggingLevel::Emergency,
];

/// Forgets a request of ours when nobody waits for it any more, and tells the client if it has not answered.
struct Waiting<'a> {
    peer: &'a Peer,
    outlet: &'a Outlet,
    id: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if lock(&self.peer.waiting).remove(&self.id).is_some() {
            let message = format!(
                r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{}}}}}"#,
                self.id
            );
            self.outlet.notify(message.as_bytes(), usize::MAX);
        }
    }
}

fn client_error(raw: &[u8]) -> McpError {
    #[derive(serde::Deserialize)]
    struct Raw {
        code: i64,
        #[serde(default)]
        message: String,
        data: Option<serde_json::Value>,
    }
    match serde_json::from_slice::<Raw>(raw) {
        Ok(Raw { code, message, data }) => {
            let error = McpError::new(ErrorCode(code), message);
            match data {
                Some(data) => error.with_data(data),
                None => error,
            }
        }
        Err(_) => McpError::invalid_request("the client's answer is neither a result nor an error"),
    }
}

/// True if someone who asked for `wanted` is to hear of `uri`: the same resource, or one beneath it.
pub(crate) fn covers(wanted: &str, uri: &str) -> bool {
    uri.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || wanted.ends_with('/') || rest.starts_with('/'))
}

impl std::fmt::Debug for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Peer").field("agreed", &self.agreed).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::covers;

    #[test]
    fn a_subscription_covers_what_is_beneath_it() {
        assert!(covers("file:///a", "file:///a"));
        assert!(covers("file:///a", "file:///a/b"));
        assert!(covers("file:///a/", "file:///a/b"));
        assert!(!covers("file:///a", "file:///ab"));
        assert!(!covers("file:///a/b", "file:///a"));
    }
}
