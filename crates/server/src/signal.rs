//! Ending when the operating system asks for it.

use std::future::Future;

use crate::{Error, McpServer};

/// Serves, and asks the server to end at SIGTERM or SIGINT.
pub(crate) async fn until(server: &McpServer, serving: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    let handle = server.shutdown_handle();
    let signals = tokio::spawn(async move {
        wait().await;
        tracing::info!("shutting down");
        handle.shutdown();
    });
    let result = serving.await;
    signals.abort();
    result
}

/// A task that ends with what holds it.
#[cfg(feature = "tls")]
pub(crate) struct Reloading(tokio::task::JoinHandle<()>);

#[cfg(feature = "tls")]
impl Drop for Reloading {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Has certificates read again at SIGHUP, for as long as what is returned exists.
#[cfg(feature = "tls")]
pub(crate) fn reload_at_hangup(handle: turbomcp_transport::tls::TlsHandle) -> Reloading {
    Reloading(tokio::spawn(async move {
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
