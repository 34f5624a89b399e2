//! What arrives from a server: answers to whoever waits, changes to whoever listens, questions to the handlers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;
use tokio::time::Instant;
use turbomcp_protocol::types::{
    CancelledNotificationParams, ElicitationCompleteNotificationParams, LoggingMessageNotificationParams, Meta,
    ProgressNotificationParams, ProgressToken, RequestId, SubscriptionsAcknowledgedNotificationParams,
    TaskRequestParams,
};
use turbomcp_protocol::{ErrorCode, Kind, McpError, Message, Method, Revision};
use turbomcp_transport::metrics::Meter;

use crate::Error;
use crate::cache::Cache;
use crate::exchange::{Answer, Tracking};
use crate::handler::Handlers;
use crate::questions::{Question, Questions};
use crate::subscription::{Change, Feed};
use crate::sync::lock;

/// How many requests may wait for an answer at a time.
const MAX_PENDING: usize = 4096;

/// The receiving side of one connection.
pub(crate) struct Inbox {
    handlers: Arc<Handlers>,
    cache: Arc<Cache>,
    state: Mutex<State>,
    questions: Questions,
    meter: Option<Meter>,
}

#[derive(Default)]
struct State {
    revision: Option<Revision>,
    closed: Option<String>,
    pending: HashMap<u64, Pending>,
    feeds: HashMap<u64, Arc<Feed>>,
    next_feed: u64,
}

struct Pending {
    answer: oneshot::Sender<Result<Answer, Error>>,
    tracking: Option<Arc<Tracking>>,
}

/// Who listens: one listen request, or everything a legacy connection is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listener {
    Request(u64),
    Legacy(u64),
}

impl Inbox {
    pub(crate) fn new(handlers: Arc<Handlers>, cache: Arc<Cache>, meter: Option<Meter>) -> Arc<Self> {
        Arc::new(Self { handlers, cache, state: Mutex::default(), questions: Questions::default(), meter })
    }

    /// Returns what counts for the connection.
    pub(crate) fn meter(&self) -> Option<&Meter> {
        self.meter.as_ref()
    }

    pub(crate) fn set_revision(&self, revision: Option<Revision>) {
        lock(&self.state).revision = revision;
    }

    /// Remembers that somebody waits for the answer to a request.
    pub(crate) fn register(
        self: &Arc<Self>,
        id: u64,
        tracking: Option<&Arc<Tracking>>,
    ) -> Result<(Registration, oneshot::Receiver<Result<Answer, Error>>), Error> {
        let mut state = lock(&self.state);
        if let Some(why) = &state.closed {
            return Err(Error::closed(why.clone()).with_nothing_sent());
        }
        if state.pending.len() >= MAX_PENDING {
            return Err(Error::busy());
        }
        let (sender, receiver) = oneshot::channel();
        state.pending.insert(id, Pending { answer: sender, tracking: tracking.cloned() });
        Ok((Registration { inbox: self.clone(), id }, receiver))
    }

    /// Ends the connection for everyone who waits.
    pub(crate) fn close(&self, why: &str) {
        let (pending, feeds) = {
            let mut state = lock(&self.state);
            state.closed.get_or_insert_with(|| why.to_owned());
            (std::mem::take(&mut state.pending), std::mem::take(&mut state.feeds))
        };
        for (_, pending) in pending {
            let _ = pending.answer.send(Err(Error::closed(why.to_owned())));
        }
        for (_, feed) in feeds {
            feed.end(Err(Error::closed(why.to_owned())));
        }
        self.questions.close();
    }

    /// Returns when the server last waited for this client rather than the other way round: now, if it still does.
    pub(crate) fn last_question(&self) -> Option<Instant> {
        self.questions.last()
    }

    /// Ends every subscription, while the connection goes on.
    pub(crate) fn end_feeds(&self, why: &str) {
        let feeds = std::mem::take(&mut lock(&self.state).feeds);
        for (_, feed) in feeds {
            feed.end(Err(Error::closed(why.to_owned())));
        }
    }

    /// Forgets what was kept for whoever asked before.
    #[cfg(feature = "http")]
    pub(crate) fn forget_private(&self) {
        self.cache.clear();
    }

    pub(crate) fn is_closed(&self) -> bool {
        lock(&self.state).closed.is_some()
    }

    /// Lets a feed hear the notifications of one listen request.
    pub(crate) fn listen(&self, id: u64, feed: &Arc<Feed>) {
        lock(&self.state).feeds.insert(id, feed.clone());
    }

    /// Lets a feed hear everything a legacy server says.
    pub(crate) fn listen_legacy(&self, feed: &Arc<Feed>) -> Listener {
        let mut state = lock(&self.state);
        // Listen requests have ids that count up from one; these count down from the other end.
        state.next_feed += 1;
        let key = u64::MAX - state.next_feed;
        state.feeds.insert(key, feed.clone());
        Listener::Legacy(key)
    }

