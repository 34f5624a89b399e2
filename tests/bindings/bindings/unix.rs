use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::UnixStream;
use turbomcp::client::{IntoTarget, Target, UnixTarget};
use turbomcp_tests::stage::Plan;

use crate::binding::{Binding, BoxStream, Boxed, Control, Door, InProcess, Way};
use crate::papers::Papers;
use crate::relay::Relay;

pub struct Unix;

impl Binding for Unix {
    fn name(&self) -> &'static str {
        "unix"
    }

    fn start<'a>(&'a self, plan: &'a Plan, papers: &'a Papers) -> Boxed<'a, (Arc<dyn Door>, Arc<dyn Control>)> {
        static SOCKETS: AtomicUsize = AtomicUsize::new(0);
        let server = InProcess::new(plan);
        let name = format!("{}.socket", SOCKETS.fetch_add(1, Ordering::Relaxed));
        let path = papers.path().with_file_name(name);
        let listener = server.stage.server.bind_unix(&path).unwrap();
        server.serve(listener.serve());
        let door: Arc<dyn Door> = Arc::new(Socket(path));
        Box::pin(std::future::ready((door, server as Arc<dyn Control>)))
    }
}

struct Socket(PathBuf);

impl Door for Socket {
    fn dial(&self) -> Boxed<'_, BoxStream> {
        Box::pin(async { Box::new(UnixStream::connect(&self.0).await.unwrap()) as BoxStream })
    }

    fn target<'a>(&'a self, way: Way<'a>) -> Boxed<'a, Target> {
        let path = way.relay.map_or(self.0.as_path(), Relay::path);
        Box::pin(std::future::ready(UnixTarget::new(path).into_target().unwrap()))
    }

    fn relay(&self) -> Boxed<'_, Relay> {
        Box::pin(std::future::ready(Relay::before_socket(&self.0)))
    }

    /// The operating system says who it is.
    fn known(&self) -> Boxed<'_, Option<Target>> {
        Box::pin(std::future::ready(Some(UnixTarget::new(&self.0).into_target().unwrap())))
    }
}
