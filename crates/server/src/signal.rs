//! Ending when the operating system asks for it.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::{Error, McpServer};

/// How soon after the first signal another one is the same: a wrapper passes on what its whole group is sent anyway.
const ECHO: Duration = Duration::from_millis(200);

/// Serves, and asks the server to end at SIGTERM or SIGINT; at the second of them it is not waited for any longer.
pub(crate) async fn until(server: &McpServer, serving: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    let handle = server.shutdown_handle();
    let (insisting, insisted) = oneshot::channel();
    // Before anything is served: the signal may come as soon as somebody can know that the server is there.
    let signals = Signals::new();
    let _signals = Held(tokio::spawn(async move {
        let Some(mut signals) = signals else { return std::future::pending().await };
        signals.next().await;
        tracing::info!("shutting down");
        handle.shutdown();
        let asked = Instant::now();
        while asked.elapsed() < ECHO {
            signals.next().await;
        }
        let _ = insisting.send(());
    }));
    let mut served = pin!(async {
        let result = serving.await;
        // A task that is left to others is so before the process goes.
        server.shutdown_settled().await;
        result
    });
    let mut insisted = pin!(insisted);
    poll_fn(|cx| match served.as_mut().poll(cx) {
        Poll::Ready(result) => Poll::Ready(result),
        Poll::Pending => insisted.as_mut().poll(cx).map(|_| {
            tracing::warn!("asked to end a second time: whatever still runs is dropped");
            Err(Error::interrupted())
        }),
    })
    .await
}

/// Serves in a task of its own: what waits for input is then polled by the thread that hears of it, where the future of a
/// `main` is on a thread that has to be woken by that one, for every message.
#[cfg(feature = "stdio")]
pub(crate) async fn in_a_task(serving: impl Future<Output = Result<(), Error>> + Send + 'static) -> Result<(), Error> {
    let mut task = Held(tokio::spawn(serving));
    match (&mut task.0).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Nobody aborts it, so the runtime is going away.
            Err(_) => Ok(()),
        },
    }
}

/// A task that ends with what holds it.
pub(crate) struct Held<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for Held<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Has certificates read again at SIGHUP, for as long as what is returned exists.
#[cfg(feature = "tls")]
pub(crate) fn reload_at_hangup(handle: turbomcp_transport::tls::TlsHandle) -> Held<()> {
    Held(tokio::spawn(async move {
        #[cfg(unix)]
        if let Ok(mut hangup) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()) {
            while hangup.recv().await.is_some() {
                match handle.reload() {
                    Ok(()) => tracing::info!("certificates were read again"),
                    Err(error) => tracing::error!(?error, "certificates stay as they were"),
                }
            }
        }
        #[cfg(not(unix))]
        drop(handle);
    }))
}

/// The signals that ask a process to end.
#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    /// Listens to them; none if the operating system does not let anybody.
    fn new() -> Option<Self> {
        use tokio::signal::unix::{SignalKind, signal};

        let (terminate, interrupt) = (signal(SignalKind::terminate()).ok()?, signal(SignalKind::interrupt()).ok()?);
        Some(Self { terminate, interrupt })
    }

    /// Waits for the next one.
    async fn next(&mut self) {
        poll_fn(|cx| {
            let asked = self.terminate.poll_recv(cx).is_ready() || self.interrupt.poll_recv(cx).is_ready();
            if asked { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> Option<Self> {
        Some(Self)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
