//! Serving HTTP/1.1 and HTTP/2 on a TCP port, or HTTP/1.1 on a Unix socket, within bounds.

#[cfg(all(unix, feature = "unix"))]
mod local;
#[cfg(feature = "tls")]
mod secure;

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

use crate::listener::{self, Ending, begin};

#[cfg(all(unix, feature = "unix"))]
pub use local::serve_unix;
#[cfg(feature = "tls")]
pub use secure::{acceptor, serve_tls};

/// How often the peer of an HTTP/2 connection is asked whether it is still there.
const PING: Duration = Duration::from_secs(20);

/// How long at most nobody looks at a connection that has begun to say which version it speaks.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// The bounds of a listener.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// Those of any listener.
    pub connections: listener::Bounds,
    /// How long the head of a request may take, the pause before it included.
    pub header_timeout: Duration,
    /// How many bytes the head of a request may have.
    pub header_bytes: usize,
}

/// What a connection goes on with once it no longer carries HTTP: an upgrade.
///
/// It is driven where the connection was, so that it counts as one and ends with the listener.
#[derive(Clone, Default)]
pub struct Afterwards(Arc<Mutex<Option<Upgraded>>>);

type Upgraded = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Afterwards {
    /// Sets what to go on with.
    pub fn set(&self, upgraded: impl Future<Output = ()> + Send + 'static) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::pin(upgraded));
    }

    fn take(&self) -> Option<Upgraded> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl fmt::Debug for Afterwards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Afterwards").finish_non_exhaustive()
    }
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
    service: impl Fn(SocketAddr, &Afterwards) -> S,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes, Error = Infallible> + Send + 'static,
{
    let builders = Arc::new(Builders::new(&bounds));
    listener::serve(listener, bounds.connections, end, |stream, address, mut ending| {
        let afterwards = Afterwards::default();
        let (builders, service) = (builders.clone(), service(address, &afterwards));
        async move {
            if let Err(error) = builders.serve(stream, service, &mut ending).await {
                tracing::debug!(%address, %error, "an HTTP connection failed");
            }
            if let Some(upgraded) = afterwards.take() {
                upgraded.await;
            }
        }
    })
    .await;
}

/// The settings of both versions of HTTP.
struct Builders {
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
    sniffing: Duration,
}

impl Builders {
    fn new(bounds: &Bounds) -> Self {
        let mut http1 = http1::Builder::new();
        http1
            .timer(TokioTimer::new())
            .header_read_timeout(bounds.header_timeout)
            // The least that hyper accepts.
            .max_buf_size(bounds.header_bytes.max(8192));
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        http2
            .timer(TokioTimer::new())
            .max_header_list_size(u32::try_from(bounds.header_bytes).unwrap_or(u32::MAX))
            .keep_alive_interval(PING);
        Self { http1, http2, sniffing: bounds.header_timeout }
    }

    async fn serve<S, B>(&self, stream: TcpStream, service: S, ending: &mut Ending) -> Result<(), hyper::Error>
    where
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
        S::Future: Send + 'static,
        B: Body<Data = Bytes, Error = Infallible> + Send + 'static,
    {
        let sniffed = tokio::time::timeout(self.sniffing, is_http2(&stream));
        match begin(sniffed, ending).await {
            Some(Ok(Ok(false))) => self.serve_http1(stream, service, ending).await,
            // The rarer kind, which need not make every connection's task larger.
            Some(Ok(Ok(true))) => Box::pin(self.serve_http2(stream, service, ending)).await,
            // Gone, silent for too long, or not begun when the end came.
            Some(Ok(Err(_)) | Err(_)) | None => Ok(()),
        }
    }

    async fn serve_http1<IO, S, B>(&self, stream: IO, service: S, ending: &mut Ending) -> Result<(), hyper::Error>
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
        B: Body<Data = Bytes, Error = Infallible> + 'static,
    {
        let mut connection = pin!(self.http1.serve_connection(TokioIo::new(stream), service).with_upgrades());
        match ended(connection.as_mut(), ending).await {
            Some(ended) => ended,
            None => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    }

    async fn serve_http2<IO, S, B>(&self, stream: IO, service: S, ending: &mut Ending) -> Result<(), hyper::Error>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
        S::Future: Send + 'static,
        B: Body<Data = Bytes, Error = Infallible> + Send + 'static,
    {
        let mut connection = pin!(self.http2.serve_connection(TokioIo::new(stream), service));
        match ended(connection.as_mut(), ending).await {
            Some(ended) => ended,
            None => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    }
}

/// Waits until a connection has ended; none if it shall end.
///
/// The connection is polled first: a request that is there has come before the end, and would be lost if a connection were
/// asked to end that has read nothing.
async fn ended<T>(mut connection: Pin<&mut impl Future<Output = T>>, ending: &mut Ending) -> Option<T> {
    let mut asked = pin!(ending.asked());
    poll_fn(|cx| match connection.as_mut().poll(cx) {
        Poll::Ready(ended) => Poll::Ready(Some(ended)),
        Poll::Pending => asked.as_mut().poll(cx).map(|()| None),
    })
    .await
}

/// Looks at the first bytes of a connection, without taking them: HTTP/2 begins with `PRI`, which is no HTTP/1 method.
async fn is_http2(stream: &TcpStream) -> std::io::Result<bool> {
    const PREFACE: &[u8] = b"PRI ";
    let mut first = [0; PREFACE.len()];
    let mut pause = Duration::from_millis(1);
    loop {
        let length = stream.peek(&mut first).await?;
        if length == 0 || first[..length] != PREFACE[..length] {
            return Ok(false);
        }
        if length == PREFACE.len() {
            return Ok(true);
        }
        // The rest is under way; looking again at once would only find the same. Whoever never sends it is looked at ever
        // less often.
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
