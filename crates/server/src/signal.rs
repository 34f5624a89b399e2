//! Ending when the operating system asks for it.

use std::future::Future;

use crate::{Error, McpServer};

/// Serves, and asks the server to end at SIGTERM or SIGINT.
pub(crate) async fn until(server: &McpServer, serving: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    let handle = server.shutdown_handle();
    let _signals = Held(tokio::spawn(async move {
        wait().await;
        tracing::info!("shutting down");
        handle.shutdown();
    }));
    let result = serving.await;
    // A task that is left to others is so before the process goes.
    server.shutdown_settled().await;
    result
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

#[cfg(unix)]
async fn wait() {
    use std::future::poll_fn;
    use std::task::Poll;
    use tokio::signal::unix::{SignalKind, signal};

    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    poll_fn(|cx| {
        let asked = terminate.poll_recv(cx).is_ready() || interrupt.poll_recv(cx).is_ready();
        if asked { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

#[cfg(not(unix))]
async fn wait() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
