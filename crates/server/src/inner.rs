//! One request while it is being answered, shared by its handler and whoever drives it.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::Waker;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::Notify;
use turbomcp_protocol::scan::Span;
use turbomcp_protocol::{Message, Method, Revision};
use turbomcp_transport::Extensions;
use turbomcp_transport::authenticate::Refusal;
use turbomcp_transport::metrics::Meter;

use crate::McpServer;
use crate::deadline::{Asked, Over};
use crate::input::Inputs;
use crate::outlet::Outlet;
use crate::peer::Peer;
use crate::sync::lock;
use crate::tasks::TaskRun;

/// Everything about a request that does not change while layers and the handler work on it, and how to reach it.
pub(crate) struct Inner {
    pub(crate) frame: Bytes,
    pub(crate) message: Message,
    pub(crate) method: Method,
    pub(crate) revision: Revision,
    pub(crate) server: McpServer,
    /// Who asks, in the legacy era: what `initialize` agreed on.
    pub(crate) peer: Option<Arc<Peer>>,
    pub(crate) outlet: Outlet,
    pub(crate) started: Instant,
    /// What the layers left behind; set when the handler's context is made.
    pub(crate) extensions: OnceLock<Extensions>,
    /// A time limit of the handler's own.
    pub(crate) timeout: OnceLock<Duration>,
    /// Why the caller may not do this, and what to do about it.
    pub(crate) refusal: OnceLock<Refusal>,
    pub(crate) inputs: Mutex<Inputs>,
    /// The time that does not count towards the limit.
    pub(crate) asked: Asked,
    pub(crate) last_progress: Mutex<f64>,
    /// The task it is, or may become.
    pub(crate) task: OnceLock<Arc<TaskRun>>,
    /// The handler of a tool has it: from now on nobody else knows what was done.
    begun: AtomicBool,
    cancelled: AtomicBool,
    /// The answer is there: nothing more may be told before it.
    answered: AtomicBool,
    /// There is no time left, which the layers are to see, and why.
    pub(crate) run_out: OnceLock<Over>,
    /// No client has sent it.
    unseen: AtomicBool,
    on_cancel: Notify,
    driver: Mutex<Option<Waker>>,
}

impl Inner {
    pub(crate) fn new(
        server: McpServer,
        frame: Bytes,
        message: Message,
        method: Method,
        revision: Revision,
        peer: Option<Arc<Peer>>,
        outlet: Outlet,
    ) -> Self {
        Self {
            frame,
            message,
            method,
            revision,
            server,
            peer,
            outlet,
            started: Instant::now(),
            extensions: OnceLock::new(),
            timeout: OnceLock::new(),
            refusal: OnceLock::new(),
            inputs: Mutex::default(),
            asked: Asked::default(),
            last_progress: Mutex::new(f64::NEG_INFINITY),
            task: OnceLock::new(),
            begun: AtomicBool::new(false),
            cancelled: AtomicBool::new(false),
            answered: AtomicBool::new(false),
            run_out: OnceLock::new(),
            unseen: AtomicBool::new(false),
            on_cancel: Notify::new(),
            driver: Mutex::default(),
        }
    }

    /// Returns the task it has become.
    pub(crate) fn task(&self) -> Option<&Arc<TaskRun>> {
        self.task.get().filter(|run| run.is_started())
    }

    /// Returns what counts for the binding the request came by.
    pub(crate) fn meter(&self) -> Option<&Meter> {
        match &self.outlet {
            Outlet::Outbox(outbox) => outbox.meter(),
            #[cfg(feature = "http")]
            _ => self.server.http_meter(),
        }
    }

    /// Returns the raw JSON at a position in the message.
    pub(crate) fn raw(&self, span: Span) -> &[u8] {
        span.of(&self.frame)
    }

    /// Returns the raw JSON at a position in the message, sharing its memory.
    pub(crate) fn slice(&self, span: Span) -> Bytes {
        self.frame.slice(span.range())
    }

    /// Returns the id as raw JSON.
    pub(crate) fn id(&self) -> &[u8] {
        self.message.id.map_or(b"null", |span| self.raw(span))
    }

    /// Returns the progress token as raw JSON; `null` counts as absent.
    pub(crate) fn progress_token(&self) -> Option<&[u8]> {
        self.message.known.progress_token.map(|span| self.raw(span)).filter(|raw| *raw != b"null")
    }

    /// Sends a notification that belongs to this request, unless its answer is on the way already.
    pub(crate) async fn tell(&self, message: Vec<u8>) {
        self.outlet.send_unless(message, || self.is_cancelled() || self.answered.load(Ordering::Acquire)).await;
    }

    /// Says that the handler of a tool is about to run.
    pub(crate) fn set_begun(&self) {
        self.begun.store(true, Ordering::Release);
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Acquire)
    }

    /// From now on nothing is told before the answer any more.
    pub(crate) fn set_answered(&self) {
        self.answered.store(true, Ordering::Release);
    }

    pub(crate) fn is_answered(&self) -> bool {
        self.answered.load(Ordering::Acquire)
    }

    /// Says that it stands for a request and that no client has sent it.
    #[cfg(feature = "http")]
    pub(crate) fn set_unseen(&self) {
        self.unseen.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_unseen(&self) -> bool {
        self.unseen.load(Ordering::Relaxed)
    }

    /// Ends the request: its handler is dropped and nothing more is sent for it.
    pub(crate) fn cancel(&self) {
        if !self.cancelled.swap(true, Ordering::AcqRel) {
            self.on_cancel.notify_waiters();
            self.attend();
        }
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
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

    /// Wakes whoever drives the request, to look at what changed.
    pub(crate) fn attend(&self) {
        if let Some(driver) = lock(&self.driver).take() {
            driver.wake();
        }
    }

    pub(crate) fn set_driver(&self, waker: &Waker) {
        let mut driver = lock(&self.driver);
        if !driver.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *driver = Some(waker.clone());
        }
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("id", &String::from_utf8_lossy(self.id()))
            .field("method", &self.method.as_str())
            .field("revision", &self.revision)
            .finish_non_exhaustive()
    }
}
