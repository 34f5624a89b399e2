//! Servers that are reached over TLS, one message a line.

use std::sync::Arc;

#[cfg(feature = "compression")]
use turbomcp_transport::compression::CompressionConfig;
use turbomcp_transport::metrics::Binding;
use turbomcp_transport::tls::{TlsConfig, TlsTransport};

use crate::Error;
use crate::builder::Settings;
use crate::compression::Setting;
use crate::exchange::{BoxFuture, Exchange};
use crate::inbox::Inbox;
use crate::target::{Connector, IntoTarget, Ready, Target};

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
    compression: Setting,
}

impl TlsTarget {
    /// Names the server by `host:port`; its certificate has to be for that host.
    pub fn new(address: impl Into<String>, config: TlsConfig) -> Self {
        Self { address: address.into(), config, compression: Setting::default() }
    }

    /// Compresses what is sent, in LZ4. The server has to agree; one that does not is an error.
    #[cfg(feature = "compression")]
    pub fn compression(mut self, config: CompressionConfig) -> Self {
        self.compression = Setting::new(config);
        self
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
            let transport = TlsTransport::new_client(&self.address, &self.config).await;
            let transport = transport.map_err(|error| {
                Error::connect(format!("the server at {} cannot be reached over TLS", self.address)).with_source(error)
            })?;
            let transport = transport.max_message_bytes(settings.max_message_bytes);
            self.compression.start(transport, inbox).await
        })
    }

    fn counted_as(&self) -> Binding {
        Binding::Tls
    }

    fn can_reopen(&self) -> bool {
        true
    }
}
