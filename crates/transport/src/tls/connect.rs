//! The client's side of a handshake.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;

use super::{TlsConfig, TlsError, TlsTransport};
use crate::tuning::tune;

/// How long it may take to reach a server and to agree on TLS with it.
const TIMEOUT: Duration = Duration::from_secs(10);

impl TlsTransport {
    /// Connects to `host:port`, whose certificate has to be for that host.
    ///
    /// # Errors
    ///
    /// If a file or a setting is not as it has to be ([`TlsError::is_configuration`]); if the server cannot be reached, or
    /// is not who it has to be ([`TlsError::is_handshake`]).
    pub async fn new_client(address: &str, config: &TlsConfig) -> Result<Self, TlsError> {
        let malformed = || TlsError::configuration(format!("`{address}` is not `host:port`"));
        let (host, port) = address.rsplit_once(':').ok_or_else(malformed)?;
        let port: u16 = port.parse().map_err(|_| malformed())?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let name = ServerName::try_from(host.to_owned()).map_err(|_| malformed())?;
        let config = Arc::new(config.client()?);
        let connecting = async {
            let stream = TcpStream::connect((host, port)).await?;
            tune(&stream);
            tokio_rustls::TlsConnector::from(config).connect(name, stream).await
        };
        let stream = tokio::time::timeout(TIMEOUT, connecting)
            .await
            .map_err(|_| TlsError::handshake(format!("`{address}` does not answer")))?
            .map_err(|error| {
                TlsError::handshake(format!("there is no connection to `{address}`")).with_source(error)
            })?;
        Ok(Self::of_server(stream))
    }
}
