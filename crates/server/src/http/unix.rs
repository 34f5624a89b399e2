//! HTTP on a Unix socket.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use turbomcp_transport::PeerCredentials;
use turbomcp_transport::http::listener::{Afterwards, serve_unix};
use turbomcp_transport::metrics::Meter;
use turbomcp_transport::unix::Socket;

use super::HttpServer;
use super::renewal::Renewal;
use super::server::bounds;
use crate::listening::{listen_on_path, permit};
use crate::metrics::Connected;
use crate::{Error, McpServer};

/// A server that listens for HTTP on a Unix socket, and serves once [`serve`](Self::serve) is awaited.
#[derive(Debug)]
pub struct HttpUnixListener {
    server: McpServer,
    socket: Socket,
    renewal: Renewal,
}

impl HttpUnixListener {
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
        let Self { server, socket, renewal } = self;
        let _serving = server.serving();
        let end = server.shutdown_started();
        let meter = server.http_meter().cloned();
        let counted = server.clone();
        let service = move |peer: Option<PeerCredentials>, afterwards: &Afterwards| {
            // In a box, as over TCP.
            let connected = Arc::new(Connected::new(counted.clone()));
            let routes = renewal.open(None, afterwards, &connected);
            let held = Box::new((routes, meter.as_ref().map(Meter::opened), connected));
            service_fn(move |mut request: Request<Incoming>| {
                let (routes, ..) = &*held;
                if let Some(peer) = peer {
                    request.extensions_mut().insert(peer);
                }
                routes.answer(request)
            })
        };
        serve_unix(socket, bounds(server.limits()), end, service).await;
        Ok(())
    }
}

impl HttpServer {
    /// Listens on a Unix socket, which only this user can open, for HTTP/1.1. A socket nobody listens on any more is
    /// replaced.
    ///
    /// Unless set otherwise, only requests for loopback hosts are answered. No browser can open a Unix socket, but a proxy
    /// in front of it passes on what browsers send. Handlers find the
    /// [`PeerCredentials`](turbomcp_transport::PeerCredentials) of the process at the other end in their extensions.
    ///
    /// # Errors
    ///
    /// If the path cannot be listened on ([`Error::is_bind`]), or a host, origin or path is malformed, or TLS is set
    /// ([`Error::is_configuration`]).
    pub fn bind_unix(self, path: impl Into<PathBuf>) -> Result<HttpUnixListener, Error> {
        if self.tls.is_set() {
            return Err(Error::configuration("a Unix socket is not served over TLS: nothing leaves the machine"));
        }
        let server = self.server.clone();
        let renewal = Renewal::new(self, IpAddr::V4(Ipv4Addr::LOCALHOST))?;
        let socket = listen_on_path(path)?;
        Ok(HttpUnixListener { server, socket, renewal })
    }

    /// Serves HTTP/1.1 on a Unix socket until SIGTERM or SIGINT asks the server to end; see [`bind_unix`](Self::bind_unix).
    ///
    /// # Errors
    ///
    /// As [`bind_unix`](Self::bind_unix).
    ///
    /// If a second signal asks it to end before it has ([`Error::is_interrupted`](crate::Error::is_interrupted)).
    pub async fn run_unix(self, path: impl Into<PathBuf>) -> Result<(), Error> {
        let server = self.server.clone();
        let listener = self.bind_unix(path)?;
        tracing::info!(path = %listener.path().display(), "serving HTTP over a Unix socket");
        crate::signal::until(&server, listener.serve()).await
    }
}

impl McpServer {
    /// Serves Streamable HTTP on a Unix socket, on the path `/mcp` for the host `localhost`, until SIGTERM or SIGINT asks the
    /// server to end.
    ///
    /// # Errors
    ///
    /// If the path cannot be listened on ([`Error::is_bind`]).
    ///
    /// If a second signal asks it to end before it has ([`Error::is_interrupted`](crate::Error::is_interrupted)).
    pub async fn run_http_unix(&self, path: impl Into<PathBuf>) -> Result<(), Error> {
        self.http().run_unix(path).await
    }
}
