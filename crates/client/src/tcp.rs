//! Servers that are reached over TCP, one message a line.

use std::sync::Arc;

#[cfg(feature = "compression")]
use turbomcp_transport::compression::CompressionConfig;
use turbomcp_transport::metrics::Binding;
use turbomcp_transport::tcp;

use crate::Error;
use crate::builder::Settings;
use crate::compression::Setting;
use crate::exchange::{BoxFuture, Exchange};
use crate::inbox::Inbox;
use crate::target::{Connector, IntoTarget, Ready, Target, reached};

/// A server that is reached over TCP, one message a line: what `tcp://host:port` means, with settings.
///
/// There is neither encryption nor authentication: it is for this machine, or for a network that has both.
///
/// ```no_run
/// use turbomcp_client::{Client, TcpTarget};
///
/// # async fn run() -> Result<(), turbomcp_client::Error> {
/// let client = Client::builder().reconnect().connect(TcpTarget::new("127.0.0.1:8080")).await?;
/// # drop(client);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct TcpTarget {
    address: String,
    compression: Setting,
}

impl TcpTarget {
    /// Names the server by `host:port`.
    pub fn new(address: impl Into<String>) -> Self {
        Self { address: address.into(), compression: Setting::default() }
    }

    /// Compresses what is sent, in LZ4. The server has to agree; one that does not is an error.
    #[cfg(feature = "compression")]
    pub fn compression(mut self, config: CompressionConfig) -> Self {
        self.compression = Setting::new(config);
        self
    }
}

impl IntoTarget<Ready> for TcpTarget {
    fn into_target(self) -> Result<Target, Error> {
        Ok(Target::new(self))
    }
}

impl Connector for TcpTarget {
    fn open<'a>(
        &'a mut self,
        inbox: Arc<Inbox>,
        settings: &'a Settings,
    ) -> BoxFuture<'a, Result<Arc<dyn Exchange>, Error>> {
        Box::pin(async move {
            let unreachable = || format!("the server at {} cannot be reached over TCP", self.address);
            let transport = reached(tcp::connect(&self.address), unreachable).await?;
            self.compression.start(transport.max_message_bytes(settings.max_message_bytes), inbox).await
        })
    }

    fn counted_as(&self) -> Binding {
        Binding::Tcp
    }

    fn can_reopen(&self) -> bool {
        true
    }
}
