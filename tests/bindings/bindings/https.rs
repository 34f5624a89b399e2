use std::sync::Arc;

use turbomcp::client::IntoTarget;
use turbomcp::client::http::HttpTarget;
use turbomcp_tests::stage::{KNOWN, Plan};

use super::ports::Port;
use crate::binding::{Binding, Boxed, Control, Door, InProcess};
use crate::papers::Papers;
use crate::raw::Raw;

pub struct Https;

impl Binding for Https {
    fn name(&self) -> &'static str {
        "https"
    }

    fn start<'a>(&'a self, plan: &'a Plan, papers: &'a Papers) -> Boxed<'a, (Arc<dyn Door>, Arc<dyn Control>)> {
        Box::pin(async {
            let server = InProcess::new(plan);
            let config = papers.server();
            let listener = server.stage.server.http().tls(config).bind("127.0.0.1:0").await.unwrap();
            let (trusted, also) = (papers.trusted(), papers.trusted());
            let known = move |port| {
                let target = HttpTarget::new(format!("https://127.0.0.1:{port}/mcp")).tls(also.clone());
                target.header(KNOWN.0, KNOWN.1).into_target().unwrap()
            };
            let target = move |port| {
                let target = HttpTarget::new(format!("https://127.0.0.1:{port}/mcp")).tls(trusted.clone());
                target.into_target().unwrap()
            };
            let door = Port::new(listener.local_addr(), target, known, |stream, address| {
                Box::pin(std::future::ready(Raw::http(stream, address)))
            });
            server.serve(listener.serve());
            (Arc::new(door.beneath_tls(papers)) as Arc<dyn Door>, server as Arc<dyn Control>)
        })
    }
}
