//! Serving over sockets that carry lines: each connection is one peer.

#[cfg(all(unix, feature = "unix"))]
use std::path::{Path, PathBuf};

#[cfg(feature = "tcp")]
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncWrite};
#[cfg(feature = "tcp")]
use tokio::net::{TcpListener, ToSocketAddrs};
use turbomcp_transport::lines::Lines;
use turbomcp_transport::listener::{self, Accept, Bounds};
use turbomcp_transport::metrics::Binding;
#[cfg(feature = "tcp")]
use turbomcp_transport::tcp;
#[cfg(all(unix, feature = "unix"))]
use turbomcp_transport::unix;

use crate::compression::Setting;
#[cfg(feature = "tcp")]
use crate::listening::listen;
#[cfg(all(unix, feature = "unix"))]
use crate::listening::{listen_on_path, permit};
use crate::{Error, McpServer};

/// Serves every connection of a listener until the server shuts down.
async fn serve<A, R, W>(
    server: McpServer,
    binding: Binding,
    listener: A,
    compression: Setting,
    transport: impl Fn(A::Stream, usize) -> Lines<R, W>,
) -> Result<(), Error>
where
    A: Accept,
    R: AsyncRead + Unpin + Send + 'static,
    W: AsyncWrite + Unpin + Send + 'static,
{
    let _serving = server.serving();
    let limits = server.limits();
    let bounds = Bounds::new(limits.connections, limits.drain());
    listener::serve(listener, bounds, server.shutdown_started(), |stream, peer, ending| {
        let (server, compression) = (server.newest(), compression.clone());
        let transport = transport(stream, server.limits().message_bytes);
        async move {
            // The connection itself hears of the end, and drains; until then it counts as one.
            if let Err(error) = compression.serve(server, binding, transport, ending).await {
                tracing::debug!(?peer, %error, "a connection failed");
            }
        }
    })
    .await;
    Ok(())
}

/// A server that listens on TCP, and serves once [`serve`](Self::serve) is awaited.
#[cfg(feature = "tcp")]
#[derive(Debug)]
pub struct TcpServer {
    server: McpServer,
    listener: TcpListener,
    address: SocketAddr,
    pub(crate) compression: Setting,
}

#[cfg(feature = "tcp")]
impl TcpServer {
    /// Returns the address it listens on.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the server shuts down; requests in flight may finish then, within [`Limits::shutdown`].
    ///
    /// [`Limits::shutdown`]: crate::Limits::shutdown
    ///
    /// # Errors
    ///
    /// None at present: a connection that fails ends alone.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes every connection.
    pub async fn serve(self) -> Result<(), Error> {
        serve(self.server, Binding::Tcp, self.listener, self.compression, |stream, limit| {
            tcp::over(stream).max_message_bytes(limit)
        })
        .await
    }
}

/// A server that listens on a Unix socket, and serves once [`serve`](Self::serve) is awaited.
#[cfg(all(unix, feature = "unix"))]
#[derive(Debug)]
pub struct UnixServer {
    server: McpServer,
    socket: unix::Socket,
    pub(crate) compression: Setting,
}

#[cfg(all(unix, feature = "unix"))]
impl UnixServer {
    /// Sets who may open the socket, as `chmod` does: `0o660` lets the group of its file in as well. Unless set, only the
    /// user of the server can open it.
    ///
    /// # Errors
    ///
    /// If that cannot be set ([`Error::is_bind`]).
    pub fn permissions(self, mode: u32) -> Result<Self, Error> {
        permit(&self.socket, mode)?;
        Ok(self)
    }

    /// Returns the path of the socket.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.socket.path()
    }

    /// Serves until the server shuts down; requests in flight may finish then, within [`Limits::shutdown`].
    ///
    /// [`Limits::shutdown`]: crate::Limits::shutdown
    ///
    /// # Errors
    ///
    /// None at present: a connection that fails ends alone.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes every connection and removes the socket.
    pub async fn serve(self) -> Result<(), Error> {
        serve(self.server, Binding::Unix, self.socket, self.compression, |stream, limit| {
            unix::over(stream).max_message_bytes(limit)
        })
        .await
    }
}

impl McpServer {
    /// Listens on TCP, one message a line; port 0 takes a free one.
    ///
    /// There is no encryption, and nothing that says who is calling: whoever reaches the port is served, or nobody if the
    /// server [has to know](crate::ServerBuilder::auth).
    ///
    /// # Errors
    ///
    /// If the address cannot be listened on ([`Error::is_bind`]).
    #[cfg(feature = "tcp")]
    pub async fn bind_tcp(&self, address: impl ToSocketAddrs) -> Result<TcpServer, Error> {
        let (listener, address) = listen(address).await?;
        Ok(TcpServer { server: self.clone(), listener, address, compression: Setting::default() })
    }

    /// Serves TCP, one message a line, until SIGTERM or SIGINT asks the server to end.
    ///
    /// # Errors
    ///
    /// If the address cannot be listened on ([`Error::is_bind`]).
    ///
    /// If a second signal asks it to end before it has ([`Error::is_interrupted`](crate::Error::is_interrupted)).
    #[cfg(feature = "tcp")]
    pub async fn run_tcp(&self, address: impl ToSocketAddrs) -> Result<(), Error> {
        let listening = self.bind_tcp(address).await?;
        tracing::info!(address = %listening.local_addr(), "serving over TCP");
        crate::signal::until(self, listening.serve()).await
    }

    /// Listens on a Unix socket, one message a line, that only this user can open. A socket nobody listens on any more is
    /// replaced.
    ///
    /// # Errors
    ///
    /// If the path cannot be listened on ([`Error::is_bind`]).
    #[cfg(all(unix, feature = "unix"))]
    pub fn bind_unix(&self, path: impl Into<PathBuf>) -> Result<UnixServer, Error> {
        let socket = listen_on_path(path)?;
        Ok(UnixServer { server: self.clone(), socket, compression: Setting::default() })
    }

    /// Serves a Unix socket, one message a line, until SIGTERM or SIGINT asks the server to end.
    ///
    /// # Errors
    ///
    /// If the path cannot be listened on ([`Error::is_bind`]).
    ///
    /// If a second signal asks it to end before it has ([`Error::is_interrupted`](crate::Error::is_interrupted)).
    #[cfg(all(unix, feature = "unix"))]
    pub async fn run_unix(&self, path: impl Into<PathBuf>) -> Result<(), Error> {
        let listening = self.bind_unix(path)?;
        tracing::info!(path = %listening.path().display(), "serving over a Unix socket");
        crate::signal::until(self, listening.serve()).await
    }
}
