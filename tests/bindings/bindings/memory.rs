use std::sync::Arc;

use turbomcp::client::Target;
use turbomcp::transport::lines::Lines;
use turbomcp::transport::{Extensions, Principal, memory};
use turbomcp_tests::stage::Plan;

use crate::binding::{Binding, BoxStream, Boxed, Control, Door, InProcess};
use crate::papers::Papers;

pub struct Memory;

impl Binding for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn start<'a>(&'a self, plan: &'a Plan, _: &'a Papers) -> Boxed<'a, (Arc<dyn Door>, Arc<dyn Control>)> {
        let server = InProcess::new(plan);
        let door: Arc<dyn Door> = Arc::new(Pair(server.clone()));
        Box::pin(std::future::ready((door, server as Arc<dyn Control>)))
    }
}

struct Pair(Arc<InProcess>);

impl Door for Pair {
    fn dial(&self) -> Boxed<'_, BoxStream> {
        let (ours, theirs) = tokio::io::duplex(64 << 10);
        let server = &self.0.stage.server;
        let transport = memory::over(theirs).max_message_bytes(server.limits().message_bytes);
        self.0.serve(server.serve(transport));
        Box::pin(std::future::ready(Box::new(ours) as BoxStream))
    }

    /// Whoever makes the connection says who is at its other end.
    fn known(&self) -> Boxed<'_, Option<Target>> {
        let (ours, theirs) = tokio::io::duplex(64 << 10);
        let (reader, writer) = tokio::io::split(theirs);
        let mut extensions = Extensions::new();
        extensions.insert(Principal::new("ada"));
        self.0.serve(self.0.stage.server.serve(Lines::new(reader, writer).with_extensions(extensions)));
        Box::pin(std::future::ready(Some(Target::transport(memory::over(ours)))))
    }
}
