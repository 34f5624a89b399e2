use std::sync::Arc;

use turbomcp::client::{IntoTarget, TlsTarget};
use turbomcp_tests::stage::Plan;

use super::ports::Port;
use crate::binding::{Binding, Boxed, Control, Door, InProcess};
use crate::papers::Papers;
use crate::raw::Raw;

pub struct Tls;

impl Binding for Tls {
    fn name(&self) -> &'static str {
        "tls"
    }

    fn start<'a>(&'a self, plan: &'a Plan, papers: &'a Papers) -> Boxed<'a, (Arc<dyn Door>, Arc<dyn Control>)> {
        Box::pin(async {
            let server = InProcess::new(plan);
            let is_asked = plan.around.as_ref().is_some_and(|around| around.users.is_some());
            // A certificate is what says who somebody is, so one is asked for where that matters.
            let config = if is_asked { papers.server_that_asks() } else { papers.server() };
            let listener = server.stage.server.bind_tls("127.0.0.1:0", config).await.unwrap();
            let trusted = papers.trusted();
            let target =
                move |port| TlsTarget::new(format!("127.0.0.1:{port}"), trusted.clone()).into_target().unwrap();
            let shown = papers.known();
            let known = move |port| TlsTarget::new(format!("127.0.0.1:{port}"), shown.clone()).into_target().unwrap();
            let raw = |stream, _| Box::pin(std::future::ready(Raw::lines(stream))) as Boxed<'static, Raw>;
            let door = Port::new(listener.local_addr(), target, known, raw).beneath_tls(papers);
            server.serve(listener.serve());
            (Arc::new(door) as Arc<dyn Door>, server as Arc<dyn Control>)
        })
    }
}
