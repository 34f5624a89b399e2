//! TLS in a build without compression.

use turbomcp_transport::metrics::Meter;
use turbomcp_transport::tls::TlsTransport;

use crate::Error;

/// Nothing to set.
#[derive(Debug, Clone, Default)]
pub(super) struct Setting {}

impl Setting {
    pub(super) async fn agree(&self, transport: TlsTransport, _: Option<Meter>) -> Result<TlsTransport, Error> {
        Ok(transport)
    }
}