    pub(crate) fn unlisten(&self, listener: Listener) {
        let (Listener::Request(key) | Listener::Legacy(key)) = listener;
        lock(&self.state).feeds.remove(&key);
    }

    /// Takes one frame: a message, or a batch of them where the revision has batches.
    pub(crate) fn frame(&self, frame: &Bytes) -> Vec<Question> {
        if let Some(meter) = &self.meter {
            meter.received(frame.len());
        }
        if frame.first() == Some(&b'[') && lock(&self.state).revision.is_some_and(Revision::has_batches) {
            let spans = Message::split_batch(frame).ok().flatten().unwrap_or_default();
            return spans.into_iter().filter_map(|span| self.message(&frame.slice(span.range()))).collect();
        }
        self.message(frame).into_iter().collect()
    }

    fn message(&self, frame: &Bytes) -> Option<Question> {
        let message = match Message::decode(frame) {
            Ok(message) => message,
            Err(error) => {
                // What a server prints beside its messages is not fatal, but an answer that is none ends its request.
                tracing::warn!(error = %error.error, "the server sent something that is no message");
                let id = error.id.and_then(|id| number(id.of(frame)))?;
                let pending = lock(&self.state).pending.remove(&id)?;
                let _ = pending.answer.send(Err(Error::protocol("an answer is not a JSON-RPC response")));
                return None;
            }
        };
        match message.kind {
            Kind::Response => self.response(frame, &message),
            Kind::Notification => self.notification(frame, &message),
            Kind::Request => return self.question(frame, &message),
            _ => {}
        }
        None
    }

    /// Takes note of a message that was too long to be read: fails whoever waits for it.
    pub(crate) fn oversized(&self, error: &turbomcp_transport::Error) -> Option<Question> {
        tracing::warn!(%error, "a message was skipped");
        let (kind, id) = Message::beginning(error.beginning())?;
        let id = id.of(error.beginning());
        if kind == Kind::Request {
            return Some(Question::unreadable(id, McpError::invalid_request(error.to_string())));
        }
        let pending = lock(&self.state).pending.remove(&number(id)?)?;
        let _ = pending.answer.send(Err(Error::protocol(format!("the answer was skipped: {error}"))));
        None
    }

    fn response(&self, frame: &Bytes, message: &Message) {
        let Some(id) = message.id.and_then(|id| number(id.of(frame))) else {
            tracing::debug!("an answer names no request");
            return;
        };
        let Some(pending) = lock(&self.state).pending.remove(&id) else {
            tracing::debug!(id, "an answer that nobody waits for");
            return;
        };
        let answer = match (message.result, message.error) {
            (Some(result), _) => Ok(Answer { frame: frame.clone(), outcome: Ok(result), status: None }),
            (None, error) => match error.and_then(|error| read_error(error.of(frame))) {
                Some(error) => Ok(Answer { frame: frame.clone(), outcome: Err(error), status: None }),
                None => Err(Error::protocol("an error has no integer as its code")),
            },
        };
        // The request may have been given up at this very moment.
        let _ = pending.answer.send(answer);
    }

    fn notification(&self, frame: &Bytes, message: &Message) {
        let method = Method::from_name(&message.method(frame));
        let params = message.params.map_or(&b"{}"[..], |span| span.of(frame));
        match method {
            _ if method == Method::PROGRESS => {
                let Some(params) = read::<ProgressNotificationParams>(params) else { return };
                let ProgressToken::Number(token) = params.progress_token else { return };
                let tracking = {
                    let state = lock(&self.state);
                    u64::try_from(token).ok().and_then(|token| state.pending.get(&token)?.tracking.clone())
                };
                if let Some(tracking) = tracking {
                    tracking.progress(params);
                }
            }
            _ if method == Method::MESSAGE => {
                if let Some(params) = read::<LoggingMessageNotificationParams>(params) {
                    self.handlers.log(params);
                }
            }
            _ if method == Method::TOOLS_LIST_CHANGED => self.change(Change::Tools, params),
            _ if method == Method::PROMPTS_LIST_CHANGED => self.change(Change::Prompts, params),
            _ if method == Method::RESOURCES_LIST_CHANGED => self.change(Change::Resources, params),
            _ if method == Method::RESOURCES_UPDATED => {
                #[derive(Deserialize)]
                struct Updated {
                    uri: String,
                }
                if let Some(Updated { uri }) = read(params) {
                    self.change(Change::Resource { uri }, params);
                }
            }
            _ if method == Method::TASKS_CHANGED || method == Method::TASKS_STATUS => {
                if let Some(TaskRequestParams { task_id: id, .. }) = read(params) {
                    self.change(Change::Task { id }, params);
                }
            }
            _ if method == Method::SUBSCRIPTIONS_ACKNOWLEDGED => {
                let Some(params) = read::<SubscriptionsAcknowledgedNotificationParams>(params) else { return };
                let id = params.meta.as_ref().and_then(subscription_id);
                if let Some(feed) = id.and_then(|id| lock(&self.state).feeds.get(&id).cloned()) {
                    feed.acknowledge(params.notifications);
                }
            }
            _ if method == Method::CANCELLED => self.cancelled(params),
            _ if method == Method::ELICITATION_COMPLETE => {
                if let Some(params) = read::<ElicitationCompleteNotificationParams>(params) {
                    self.handlers.elicitation_complete(params.elicitation_id);
                }
            }
            _ => tracing::debug!(%method, "a notification of an unknown kind"),
        }
    }

