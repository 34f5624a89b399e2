//! Servers that are reached over WebSocket.

use std::sync::Arc;

use turbomcp_transport::websocket::{ConnectError, WebSocketTransport, WsConfig};

use crate::Error;
use crate::builder::Settings;
use crate::exchange::{BoxFuture, Exchange};
use crate::inbox::Inbox;
use crate::stream::StreamLink;
use crate::target::{Connector, IntoTarget, Ready, Target};
use turbomcp_transport::metrics::Binding;

impl IntoTarget<Ready> for WsConfig {
    fn into_target(self) -> Result<Target, Error> {
        self.check().map_err(failed)?;
        Ok(Target::new(self))
    }
}

impl Connector for WsConfig {
    fn open<'a>(
        &'a mut self,
        inbox: Arc<Inbox>,
        settings: &'a Settings,
    ) -> BoxFuture<'a, Result<Arc<dyn Exchange>, Error>> {
        Box::pin(async move {
            let opening = WebSocketTransport::connect(self.clone());
            let limit = settings.request_timeout;
            let opened = tokio::time::timeout(limit, opening).await.map_err(|_| Error::timeout(limit))?;
            let transport = opened.map_err(failed)?.max_message_bytes(settings.max_message_bytes);
            Ok(StreamLink::start(transport, inbox, None) as Arc<dyn Exchange>)
        })
    }

    fn counted_as(&self) -> Binding {
        Binding::WebSocket
    }

    fn can_reopen(&self) -> bool {
        true
    }
}

fn failed(error: ConnectError) -> Error {
    let status = error.status();
    Error::connect(error.to_string()).with_status(status).with_source(error)
}
