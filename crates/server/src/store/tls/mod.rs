//! TLS to Redis and PostgreSQL, and what is wrong with it.

#[cfg(feature = "session-postgres")]
mod binding;
#[cfg(feature = "session-postgres")]
mod postgres;

#[cfg(feature = "session-postgres")]
pub(super) use postgres::{Connector, Secured, again};

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

use tokio_rustls::rustls::{AlertDescription, CertificateError, ClientConfig, Error as TlsError};
use turbomcp_transport::tls::TlsConfig;

use super::StoreError;

/// How TLS is spoken.
pub(super) struct Tls(Arc<ClientConfig>);

impl Tls {
    /// Trusts the authorities that browsers trust, and shows nothing.
    pub(super) fn by_default() -> Result<Self, StoreError> {
        Self::new(&TlsConfig::default())
    }

    pub(super) fn new(config: &TlsConfig) -> Result<Self, StoreError> {
        let read = config.client_config();
        let config = read.map_err(|error| {
            StoreError::configuration(format!("TLS to the store cannot be set up: {error}")).with_source(error)
        })?;
        Ok(Self(Arc::new(config)))
    }

    /// Reaches Redis, which has to be who the host says, with so much time for it to be there and as much to agree.
    #[cfg(feature = "session-redis")]
    pub(super) async fn connect(
        &self,
        host: &str,
        port: u16,
        limit: std::time::Duration,
    ) -> io::Result<tokio_rustls::client::TlsStream<tokio::net::TcpStream>> {
        use tokio::time::timeout;

        let name = name(host)?;
        let stream = timeout(limit, reach(host, port, limit)).await??;
        stream.set_nodelay(true)?;
        let agreeing = tokio_rustls::TlsConnector::from(self.0.clone()).connect(name, stream);
        timeout(limit, agreeing)
            .await
            .unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, Obstacle::Silent)))
    }
}

/// Connects to whichever address of a host answers first in their order; one that is silent leaves time for the others.
#[cfg(feature = "session-redis")]
async fn reach(host: &str, port: u16, limit: std::time::Duration) -> io::Result<tokio::net::TcpStream> {
    let addresses: Vec<_> = tokio::net::lookup_host((host, port)).await?.collect();
    let each = limit / u32::try_from(addresses.len().max(1)).unwrap_or(u32::MAX);
    let mut failed = io::Error::from(io::ErrorKind::NotFound);
    for address in addresses {
        match tokio::time::timeout(each, tokio::net::TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => failed = error,
            Err(late) => failed = late.into(),
        }
    }
    Err(failed)
}

fn name(host: &str) -> io::Result<tokio_rustls::rustls::pki_types::ServerName<'static>> {
    host.to_owned().try_into().map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, Obstacle::NoName))
}

/// What keeps TLS from being spoken and is no error of TLS.
#[derive(Debug, Clone, Copy)]
enum Obstacle {
    NoName,
    #[cfg(feature = "session-redis")]
    Silent,
}

impl Obstacle {
    fn about(self) -> &'static str {
        match self {
            Self::NoName => "cannot be certified: its host is no name that a certificate can be for",
            #[cfg(feature = "session-redis")]
            Self::Silent => "does not answer in TLS, or not in time",
        }
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.about())
    }
}

impl Error for Obstacle {}

/// Says what is wrong with TLS, as what follows the name of the engine, if that is what an error comes from.
pub(super) fn told(error: &(dyn Error + 'static)) -> Option<&'static str> {
    if let Some(error) = error.downcast_ref::<TlsError>() {
        return Some(about(error));
    }
    if let Some(obstacle) = error.downcast_ref::<Obstacle>() {
        return Some(obstacle.about());
    }
    // An I/O error is not the source of what it holds, but holds the place of it.
    if let Some(inner) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        return told(inner);
    }
    if let Some(inner) = error.downcast_ref::<Arc<dyn Error + Send + Sync>>() {
        return told(&**inner);
    }
    match error.source() {
        Some(source) => told(source),
        // What the client of PostgreSQL says of a server that has said no.
        None => (error.to_string() == "server does not support TLS").then_some("refuses TLS"),
    }
}

fn about(error: &TlsError) -> &'static str {
    use AlertDescription as Alert;
    use CertificateError as Flaw;
    match error {
        TlsError::InvalidCertificate(flaw) => match flaw {
            // Another authority of the same name, such as one that was made anew.
            Flaw::UnknownIssuer | Flaw::BadSignature => {
                "is not trusted: its certificate is of no authority that is known here"
            }
            Flaw::NotValidForName | Flaw::NotValidForNameContext { .. } => {
                "is not trusted: its certificate is for another host"
            }
            Flaw::Expired | Flaw::ExpiredContext { .. } => "is not trusted: its certificate has expired",
            Flaw::NotValidYet | Flaw::NotValidYetContext { .. } => "is not trusted: its certificate is not valid yet",
            _ => "is not trusted: its certificate does not hold",
        },
        TlsError::AlertReceived(Alert::ProtocolVersion) | TlsError::PeerIncompatible(_) => {
            "speaks no version of TLS that is spoken here"
        }
        TlsError::AlertReceived(
            Alert::CertificateRequired
            | Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::DecryptError
            | Alert::AccessDenied,
        ) => "refuses the certificate that it was shown, or that there was none",
        TlsError::InvalidMessage(_) => "does not answer in TLS",
        _ => "does not agree on TLS",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_found_wherever_it_is() {
        let flaw = |flaw| io::Error::new(io::ErrorKind::InvalidData, TlsError::InvalidCertificate(flaw));
        let expired = told(&flaw(CertificateError::Expired)).unwrap();
        assert!(expired.contains("expired"), "{expired}");
        let other = told(&StoreError::unavailable("it").with_source(flaw(CertificateError::UnknownIssuer))).unwrap();
        assert!(other.contains("no authority"), "{other}");
        #[cfg(feature = "session-redis")]
        {
            let within = redis::RedisError::from(flaw(CertificateError::NotValidForName));
            assert!(told(&within).unwrap().contains("another host"));
            let alert = TlsError::AlertReceived(AlertDescription::CertificateRequired);
            let within = redis::RedisError::from(io::Error::new(io::ErrorKind::InvalidData, alert));
            assert!(told(&within).unwrap().contains("none"));
        }
        assert_eq!(told(&io::Error::from(io::ErrorKind::ConnectionReset)), None);
        assert!(told(&name("a b").unwrap_err()).is_some());
    }
}
