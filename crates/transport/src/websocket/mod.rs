//! WebSocket: one message a text message, with the subprotocol `mcp`.
//!
//! | module | what is in it |
//! |---|---|
//! | here | [`WebSocketTransport`], and how a client connects: [`WsConfig`] |
//! | [`handshake`] | what a server makes of a request to become a WebSocket |
//!
//! A client speaks `wss` with the feature `tls`; a server has TLS beneath HTTP. Nothing is compressed, and no extension is
//! negotiated.

mod connect;
pub mod handshake;
mod io;
mod socket;
mod stream;
#[cfg_attr(not(feature = "tls"), path = "tls/without.rs")]
mod tls;

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep};
use tungstenite::protocol::{Role, WebSocket};

use crate::{Batch, Error, Extensions, Receive, Send, Transport};
use io::Io;
use socket::{Silence, Socket};

pub use connect::{ConnectError, WsConfig};
pub use stream::WsStream;

/// The subprotocol that both sides name.
pub const SUBPROTOCOL: &str = "mcp";

/// How long the peer may be silent before it is asked for a sign of life, unless another time is set.
const PING_INTERVAL: Duration = Duration::from_secs(30);

/// The longest interval there is: far less than what a clock can be ahead by.
const LONGEST_INTERVAL: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// How long the end of a connection waits for the peer to agree.
const CLOSING: Duration = Duration::from_secs(2);

/// For how many intervals a peer may take nothing of what is written before it is given up, as one that answers no ping.
const STALLED_INTERVALS: u32 = 3;

/// A transport over a WebSocket.
///
/// A peer that is silent is sent a ping; one that does not answer it either is given up. What breaks the rules of
/// WebSocket ends the connection with the close code that says why: 1002, 1003 for binary messages, 1007 for text that is
/// no UTF-8, 1009 for messages that are too long.
///
/// # Specification
///
/// [RFC 6455](https://www.rfc-editor.org/rfc/rfc6455), as a
/// [custom transport](https://modelcontextprotocol.io/specification/2026-07-28/basic/transports#custom-transports)
pub struct WebSocketTransport<S = WsStream> {
    socket: Socket<S>,
    ping_interval: Duration,
    extensions: Extensions,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocketTransport<S> {
    /// Takes the server's end of a stream on which the handshake is over.
    #[must_use]
    pub fn accepted(stream: S) -> Self {
        let ws = WebSocket::from_raw_socket(Io::new(stream), Role::Server, Some(socket::config()));
        Self::new(ws, Role::Server)
    }

    fn new(ws: WebSocket<Io<S>>, role: Role) -> Self {
        Self { socket: Socket::new(ws, role), ping_interval: PING_INTERVAL, extensions: Extensions::new() }
    }

    /// Sets the longest message that is received; what is longer ends the connection. 16 MiB unless set.
    #[must_use]
    pub fn max_message_bytes(mut self, limit: usize) -> Self {
        self.socket.limit(limit);
        self
    }

    /// Sets how long the peer may be silent before it is sent a ping; it is given up when that was no use for as long
    /// again. 30 seconds unless set.
    #[must_use]
    pub fn ping_interval(mut self, interval: Duration) -> Self {
        self.ping_interval = interval.min(LONGEST_INTERVAL);
        self
    }

    /// Sets what handlers may read of the peer.
    #[must_use]
    pub fn with_extensions(mut self, extensions: Extensions) -> Self {
        self.extensions = extensions;
        self
    }
}

impl<S> fmt::Debug for WebSocketTransport<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketTransport").field("ping_interval", &self.ping_interval).finish_non_exhaustive()
    }
}

impl<S> Transport for WebSocketTransport<S>
where
    S: AsyncRead + AsyncWrite + Unpin + std::marker::Send + 'static,
{
    type Receive = WebSocketReceiver<S>;
    type Send = WebSocketSender<S>;

    fn split(self) -> (Self::Receive, Self::Send) {
        let socket = Arc::new(Mutex::new(self.socket));
        let pause = Box::pin(tokio::time::sleep(self.ping_interval));
        let receive = WebSocketReceiver { socket: socket.clone(), interval: self.ping_interval, pause };
        (receive, WebSocketSender { socket, patience: self.ping_interval * STALLED_INTERVALS, stalled: None })
    }

    fn extensions(&self) -> Extensions {
        self.extensions.clone()
    }
}

