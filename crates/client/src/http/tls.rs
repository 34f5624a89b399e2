//! What TLS is configured by beneath HTTP.

use rustls::ClientConfig;
use turbomcp_transport::tls::TlsConfig;

use super::HttpTarget;
use crate::Error;

impl HttpTarget {
    /// Sets how `https` is spoken: whom the server has to be certified by, what certificate is shown to it.
    ///
    /// What concerns servers only is ignored. Files are read with each connection to the server that is opened anew.
    pub fn tls(mut self, config: TlsConfig) -> Self {
        self.tls = Tls(config);
        self
    }
}

#[derive(Debug, Clone, Default)]
pub(super) struct Tls(TlsConfig);

impl Tls {
    pub(super) fn client_config(&self) -> Result<ClientConfig, Error> {
        self.0.client_config().map_err(|error| Error::connect("TLS cannot be set up").with_source(error))
    }
}
