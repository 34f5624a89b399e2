//! `wss` in a build that has no TLS for it.

use super::connect::ConnectError;
use super::stream::WsStream;

#[derive(Debug, Clone, Default)]
pub(super) struct Tls(());

impl Tls {
    #[expect(clippy::unused_self, reason = "with the feature there are settings")]
    pub(super) fn check(&self) -> Result<(), ConnectError> {
        Err(refused())
    }

    #[expect(clippy::unused_async, reason = "with the feature there is something to wait for")]
    pub(super) async fn connect(&self, _host: &str, _port: u16) -> Result<WsStream, ConnectError> {
        Err(refused())
    }
}

fn refused() -> ConnectError {
    ConnectError::settings("`wss` needs the feature `tls`")
}
