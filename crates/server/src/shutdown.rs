//! Ending a server.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::sync::Notify;
use tokio::time::Instant;

/// Whether a server was asked to end, and how much of it still runs.
#[derive(Debug, Default)]
pub(crate) struct Shutdown {
    started: AtomicBool,
    started_at: OnceLock<Instant>,
    starting: Notify,
    serving: AtomicUsize,
    ended: Notify,
}

impl Shutdown {
    pub(crate) fn is_started(&self) -> bool {
        self.started.load(Ordering::Acquire)
    }

    /// Returns when the server was asked to end first.
    pub(crate) fn started_at(&self) -> Option<Instant> {
        self.started_at.get().copied()
    }

    /// Waits until the server is asked to end.
    pub(crate) async fn started(&self) {
        loop {
            let starting = self.starting.notified();
            if self.is_started() {
                return;
            }
            starting.await;
        }
    }

    /// Counts a listener or connection for as long as what is returned exists.
    pub(crate) fn serving(self: &Arc<Self>) -> Serving {
        self.serving.fetch_add(1, Ordering::AcqRel);
        Serving(self.clone())
    }

    pub(crate) async fn ended(&self) {
        loop {
            let ended = self.ended.notified();
            if self.serving.load(Ordering::Acquire) == 0 {
                return;
            }
            ended.await;
        }
    }
}

/// Something of a server that runs.
#[derive(Debug)]
pub(crate) struct Serving(Arc<Shutdown>);

impl Drop for Serving {
    fn drop(&mut self) {
        if self.0.serving.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.ended.notify_waiters();
        }
    }
}

/// Ends a server; see [`McpServer::shutdown_handle`](crate::McpServer::shutdown_handle).
#[derive(Debug, Clone)]
pub struct ShutdownHandle {
    shutdown: Arc<Shutdown>,
}

impl ShutdownHandle {
    pub(crate) fn new(shutdown: Arc<Shutdown>) -> Self {
        Self { shutdown }
    }

    /// Asks the server to end: it takes no further requests and lets those in flight finish.
    ///
    /// What is returned may be awaited, to wait until that is done.
    ///
    /// # Examples
    ///
    /// ```
    /// # async fn run(server: turbomcp_server::McpServer) {
    /// let (server, handle) = server.with_graceful_shutdown();
    /// // Elsewhere: server.run_http("127.0.0.1:8080").await
    /// handle.shutdown().await;
    /// assert!(handle.is_shutting_down());
    /// # drop(server);
    /// # }
    /// ```
    pub fn shutdown(&self) -> Ending {
        self.shutdown.started_at.get_or_init(Instant::now);
        self.shutdown.started.store(true, Ordering::Release);
        self.shutdown.starting.notify_waiters();
        Ending { shutdown: self.shutdown.clone() }
    }

    /// Returns true once the server was asked to end.
    #[must_use]
    pub fn is_shutting_down(&self) -> bool {
        self.shutdown.is_started()
    }
}

/// A server that was asked to end; `await` it to wait until it has.
///
/// It has ended when every `run_*`, every listener and every connection that it serves itself has, and its tasks are
/// over or left to others. A router that was mounted into an application ends with the application.
#[derive(Debug)]
pub struct Ending {
    shutdown: Arc<Shutdown>,
}

impl IntoFuture for Ending {
    type Output = ();
    type IntoFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.shutdown.ended().await })
    }
}
