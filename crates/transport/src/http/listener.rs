//! Serving HTTP/1.1 and HTTP/2 on a TCP port, within bounds.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

/// How long accepting pauses when the process has run out of descriptors.
const PAUSE: Duration = Duration::from_millis(50);

/// How often the peer of an HTTP/2 connection is asked whether it is still there.
const PING: Duration = Duration::from_secs(20);

/// The bounds of a listener.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// How many connections are open at once; further ones wait to be accepted.
    pub connections: usize,
    /// How long the head of a request may take, the pause before it included.
    pub header_timeout: Duration,
    /// How many bytes the head of a request may have.
    pub header_bytes: usize,
    /// How long requests may go on after the end was asked for.
    pub drain: Duration,
}

/// Serves every connection with a service that `service` makes for its peer, until `end` resolves; then accepts no more,
/// lets the requests in flight finish for a while, and closes what is left.
///
/// # Cancel safety
///
/// Dropping the future closes every connection.
pub async fn serve<S, B>(
    listener: TcpListener,
    bounds: Bounds,
    end: impl Future<Output = ()>,
    service: impl Fn(SocketAddr) -> S,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes, Error = Infallible> + Send + 'static,
{
    let builder = builder(&bounds);
    let room = Arc::new(Semaphore::new(bounds.connections));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut end = pin!(end);
    loop {
        let accepted = {
            let mut accept = pin!(accept(&listener, &room));
            poll_fn(|cx| match end.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(None),
                Poll::Pending => accept.as_mut().poll(cx).map(Some),
            })
            .await
        };
        let Some((stream, address, permit)) = accepted else { break };
        let connection = builder.serve_connection(TokioIo::new(stream), service(address)).into_owned();
        let connection = graceful.watch(connection);
        connections.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%address, error, "an HTTP connection failed");
            }
            drop(permit);
        });
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    if tokio::time::timeout(bounds.drain, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were still running when the server ended");
    }
    connections.shutdown().await;
}

fn builder(bounds: &Bounds) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.header_timeout)
        // The least that hyper accepts.
        .max_buf_size(bounds.header_bytes.max(8192));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(bounds.header_bytes).unwrap_or(u32::MAX))
        .keep_alive_interval(PING);
    builder
}

async fn accept(listener: &TcpListener, room: &Arc<Semaphore>) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    let permit = room.clone().acquire_owned().await.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                // Answers are written whole; waiting for more to send only delays them.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%address, %error, "a connection was lost at once");
                    continue;
                }
                return (stream, address, permit);
            }
            Err(error) => {
                tracing::warn!(%error, "no connection can be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
