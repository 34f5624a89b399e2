use std::sync::Arc;

use turbomcp::client::IntoTarget;
use turbomcp::client::http::HttpTarget;
use turbomcp_tests::stage::{KNOWN, Plan};

use super::ports::Port;
use crate::binding::{Binding, Boxed, Control, Door, InProcess};
use crate::papers::Papers;
use crate::raw::Raw;

pub struct Http;

impl Binding for Http {
    fn name(&self) -> &'static str {
        "http"
    }

    fn start<'a>(&'a self, plan: &'a Plan, _: &'a Papers) -> Boxed<'a, (Arc<dyn Door>, Arc<dyn Control>)> {
        Box::pin(async {
            let server = InProcess::new(plan);
            let listener = server.stage.server.http().bind("127.0.0.1:0").await.unwrap();
            let target = |port| format!("http://127.0.0.1:{port}/mcp").into_target().unwrap();
            let known = |port| {
                let target = HttpTarget::new(format!("http://127.0.0.1:{port}/mcp"));
                target.header(KNOWN.0, KNOWN.1).into_target().unwrap()
            };
            let door = Port::new(listener.local_addr(), target, known, |stream, address| {
                Box::pin(std::future::ready(Raw::http(stream, address)))
            });
            server.serve(listener.serve());
            (Arc::new(door) as Arc<dyn Door>, server as Arc<dyn Control>)
        })
    }
}
