//! What a build without TLS has in its place: a refusal.

use std::error::Error;

use super::StoreError;

/// How TLS is spoken, which nothing here says.
pub(super) enum Tls {}

impl Tls {
    pub(super) fn by_default() -> Result<Self, StoreError> {
        Err(StoreError::configuration("the URL asks for TLS, and this program was built without the feature `tls`"))
    }

    #[cfg(feature = "session-redis")]
    pub(super) async fn connect(
        &self,
        _: &str,
        _: u16,
        _: std::time::Duration,
    ) -> std::io::Result<tokio::net::TcpStream> {
        match *self {}
    }

    #[cfg(feature = "session-postgres")]
    pub(super) fn connector(tls: Option<Self>) -> tokio_postgres::NoTls {
        match tls {
            Some(tls) => match tls {},
            None => tokio_postgres::NoTls,
        }
    }
}

/// What makes the streams of PostgreSQL.
#[cfg(feature = "session-postgres")]
pub(super) use tokio_postgres::NoTls as Connector;
/// What they are.
#[cfg(feature = "session-postgres")]
pub(super) use tokio_postgres::tls::NoTlsStream as Secured;

#[cfg(feature = "session-postgres")]
pub(super) fn again(connector: &Connector) -> Connector {
    *connector
}

/// Says what is wrong with TLS, which nobody speaks.
pub(super) fn told(_: &(dyn Error + 'static)) -> Option<&'static str> {
    None
}
