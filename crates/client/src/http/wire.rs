//! What carries HTTP: TCP, or a Unix socket.

use std::error::Error as StdError;
use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;
use tower_service::Service;
use turbomcp_transport::tuning::{KEEP_ALIVE, KEEP_ALIVE_INTERVAL};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Opens connections: to the host of the URL, or to the one socket there is.
#[derive(Debug, Clone)]
pub(super) struct Wire {
    tcp: HttpConnector,
    socket: Option<Arc<Path>>,
}

impl Wire {
    pub(super) fn new(socket: Option<Arc<Path>>) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        // As on every connection: a server that vanished without a word is noticed.
        tcp.set_keepalive(Some(KEEP_ALIVE));
        tcp.set_keepalive_interval(Some(KEEP_ALIVE_INTERVAL));
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        Self { tcp, socket }
    }
}

type BoxError = Box<dyn StdError + Send + Sync>;

impl Service<Uri> for Wire {
    type Response = Socket;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Socket, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.tcp.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        #[cfg(unix)]
        if let Some(path) = self.socket.clone() {
            return Box::pin(async move {
                let connecting = tokio::time::timeout(CONNECT_TIMEOUT, UnixStream::connect(path));
                Ok(Socket::Unix(TokioIo::new(connecting.await.map_err(io::Error::other)??)))
            });
        }
        let connecting = self.tcp.call(uri);
        Box::pin(async move { Ok(Socket::Tcp(connecting.await?)) })
    }
}

/// A connection.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TokioIo<TcpStream>),
    #[cfg(unix)]
    Unix(TokioIo<UnixStream>),
}

/// Does the same with either kind.
macro_rules! either {
    ($socket:expr, $stream:ident => $done:expr) => {
        match Pin::get_mut($socket) {
            Socket::Tcp($stream) => $done,
            #[cfg(unix)]
            Socket::Unix($stream) => $done,
        }
    };
}

impl Read for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => Pin::new(stream).poll_read(cx, buffer))
    }
}

impl Write for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        either!(self, stream => Pin::new(stream).poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(self, stream => Pin::new(stream).poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        // Both kinds do.
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => Pin::new(stream).poll_shutdown(cx))
    }
}

impl Connection for Socket {
    fn connected(&self) -> Connected {
        match self {
            Self::Tcp(stream) => stream.connected(),
            #[cfg(unix)]
            Self::Unix(_) => Connected::new(),
        }
    }
}
