//! One task while it is worked on here, as its handler sees it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync::Notify;
use turbomcp_protocol::types::ClientCapabilities;
use turbomcp_protocol::{McpError, McpResult};

use super::desk::{Desk, Edit};
use super::record::{Answer, Record};
use super::store::{Due, StoredTask};
use crate::inner::Inner;
use crate::layers::ToolPlace;
use crate::peer::Peer;
use crate::sync::lock;

/// One task while it is worked on here.
pub(crate) struct TaskRun {
    pub(super) desk: Arc<Desk>,
    pub(super) id: String,
    /// What this worker calls itself; nobody else does.
    pub(super) worker: String,
    pub(super) attempt: u32,
    /// What the client can do, where its request does not say it.
    pub(crate) capabilities: Option<ClientCapabilities>,
    /// Who hears of it without asking, in the legacy era.
    pub(super) peer: Option<Arc<Peer>>,
    is_started: AtomicBool,
    /// The handler wants it to be a task.
    is_wanted: AtomicBool,
    started: Notify,
    is_cancelled: AtomicBool,
    on_cancel: Notify,
    /// What the handler has said last and nobody has written.
    pub(super) said: Mutex<Option<String>>,
    /// The place of its tool, until it is over.
    place: Mutex<Place>,
}

#[derive(Default)]
enum Place {
    #[default]
    None,
    Held {
        _place: ToolPlace,
    },
    Over,
}

impl TaskRun {
    pub(super) fn new(desk: &Arc<Desk>, id: String, worker: String, attempt: u32) -> Self {
        Self {
            desk: desk.clone(),
            id,
            worker,
            attempt,
            capabilities: None,
            peer: None,
            is_started: AtomicBool::new(false),
            is_wanted: AtomicBool::new(false),
            started: Notify::new(),
            is_cancelled: AtomicBool::new(false),
            on_cancel: Notify::new(),
            said: Mutex::default(),
            place: Mutex::default(),
        }
    }

    /// Keeps the place of its tool until it is over, which it may be by now.
    pub(crate) fn hold(&self, held: ToolPlace) {
        let mut place = lock(&self.place);
        if !matches!(*place, Place::Over) {
            *place = Place::Held { _place: held };
        }
    }

    /// Gives up the place of its tool.
    pub(super) fn release(&self) {
        *lock(&self.place) = Place::Over;
    }

    pub(crate) fn is_started(&self) -> bool {
        self.is_started.load(Ordering::Acquire)
    }

    pub(super) fn start(&self) {
        self.is_started.store(true, Ordering::Release);
        self.started.notify_waiters();
    }

    pub(super) fn is_wanted(&self) -> bool {
        self.is_wanted.load(Ordering::Acquire)
    }

    /// Asks for the call to become a task, and waits until it is.
    pub(super) async fn want(&self, inner: &Inner) {
        loop {
            let started = self.started.notified();
            if self.is_started() {
                return;
            }
            self.is_wanted.store(true, Ordering::Release);
            inner.attend();
            started.await;
        }
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::Acquire)
    }

    pub(super) fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::Release);
        self.on_cancel.notify_waiters();
    }

    pub(crate) async fn cancelled(&self) {
        loop {
            let cancelled = self.on_cancel.notified();
            if self.is_cancelled() {
                return;
            }
            cancelled.await;
        }
    }

    /// Remembers what is going on; it is written when there is time.
    pub(crate) fn mention(&self, message: String) {
        *lock(&self.said) = Some(message);
    }

    /// Writes what is going on.
    pub(super) async fn say(&self, message: &str) {
        lock(&self.said).take();
        self.edit(|record| record.say(message)).await;
    }

    /// Changes the task if it still is this worker's; false if not.
    pub(super) async fn edit(&self, mut change: impl FnMut(&mut Record)) -> bool {
        let edit = |stored: &StoredTask, record: &mut Record| {
            if !record.is_held_by(&self.worker) {
                return Edit::Leave(None);
            }
            change(record);
            let due = if record.status.is_final() { Due::Never } else { Due::AsBefore };
            Edit::Write(Some((stored.clone(), record.clone())), due)
        };
        match self.desk.edit_at_last(&self.id, edit).await.flatten() {
            Some((stored, record)) => {
                self.tell(&stored, &record);
                true
            }
            None => false,
        }
    }

    /// Tells a legacy client, which may or may not hear it.
    fn tell(&self, stored: &StoredTask, record: &Record) {
        use turbomcp_protocol::encode::EncodeResult;

        let Some(peer) = &self.peer else { return };
        let mut message = br#"{"jsonrpc":"2.0","method":"notifications/tasks/status","params":{"#.to_vec();
        record.view(stored).encode_members(record.revision, &mut message);
        message.extend_from_slice(b"}}");
        peer.notify(&message, super::STATUS_NOTIFICATIONS);
    }

    /// Asks the client, and waits for as long as it takes.
    pub(crate) async fn ask(&self, key: &str, request: &RawValue) -> McpResult<Value> {
        let mut entered = None;
        self.edit(|record| entered = Some(record.ask(key, request))).await;
        let Some(key) = entered else {
            // It is over, or another worker's; this handler is dropped any moment.
            return std::future::pending().await;
        };
        let key = key?;
        let look = |found: Option<(StoredTask, Record)>| {
            let (_, mut record) = found?;
            record.asked.get_mut(&key)?.answer.take()
        };
        match self.desk.until(&self.id, look).await {
            Answer::Given(value) => Ok(value),
            Answer::Refused(error) => Err(McpError::from(error)),
        }
    }
}

impl std::fmt::Debug for TaskRun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TaskRun").field("attempt", &self.attempt).finish_non_exhaustive()
    }
}
