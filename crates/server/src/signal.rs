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
