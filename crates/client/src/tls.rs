//! Servers that are reached over TLS, one message a line.

use std::sync::Arc;

use turbomcp_transport::tls::{TlsConfig, TlsTransport};

use crate::Error;
use crate::builder::Settings;
use crate::exchange::{BoxFuture, Exchange};
use crate::inbox::Inbox;
use crate::stream::StreamLink;
use crate::target::{Connector, IntoTarget, Ready, Target};

/// How long a server may take to agree to compression.
#[cfg(feature = "compression")]
const AGREEING: std::time::Duration = std::time::Duration::from_secs(10);

/// A server that is reached over TLS, one message a line: what `tls://host:port` means, with settings.
///
/// ```no_run
/// use turbomcp_client::{Client, TlsTarget};
/// use turbomcp_transport::tls::TlsConfig;
///
/// # async fn run() -> Result<(), turbomcp_client::Error> {
/// let config = TlsConfig::new("client.pem", "client.key").with_ca_bundle("company.pem");
/// let client = Client::connect(TlsTarget::new("notes.example:8443", config)).await?;
/// # drop(client);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct TlsTarget {
    address: String,
    config: TlsConfig,
    #[cfg(feature = "compression")]
    compression: Option<turbomcp_transport::compression::CompressionConfig>,
}

impl TlsTarget {
    /// Names the server by `host:port`; its certificate has to be for that host.
    pub fn new(address: impl Into<String>, config: TlsConfig) -> Self {
        Self {
            address: address.into(),
            config,
            #[cfg(feature = "compression")]
            compression: None,
        }
    }

    /// Compresses what is sent, in LZ4. The server has to agree: one that does not is an error.
    #[cfg(feature = "compression")]
    pub fn compression(mut self, config: turbomcp_transport::compression::CompressionConfig) -> Self {
        self.compression = Some(config);
        self
    }

    /// Connects, and agrees on whatever was asked for.
    async fn agreed(&self) -> Result<TlsTransport, Error> {
        let transport = TlsTransport::new_client(&self.address, &self.config).await;
        let transport =
            transport.map_err(|error| Error::connect("the server cannot be reached over TLS").with_source(error))?;
        #[cfg(feature = "compression")]
        if let Some(config) = &self.compression {
            let refused = |error| Error::connect("the server does not agree to compress").with_source(error);
            return tokio::time::timeout(AGREEING, transport.offer_compression(config))
                .await
                .map_err(|_| Error::timeout(AGREEING))?
                .map_err(refused);
        }
        Ok(transport)
    }
}

impl IntoTarget<Ready> for TlsTarget {
    fn into_target(self) -> Result<Target, Error> {
        Ok(Target::new(self))
    }
}

impl Connector for TlsTarget {
    fn open<'a>(
        &'a mut self,
        inbox: Arc<Inbox>,
        settings: &'a Settings,
    ) -> BoxFuture<'a, Result<Arc<dyn Exchange>, Error>> {
        Box::pin(async move {
            let transport = self.agreed().await?.max_message_bytes(settings.max_message_bytes);
            Ok(StreamLink::start(transport, inbox, None) as Arc<dyn Exchange>)
        })
    }

    fn can_reopen(&self) -> bool {
        true
    }
}
