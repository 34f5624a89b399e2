//! `wss`.

use std::sync::Arc;

use rustls::pki_types::ServerName;

use super::WsConfig;
use super::connect::{ConnectError, reach};
use super::stream::WsStream;
use crate::tls::TlsConfig;

impl WsConfig {
    /// Sets how `wss` is spoken: whom the server has to be certified by, what certificate is shown to it.
    ///
    /// What concerns servers only is ignored. Files are read with each connection.
    pub fn tls(mut self, config: TlsConfig) -> Self {
        self.tls = Tls(config);
        self
    }
}

#[derive(Debug, Clone, Default)]
pub(super) struct Tls(TlsConfig);

impl Tls {
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "without the feature there is no `wss`")]
    pub(super) fn check(&self) -> Result<(), ConnectError> {
        Ok(())
    }

    /// Agrees on TLS with a server, whose certificate has to be for this host.
    pub(super) async fn connect(&self, host: &str, port: u16) -> Result<WsStream, ConnectError> {
        let name = ServerName::try_from(host.to_owned());
        let name = name.map_err(|error| ConnectError::settings("the URL names no host").from(error))?;
        let config = self.0.client_config();
        let mut config = config.map_err(|error| ConnectError::settings("TLS cannot be set up").from(error))?;
        // A server of several protocols chooses by this, and only HTTP/1.1 becomes a WebSocket here.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let stream = reach(host, port).await?;
        let agreed = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await;
        Ok(WsStream::new(agreed.map_err(|error| ConnectError::failed("there was no agreement on TLS").from(error))?))
    }
}
