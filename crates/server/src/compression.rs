//! Connections that carry lines, in LZ4 where the client offers it.

use std::future::Future;

use tokio::io::{AsyncRead, AsyncWrite};
use turbomcp_transport::Transport;
use turbomcp_transport::compression::{CompressionConfig, Lz4Reader, Lz4Writer};
use turbomcp_transport::lines::Lines;
use turbomcp_transport::listener::{Ending, begin};
use turbomcp_transport::metrics::Binding;
#[cfg(feature = "tls")]
use turbomcp_transport::tls::TlsTransport;

use crate::{Error, McpServer};

/// What was set, if anything was.
#[derive(Debug, Clone, Default)]
pub(crate) struct Setting(Option<CompressionConfig>);

impl Setting {
    /// Serves a connection, in whatever way its client begins.
    pub(crate) async fn serve<T: Agree>(
        self,
        server: McpServer,
        binding: Binding,
        transport: T,
        mut ending: Ending,
    ) -> Result<(), Error> {
        let Some(config) = self.0 else { return server.serve_over(binding, transport).await };
        let config = config.metered(server.transport_metrics().map(|metrics| metrics.meter(binding)));
        // In boxes, so that a connection that is not asked for this has no room for it.
        match begin(Box::pin(transport.agree(&config)), &mut ending).await {
            Some(agreed) => Box::pin(server.serve_over(binding, agreed.map_err(Error::transport)?)).await,
            None => Ok(()),
        }
    }
}

/// A transport that finds out what its client begins with.
pub(crate) trait Agree: Transport {
    type Agreed: Transport;

    fn agree(
        self,
        config: &CompressionConfig,
    ) -> impl Future<Output = Result<Self::Agreed, turbomcp_transport::Error>> + Send;
}

impl<R, W> Agree for Lines<R, W>
where
    R: AsyncRead + Unpin + Send + 'static,
    W: AsyncWrite + Unpin + Send + 'static,
{
    type Agreed = Lines<Lz4Reader<R>, Lz4Writer<W>>;

    async fn agree(self, config: &CompressionConfig) -> Result<Self::Agreed, turbomcp_transport::Error> {
        self.accept_compression(config).await
    }
}

#[cfg(feature = "tls")]
impl Agree for TlsTransport {
    type Agreed = Self;

    async fn agree(self, config: &CompressionConfig) -> Result<Self, turbomcp_transport::Error> {
        self.accept_compression(config).await
    }
}

/// Gives a server that listens the way to compress what it sends.
macro_rules! compressing {
    ($server:ident, $condition:meta) => {
        #[$condition]
        impl crate::$server {
            /// Compresses connections whose clients offer it, in LZ4; others are served in plain text.
            ///
            /// # Errors
            ///
            /// If a setting is not possible, or LZ4 is not among the algorithms ([`Error::is_configuration`]).
            pub fn compression(mut self, config: CompressionConfig) -> Result<Self, Error> {
                config.check_for_lines().map_err(|error| Error::configuration(error.to_string()))?;
                self.compression = Setting(Some(config));
                Ok(self)
            }
        }
    };
}

compressing!(TcpServer, cfg(feature = "tcp"));
compressing!(UnixServer, cfg(all(unix, feature = "unix")));
compressing!(TlsServer, cfg(feature = "tls"));
