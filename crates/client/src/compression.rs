//! Lines that are compressed.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

#[cfg(any(feature = "tcp", all(unix, feature = "unix")))]
use tokio::io::{AsyncRead, AsyncWrite};
use turbomcp_transport::Transport;
use turbomcp_transport::compression::CompressionConfig;
#[cfg(any(feature = "tcp", all(unix, feature = "unix")))]
use turbomcp_transport::compression::{Lz4Reader, Lz4Writer};
#[cfg(any(feature = "tcp", all(unix, feature = "unix")))]
use turbomcp_transport::lines::Lines;
#[cfg(feature = "tls")]
use turbomcp_transport::tls::TlsTransport;

use crate::Error;
use crate::exchange::Exchange;
use crate::inbox::Inbox;
use crate::stream::StreamLink;

/// How long a server may take to agree.
const AGREEING: Duration = Duration::from_secs(10);

/// What was set, if anything was.
#[derive(Debug, Clone, Default)]
pub(crate) struct Setting(Option<CompressionConfig>);

impl Setting {
    pub(crate) fn new(config: CompressionConfig) -> Self {
        Self(Some(config))
    }

    /// Starts reading and writing, once the server has agreed to what was set.
    pub(crate) async fn start<T: Offer>(&self, transport: T, inbox: Arc<Inbox>) -> Result<Arc<dyn Exchange>, Error> {
        let Some(config) = &self.0 else { return Ok(StreamLink::start(transport, inbox, None)) };
        let config = config.clone().metered(inbox.meter().cloned());
        let agreed = tokio::time::timeout(AGREEING, transport.offer(&config)).await;
        let agreed = agreed.map_err(|_| Error::timeout(AGREEING))?;
        let compressed =
            agreed.map_err(|error| Error::connect("the server does not agree to compress").with_source(error))?;
        Ok(StreamLink::start(compressed, inbox, None))
    }
}

/// A transport that can offer to compress what it carries.
pub(crate) trait Offer: Transport {
    type Compressed: Transport;

    fn offer(
        self,
        config: &CompressionConfig,
    ) -> impl Future<Output = Result<Self::Compressed, turbomcp_transport::Error>> + Send;
}

#[cfg(feature = "tls")]
impl Offer for TlsTransport {
    type Compressed = Self;

    fn offer(self, config: &CompressionConfig) -> impl Future<Output = Result<Self, turbomcp_transport::Error>> + Send {
        self.offer_compression(config)
    }
}

#[cfg(any(feature = "tcp", all(unix, feature = "unix")))]
impl<R, W> Offer for Lines<R, W>
where
    R: AsyncRead + Unpin + Send + 'static,
    W: AsyncWrite + Unpin + Send + 'static,
{
    type Compressed = Lines<Lz4Reader<R>, Lz4Writer<W>>;

    fn offer(
        self,
        config: &CompressionConfig,
    ) -> impl Future<Output = Result<Self::Compressed, turbomcp_transport::Error>> + Send {
        self.offer_compression(config)
    }
}