    fn change(&self, change: Change, params: &[u8]) {
        #[derive(Deserialize)]
        struct Tagged {
            #[serde(rename = "_meta")]
            meta: Option<Meta>,
        }
        self.cache.invalidate(&change);
        let id = read::<Tagged>(params).and_then(|tagged| tagged.meta).as_ref().and_then(subscription_id);
        let heard = {
            let state = lock(&self.state);
            match (id, state.revision.is_some_and(Revision::is_modern)) {
                (Some(id), true) => state.feeds.get(&id).map(|feed| vec![feed.clone()]),
                // On a listen stream everything is tagged; what is not belongs to nobody.
                (None, true) => None,
                (_, false) => Some(state.feeds.values().cloned().collect()),
            }
        };
        let Some(feeds) = heard else {
            tracing::debug!(?change, "a change that nobody asked for");
            return;
        };
        for feed in feeds {
            feed.push(&change);
        }
        self.handlers.changed(&change);
    }

    fn cancelled(&self, params: &[u8]) {
        let Some(id) = read::<CancelledNotificationParams>(params).and_then(|params| params.request_id) else { return };
        if lock(&self.state).revision.is_some_and(Revision::is_modern) {
            // The only requests a modern server cancels are those that listen.
            if let RequestId::Number(id) = id
                && let Some(feed) = u64::try_from(id).ok().and_then(|id| lock(&self.state).feeds.remove(&id))
            {
                feed.end(Ok(()));
            }
            return;
        }
        let raw = serde_json::to_vec(&id).unwrap_or_default();
        self.questions.withdraw(&raw);
    }

    fn question(&self, frame: &Bytes, message: &Message) -> Option<Question> {
        let revision = lock(&self.state).revision;
        if revision.is_some_and(Revision::is_modern) {
            tracing::warn!(method = %message.method(frame), "a modern server sent a request, which is not answered");
            return None;
        }
        Question::read(frame, message, revision.unwrap_or(Revision::LATEST_LEGACY))
    }

    /// Answers a question, and sends the answer by `reply`.
    pub(crate) fn answer<F>(&self, question: Question, reply: impl FnOnce(Vec<u8>) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.questions.answer(self.handlers.clone(), question, reply);
    }
}

/// Reads the error member of a response; none if it has no code.
pub(crate) fn read_error(raw: &[u8]) -> Option<McpError> {
    #[derive(Deserialize)]
    struct Raw {
        code: i64,
        #[serde(default)]
        message: String,
        data: Option<serde_json::Value>,
    }
    let Raw { code, message, data } = serde_json::from_slice(raw).ok()?;
    let error = McpError::new(ErrorCode(code), message);
    Some(match data {
        Some(data) => error.with_data(data),
        None => error,
    })
}

/// Reads an id exactly as it was written: a string is none of ours.
fn number(raw: &[u8]) -> Option<u64> {
    std::str::from_utf8(raw).ok()?.parse().ok()
}

fn subscription_id(meta: &Meta) -> Option<u64> {
    match meta.subscription_id()? {
        RequestId::Number(id) => u64::try_from(id).ok(),
        _ => None,
    }
}

fn read<T: DeserializeOwned>(params: &[u8]) -> Option<T> {
    serde_json::from_slice(params).inspect_err(|error| tracing::debug!(%error, "a malformed notification")).ok()
}

/// Forgets a request when nobody waits for it any more.
pub(crate) struct Registration {
    inbox: Arc<Inbox>,
    id: u64,
}

impl Registration {
    /// Returns true if the request is still unanswered.
    pub(crate) fn withdraw(&self) -> bool {
        lock(&self.inbox.state).pending.remove(&self.id).is_some()
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.withdraw();
    }
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = lock(&self.state);
        f.debug_struct("Inbox")
            .field("revision", &state.revision)
            .field("closed", &state.closed)
            .finish_non_exhaustive()
    }
}
