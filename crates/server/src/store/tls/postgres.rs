//! TLS beneath connections to PostgreSQL.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::Socket;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::{TlsConnector, client};

use super::{Tls, binding, name};

/// What a server that speaks other protocols on the same port knows PostgreSQL by.
const PROTOCOL: &[u8] = b"postgresql";

impl Tls {
    /// Returns what makes the streams; without TLS it is never asked.
    pub(in crate::store) fn connector(tls: Option<Self>) -> Connector {
        Connector(tls.map(|Self(config)| {
            let mut config = ClientConfig::clone(&config);
            config.alpn_protocols = vec![PROTOCOL.to_vec()];
            Arc::new(config)
        }))
    }
}

/// What makes streams over TLS.
pub(in crate::store) struct Connector(Option<Arc<ClientConfig>>);

/// Returns the same for a further connection.
pub(in crate::store) fn again(connector: &Connector) -> Connector {
    Connector(connector.0.clone())
}

impl MakeTlsConnect<Socket> for Connector {
    type Stream = Secured;
    type TlsConnect = Handshake;
    type Error = io::Error;

    fn make_tls_connect(&mut self, host: &str) -> Result<Handshake, io::Error> {
        // A Unix socket has no host, and does without TLS.
        Ok(Handshake { config: self.0.clone(), host: host.to_owned() })
    }
}

/// An agreement with a host that is still to be made.
pub(in crate::store) struct Handshake {
    config: Option<Arc<ClientConfig>>,
    host: String,
}

impl TlsConnect<Socket> for Handshake {
    type Stream = Secured;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Secured, io::Error>> + Send>>;

    fn connect(self, socket: Socket) -> Self::Future {
        Box::pin(async move {
            let config = self.config.ok_or(io::ErrorKind::Unsupported)?;
            let stream = TlsConnector::from(config).connect(name(&self.host)?, socket).await?;
            Ok(Secured(stream))
        })
    }
}

/// A stream over TLS.
pub(crate) struct Secured(client::TlsStream<Socket>);

impl TlsStream for Secured {
    fn channel_binding(&self) -> ChannelBinding {
        let chain = self.0.get_ref().1.peer_certificates();
        let hash = chain.and_then(<[_]>::first).and_then(|certificate| binding::tls_server_end_point(certificate));
        hash.map_or_else(ChannelBinding::none, ChannelBinding::tls_server_end_point)
    }
}

impl AsyncRead for Secured {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Secured {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
