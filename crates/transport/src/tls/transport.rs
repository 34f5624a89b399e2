//! Messages over TLS, one a line.

use std::fmt;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::{client, server};

#[cfg(feature = "compression")]
use crate::Error;
#[cfg(feature = "compression")]
use crate::compression::{CompressionConfig, Lz4Reader, Lz4Writer};
use crate::lines::{LineReceiver, LineSender, Lines};
use crate::{Extensions, Identity, PeerAddr, TlsIdentity, Transport};

type Reader = Box<dyn AsyncRead + Send + Unpin>;
type Writer = Box<dyn AsyncWrite + Send + Unpin>;

/// A connection over TLS.
pub struct TlsTransport(Lines<Reader, Writer>);

impl TlsTransport {
    pub(super) fn of_client(stream: server::TlsStream<TcpStream>, identity: Option<TlsIdentity>) -> Self {
        let mut extensions = told(stream.get_ref().0);
        if let Some(identity) = identity {
            extensions.insert(Identity::from(&identity));
            extensions.insert(identity);
        }
        Self::over(stream, extensions)
    }

    pub(super) fn of_server(stream: client::TlsStream<TcpStream>) -> Self {
        let extensions = told(stream.get_ref().0);
        Self::over(stream, extensions)
    }

    fn over(stream: impl AsyncRead + AsyncWrite + Send + 'static, extensions: Extensions) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        Self(Lines::new(Box::new(reader) as Reader, Box::new(writer) as Writer).with_extensions(extensions))
    }

    /// Sets the longest message that is received; a longer one is skipped. 16 MiB unless set.
    #[must_use]
    pub fn max_message_bytes(self, limit: usize) -> Self {
        Self(self.0.max_message_bytes(limit))
    }
}

#[cfg(feature = "compression")]
impl TlsTransport {
    /// Offers to the server to compress; see [`Lines::offer_compression`].
    ///
    /// # Errors
    ///
    /// If the server does not agree, or the configuration is of no use here.
    pub async fn offer_compression(self, config: &CompressionConfig) -> Result<Self, Error> {
        Ok(Self::boxed(self.0.offer_compression(config).await?))
    }

    /// Compresses if the client offers to; see [`Lines::accept_compression`].
    ///
    /// # Errors
    ///
    /// If the client is gone, or the configuration is of no use here.
    pub async fn accept_compression(self, config: &CompressionConfig) -> Result<Self, Error> {
        Ok(Self::boxed(self.0.accept_compression(config).await?))
    }

    fn boxed(lines: Lines<Lz4Reader<Reader>, Lz4Writer<Writer>>) -> Self {
        let (reader, writer, rest) = lines.into_streams();
        Self(rest.with_streams(Box::new(reader), Box::new(writer)))
    }
}

fn told(stream: &TcpStream) -> Extensions {
    let mut extensions = Extensions::new();
    if let Ok(address) = stream.peer_addr() {
        extensions.insert(PeerAddr::new(address));
    }
    extensions
}

impl Transport for TlsTransport {
    type Receive = LineReceiver<Reader>;
    type Send = LineSender<Writer>;

    fn split(self) -> (Self::Receive, Self::Send) {
        self.0.split()
    }

    fn extensions(&self) -> Extensions {
        self.0.extensions()
    }
}

impl fmt::Debug for TlsTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsTransport").finish_non_exhaustive()
    }
}
