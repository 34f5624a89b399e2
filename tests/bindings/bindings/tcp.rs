use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpStream;
use turbomcp::client::Target;
use turbomcp::transport::tcp;
use turbomcp_tests::stage::Plan;

use crate::binding::{Binding, BoxStream, Boxed, Control, Door, InProcess, Way};
use crate::papers::Papers;
use crate::relay::Relay;

pub struct Tcp;

impl Binding for Tcp {
    fn name(&self) -> &'static str {
        "tcp"
    }

    fn start<'a>(&'a self, plan: &'a Plan, _: &'a Papers) -> Boxed<'a, (Arc<dyn Door>, Arc<dyn Control>)> {
        Box::pin(async {
            let server = InProcess::new(plan);
            let listener = server.stage.server.bind_tcp("127.0.0.1:0").await.unwrap();
            let door: Arc<dyn Door> = Arc::new(Socket(listener.local_addr()));
            server.serve(listener.serve());
            (door, server as Arc<dyn Control>)
        })
    }
}

struct Socket(SocketAddr);

impl Door for Socket {
    fn dial(&self) -> Boxed<'_, BoxStream> {
        Box::pin(async { Box::new(TcpStream::connect(self.0).await.unwrap()) as BoxStream })
    }

    fn target<'a>(&'a self, way: Way<'a>) -> Boxed<'a, Target> {
        Box::pin(async move {
            let port = way.relay.map_or(self.0.port(), Relay::port);
            let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            Target::transport(tcp::over(stream).max_message_bytes(way.max_message_bytes))
        })
    }

    fn relay(&self) -> Boxed<'_, Relay> {
        Box::pin(Relay::before(self.0))
    }
}
