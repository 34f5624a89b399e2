//! Serving over TLS, one message a line.

use std::net::SocketAddr;
use std::path::PathBuf;

use tokio::net::{TcpListener, ToSocketAddrs};
use turbomcp_transport::listener::{self, Bounds};
use turbomcp_transport::metrics::Binding;
use turbomcp_transport::tls::{Handshakes, TlsAcceptor, TlsConfig};

use crate::compression::Setting;
use crate::listening::listen;
use crate::{Error, McpServer};

/// A server that listens over TLS, and serves once [`serve`](Self::serve) is awaited.
#[derive(Debug)]
pub struct TlsServer {
    server: McpServer,
    listener: TcpListener,
    address: SocketAddr,
    acceptor: TlsAcceptor,
    pub(crate) compression: Setting,
}

impl TlsServer {
    /// Returns the address it listens on.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the server shuts down; requests in flight may finish then, within [`Limits::shutdown`](crate::Limits::shutdown).
    ///
    /// # Errors
    ///
    /// None at present: a connection that fails ends alone.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes every connection.
    pub async fn serve(self) -> Result<(), Error> {
        let Self { server, listener, acceptor, compression, .. } = self;
        let _serving = server.serving();
        let limits = server.limits();
        let bounds = Bounds::new(limits.connections, limits.drain());
        listener::serve(listener, bounds, server.shutdown_started(), |stream, address, mut ending| {
            let (server, acceptor) = (server.newest(), acceptor.clone());
            let limit = server.limits().message_bytes;
            let compression = compression.clone();
            async move {
                let agreed = listener::begin(Box::pin(acceptor.accept(stream)), &mut ending).await;
                let transport = match agreed {
                    Some(Ok(transport)) => transport.max_message_bytes(limit),
                    Some(Err(error)) => return tracing::debug!(%address, ?error, "no agreement on TLS"),
                    None => return,
                };
                // The connection itself hears of the end, and drains.
                if let Err(error) = compression.serve(server, Binding::Tls, transport, ending).await {
                    tracing::debug!(%address, %error, "a connection failed");
                }
            }
        })
        .await;
        Ok(())
    }
}

impl McpServer {
    /// Listens over TLS, one message a line; port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// If the address cannot be listened on ([`Error::is_bind`]), or a file or a setting of TLS is not as it has to be
    /// ([`Error::is_configuration`]).
    pub async fn bind_tls(&self, address: impl ToSocketAddrs, config: TlsConfig) -> Result<TlsServer, Error> {
        let acceptor = TlsAcceptor::new(&config, &handshakes(self, Binding::Tls)).map_err(Error::tls)?;
        let (listener, address) = listen(address).await?;
        Ok(TlsServer { server: self.clone(), listener, address, acceptor, compression: Setting::default() })
    }

    /// Serves TLS, one message a line, until SIGTERM or SIGINT asks the server to end. SIGHUP has it read its certificate
    /// again.
    ///
    /// # Errors
    ///
    /// As [`bind_tls`](Self::bind_tls).
    ///
    /// If a second signal asks it to end before it has ([`Error::is_interrupted`](crate::Error::is_interrupted)).
    pub async fn run_tls(
        &self,
        address: impl ToSocketAddrs,
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Result<(), Error> {
        let config = TlsConfig::new(certificate, key);
        let handle = config.handle();
        let listening = self.bind_tls(address, config).await?;
        tracing::info!(address = %listening.local_addr(), "serving over TLS");
        let _reloading = crate::signal::reload_at_hangup(handle);
        crate::signal::until(self, listening.serve()).await
    }
}

pub(crate) fn handshakes(server: &McpServer, binding: Binding) -> Handshakes {
    let limits = server.limits();
    let mut bounds = Handshakes::new(limits.handshakes, limits.handshake_timeout);
    bounds.meter = server.meter(binding);
    bounds
}
