//! Listening for messages over TLS.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::Poll;
use std::time::Duration;

use tokio::net::{TcpListener, ToSocketAddrs};
use tokio::task::JoinSet;

use super::{Handshakes, TlsAcceptor, TlsConfig, TlsError, TlsTransport};
use crate::tuning::tune;

/// How many connections that have not agreed on TLS yet there are at once, and for how long.
const AT_ONCE: usize = 1024;
const TIMEOUT: Duration = Duration::from_secs(10);

/// Listens for connections over TLS, one message a line.
///
/// A server of this workspace listens by itself; this is for programs that handle connections on their own.
#[derive(Debug)]
pub struct TlsListener {
    listener: TcpListener,
    address: SocketAddr,
    acceptor: TlsAcceptor,
    agreeing: JoinSet<Result<TlsTransport, TlsError>>,
}

impl TlsTransport {
    /// Listens on an address; port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// If the address cannot be listened on, or a file or a setting is not as it has to be
    /// ([`TlsError::is_configuration`]).
    pub async fn new_server(address: impl ToSocketAddrs, config: &TlsConfig) -> Result<TlsListener, TlsError> {
        let acceptor = TlsAcceptor::new(config, &Handshakes::new(AT_ONCE, TIMEOUT))?;
        let unusable = |error| TlsError::configuration("the address cannot be listened on").with_source(error);
        let listener = TcpListener::bind(address).await.map_err(unusable)?;
        let address = listener.local_addr().map_err(unusable)?;
        Ok(TlsListener { listener, address, acceptor, agreeing: JoinSet::new() })
    }
}

impl TlsListener {
    /// Returns the address it listens on.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Waits for the next client with whom there is agreement on TLS. Others are logged and passed over; none keeps the
    /// next one waiting.
    ///
    /// # Errors
    ///
    /// If no connection can be accepted, as when there are too many open files.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no connection is lost.
    pub async fn accept(&mut self) -> io::Result<TlsTransport> {
        poll_fn(|cx| {
            loop {
                while let Poll::Ready(Some(agreed)) = self.agreeing.poll_join_next(cx) {
                    match agreed {
                        Ok(Ok(transport)) => return Poll::Ready(Ok(transport)),
                        Ok(Err(error)) => tracing::debug!(?error, "no agreement on TLS"),
                        Err(error) => tracing::debug!(%error, "no agreement on TLS"),
                    }
                }
                if self.agreeing.len() >= AT_ONCE {
                    return Poll::Pending;
                }
                let Poll::Ready(accepted) = self.listener.poll_accept(cx) else { return Poll::Pending };
                let (stream, _) = accepted?;
                tune(&stream);
                let acceptor = self.acceptor.clone();
                self.agreeing.spawn(async move { acceptor.accept(stream).await });
            }
        })
        .await
    }
}
