//! The server's side of a handshake, within bounds.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use ring::digest;
use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::server::TlsStream;

use super::watch::{Stamp, Watching};
use super::{TlsConfig, TlsError, TlsTransport};
use crate::TlsIdentity;
use crate::metrics::Meter;

/// What handshakes may take.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Handshakes {
    /// How many are under way at once. A peer that has said nothing yet does not count.
    pub at_once: usize,
    /// How long one may take, the silence before it included.
    pub timeout: Duration,
    /// What counts those that fail, if anything does.
    pub meter: Option<Meter>,
}

impl Handshakes {
    /// Creates the bounds.
    #[must_use]
    pub fn new(at_once: usize, timeout: Duration) -> Self {
        Self { at_once, timeout, meter: None }
    }
}

/// Turns the connections of a server into such of TLS.
#[derive(Debug, Clone)]
pub struct TlsAcceptor {
    certificates: Arc<Certificates>,
    places: Arc<Semaphore>,
    timeout: Duration,
    meter: Option<Meter>,
    /// Held for as long as somebody accepts.
    _watching: Option<Arc<Watching>>,
}

/// What the server shows at the moment, and where it is from.
#[derive(Debug)]
pub(super) struct Certificates {
    config: TlsConfig,
    protocols: &'static [&'static [u8]],
    current: RwLock<Arc<ServerConfig>>,
}

impl Certificates {
    pub(super) fn reload(&self) -> Result<(), TlsError> {
        let new = Arc::new(self.config.server(self.protocols)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    fn current(&self) -> Arc<ServerConfig> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl TlsAcceptor {
    /// Reads the files of a server.
    ///
    /// # Errors
    ///
    /// If a file or a setting is not as it has to be ([`TlsError::is_configuration`]).
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime, if [`TlsConfig::with_reload_interval`] is set.
    pub fn new(config: &TlsConfig, bounds: &Handshakes) -> Result<Self, TlsError> {
        Self::for_protocols(config, bounds, &[])
    }

    /// Reads the files of a server that lets clients choose one of these protocols.
    pub(crate) fn for_protocols(
        config: &TlsConfig,
        bounds: &Handshakes,
        protocols: &'static [&'static [u8]],
    ) -> Result<Self, TlsError> {
        // Looked at before they are read: a change in between is then seen, even if it was read already.
        let watched = config.watched().map(|(interval, files)| (Stamp::of(&files), files, interval));
        let current = RwLock::new(Arc::new(config.server(protocols)?));
        let certificates = Arc::new(Certificates { config: config.clone(), protocols, current });
        config.handle().add(&certificates);
        let places = Arc::new(Semaphore::new(bounds.at_once.min(Semaphore::MAX_PERMITS)));
        let watching = watched
            .map(|(stamp, files, interval)| Arc::new(Watching::start(certificates.clone(), files, stamp, interval)));
        Ok(Self { certificates, places, timeout: bounds.timeout, meter: bounds.meter.clone(), _watching: watching })
    }

    /// Agrees on TLS with whoever has connected, and carries messages from then on, one a line.
    ///
    /// Handlers find the [`PeerAddr`](crate::PeerAddr) in the extensions, and the [`TlsIdentity`] and
    /// [`Identity`](crate::Identity) of a client that has shown a certificate.
    ///
    /// # Errors
    ///
    /// If it is silent, does not speak TLS, or is refused ([`TlsError::is_handshake`]).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection.
    pub async fn accept(&self, stream: TcpStream) -> Result<TlsTransport, TlsError> {
        let (stream, identity) = self.handshake(stream).await?;
        Ok(TlsTransport::of_client(stream, identity))
    }

    pub(crate) async fn handshake(
        &self,
        stream: TcpStream,
    ) -> Result<(TlsStream<TcpStream>, Option<TlsIdentity>), TlsError> {
        let shaking = async {
            // Who keeps silent takes no place from those who speak, and no memory for a handshake.
            stream.peek(&mut [0]).await?;
            let _place = self.places.acquire().await.map_err(std::io::Error::other)?;
            tokio_rustls::TlsAcceptor::from(self.certificates.current()).accept(stream).await
        };
        let shaken = tokio::time::timeout(self.timeout, shaking)
            .await
            .map_err(|_| TlsError::handshake("the peer takes too long for the handshake"))
            .and_then(|shaken| {
                shaken.map_err(|error| TlsError::handshake("there was no agreement on TLS").with_source(error))
            });
        let stream = shaken.inspect_err(|_| {
            if let Some(meter) = &self.meter {
                meter.handshake_failed();
            }
        })?;
        let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        let identity = shown.map(|certificate| {
            let mut hash = [0; 32];
            hash.copy_from_slice(digest::digest(&digest::SHA256, certificate).as_ref());
            TlsIdentity::new(certificate.as_ref(), hash)
        });
        Ok((stream, identity))
    }
}
