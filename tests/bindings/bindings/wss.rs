use std::sync::Arc;

use turbomcp::client::{IntoTarget, WsConfig};
use turbomcp_tests::stage::{KNOWN, Plan};

use super::ports::Port;
use crate::binding::{Binding, Boxed, Control, Door, InProcess};
use crate::papers::Papers;
use crate::raw::Raw;

pub struct Wss;

impl Binding for Wss {
    fn name(&self) -> &'static str {
        "wss"
    }

    fn start<'a>(&'a self, plan: &'a Plan, papers: &'a Papers) -> Boxed<'a, (Arc<dyn Door>, Arc<dyn Control>)> {
        Box::pin(async {
            let server = InProcess::new(plan);
            let listener = server.stage.server.http().tls(papers.server()).websocket("/ws").bind("127.0.0.1:0");
            let listener = listener.await.unwrap();
            let (trusted, also) = (papers.trusted(), papers.trusted());
            let known = move |port| {
                let target = WsConfig::new().url(format!("wss://127.0.0.1:{port}/ws")).tls(also.clone());
                target.header(KNOWN.0, KNOWN.1).into_target().unwrap()
            };
            let target = move |port| {
                let target = WsConfig::new().url(format!("wss://127.0.0.1:{port}/ws")).tls(trusted.clone());
                target.into_target().unwrap()
            };
            let door = Port::new(listener.local_addr(), target, known, |stream, address| {
                Box::pin(async move {
                    Raw::WebSocket(turbomcp_tests::WebSocket::over(stream, &address.to_string(), "/ws").await)
                })
            });
            server.serve(listener.serve());
            (Arc::new(door.beneath_tls(papers)) as Arc<dyn Door>, server as Arc<dyn Control>)
        })
    }
}
