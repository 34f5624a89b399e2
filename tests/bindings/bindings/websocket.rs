use std::sync::Arc;

use turbomcp::client::{IntoTarget, WsConfig};
use turbomcp_tests::stage::{KNOWN, Plan};

use super::ports::Port;
use crate::binding::{Binding, Boxed, Control, Door, InProcess};
use crate::papers::Papers;
use crate::raw::Raw;

pub struct WebSocket;

impl Binding for WebSocket {
    fn name(&self) -> &'static str {
        "websocket"
    }

    fn start<'a>(&'a self, plan: &'a Plan, _: &'a Papers) -> Boxed<'a, (Arc<dyn Door>, Arc<dyn Control>)> {
        Box::pin(async {
            let server = InProcess::new(plan);
            let listener = server.stage.server.bind_websocket("127.0.0.1:0").await.unwrap();
            let target = |port| format!("ws://127.0.0.1:{port}").into_target().unwrap();
            let known = |port| {
                let target = WsConfig::new().url(format!("ws://127.0.0.1:{port}"));
                target.header(KNOWN.0, KNOWN.1).into_target().unwrap()
            };
            let door = Port::new(listener.local_addr(), target, known, |stream, address| {
                Box::pin(async move {
                    Raw::WebSocket(turbomcp_tests::WebSocket::over(stream, &address.to_string(), "/").await)
                })
            });
            server.serve(listener.serve());
            (Arc::new(door) as Arc<dyn Door>, server as Arc<dyn Control>)
        })
    }
}
