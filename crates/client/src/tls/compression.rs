//! Lines over TLS that are compressed.

use std::time::Duration;

use turbomcp_transport::compression::CompressionConfig;
use turbomcp_transport::metrics::Meter;
use turbomcp_transport::tls::TlsTransport;

use super::TlsTarget;
use crate::Error;

/// How long a server may take to agree.
const AGREEING: Duration = Duration::from_secs(10);

impl TlsTarget {
    /// Compresses what is sent, in LZ4. The server has to agree; one that does not is an error.
    pub fn compression(mut self, config: CompressionConfig) -> Self {
        self.compression = Setting(Some(config));
        self
    }
}

/// What was set, if anything was.
#[derive(Debug, Clone, Default)]
pub(super) struct Setting(Option<CompressionConfig>);

impl Setting {
    pub(super) async fn agree(&self, transport: TlsTransport, meter: Option<Meter>) -> Result<TlsTransport, Error> {
        let Some(config) = &self.0 else { return Ok(transport) };
        let config = config.clone().metered(meter);
        let agreed = tokio::time::timeout(AGREEING, transport.offer_compression(&config)).await;
        let agreed = agreed.map_err(|_| Error::timeout(AGREEING))?;
        agreed.map_err(|error| Error::connect("the server does not agree to compress").with_source(error))
    }
}