/// The receiving half of [`WebSocketTransport`].
pub struct WebSocketReceiver<S> {
    socket: Arc<Mutex<Socket<S>>>,
    interval: Duration,
    pause: Pin<Box<Sleep>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocketReceiver<S> {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Error>> {
        let mut socket = lock(&self.socket);
        loop {
            if let Poll::Ready(received) = socket.poll_read(cx) {
                return Poll::Ready(received);
            }
            // Only now is it certain that nothing has come that was merely not looked at.
            if self.pause.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.pause.as_mut().reset(Instant::now() + self.interval);
            if socket.silence() == Silence::Death {
                tracing::debug!("a WebSocket peer answers no ping");
                return Poll::Ready(Err(Error::closed()));
            }
        }
    }
}

impl<S> Receive for WebSocketReceiver<S>
where
    S: AsyncRead + AsyncWrite + Unpin + std::marker::Send + 'static,
{
    async fn recv(&mut self) -> Result<Option<Bytes>, Error> {
        let socket = self.socket.clone();
        lock(&socket).has_reader(true);
        let _reading = Reading(&socket);
        poll_fn(|cx| self.poll_recv(cx)).await
    }
}

/// Somebody waits for the next message.
struct Reading<'a, S>(&'a Mutex<Socket<S>>);

impl<S> Drop for Reading<'_, S> {
    fn drop(&mut self) {
        lock(self.0).has_reader(false);
    }
}

impl<S> fmt::Debug for WebSocketReceiver<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketReceiver").finish_non_exhaustive()
    }
}

/// The sending half of [`WebSocketTransport`].
pub struct WebSocketSender<S> {
    socket: Arc<Mutex<Socket<S>>>,
    /// How long a peer may take nothing of what is written.
    patience: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocketSender<S> {
    /// Polls a write, and gives the peer up if it takes nothing for too long.
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        mut write: impl FnMut(&mut Socket<S>, &mut Context<'_>) -> Poll<Result<(), Error>>,
    ) -> Poll<Result<(), Error>> {
        let mut socket = lock(&self.socket);
        if let Poll::Ready(written) = write(&mut socket, cx) {
            self.stalled = None;
            return Poll::Ready(written);
        }
        let deadline = || Instant::now() + self.patience;
        let has_moved = socket.has_moved();
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline())));
        if has_moved {
            stalled.as_mut().reset(deadline());
        }
        stalled.as_mut().poll(cx).map(|()| {
            tracing::debug!("a WebSocket peer does not read");
            Err(Error::closed())
        })
    }
}

impl<S> Send for WebSocketSender<S>
where
    S: AsyncRead + AsyncWrite + Unpin + std::marker::Send + 'static,
{
    async fn send(&mut self, batch: Batch<'_>) -> Result<(), Error> {
        for message in batch.messages() {
            for fragment in socket::fragments(message) {
                let mut fragment = Some(fragment);
                poll_fn(|cx| self.poll_write(cx, |socket, cx| socket.poll_write(&mut fragment, cx))).await?;
            }
        }
        poll_fn(|cx| self.poll_write(cx, Socket::poll_flush)).await
    }

    async fn close(&mut self) -> Result<(), Error> {
        // A peer that does not agree in time has lost nothing but its say.
        let closed = poll_fn(|cx| lock(&self.socket).poll_close(cx));
        let _ = tokio::time::timeout(CLOSING, closed).await;
        Ok(())
    }
}

impl<S> fmt::Debug for WebSocketSender<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketSender").finish_non_exhaustive()
    }
}

fn lock<S>(socket: &Mutex<Socket<S>>) -> MutexGuard<'_, Socket<S>> {
    socket.lock().unwrap_or_else(PoisonError::into_inner)
}
