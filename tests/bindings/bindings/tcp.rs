use std::sync::Arc;

use turbomcp::client::{IntoTarget, TcpTarget};
use turbomcp_tests::stage::Plan;

use super::ports::Port;
use crate::binding::{Binding, Boxed, Control, Door, InProcess};
use crate::papers::Papers;
use crate::raw::Raw;

pub struct Tcp;

impl Binding for Tcp {
    fn name(&self) -> &'static str {
        "tcp"
    }

    fn start<'a>(&'a self, plan: &'a Plan, _: &'a Papers) -> Boxed<'a, (Arc<dyn Door>, Arc<dyn Control>)> {
        Box::pin(async {
            let server = InProcess::new(plan);
            let listener = server.stage.server.bind_tcp("127.0.0.1:0").await.unwrap();
            let target = |port| TcpTarget::new(format!("127.0.0.1:{port}")).into_target().unwrap();
            let raw = |stream, _| Box::pin(std::future::ready(Raw::lines(stream))) as Boxed<'static, Raw>;
            let door: Arc<dyn Door> = Arc::new(Port::anonymous(listener.local_addr(), target, raw));
            server.serve(listener.serve());
            (door, server as Arc<dyn Control>)
        })
    }
}
