//! Servers that are reached over a Unix socket, one message a line.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::UnixStream;
#[cfg(feature = "compression")]
use turbomcp_transport::compression::CompressionConfig;
use turbomcp_transport::metrics::Binding;
use turbomcp_transport::unix;

use crate::Error;
use crate::builder::Settings;
use crate::compression::Setting;
use crate::exchange::{BoxFuture, Exchange};
use crate::inbox::Inbox;
use crate::target::{Connector, IntoTarget, Ready, Target, reached};

/// A server that is reached over a Unix socket, one message a line: what `unix:///path/of/socket` means, with settings.
///
/// ```no_run
/// use turbomcp_client::{Client, UnixTarget};
///
/// # async fn run() -> Result<(), turbomcp_client::Error> {
/// let client = Client::builder().reconnect().connect(UnixTarget::new("/run/notes.socket")).await?;
/// # drop(client);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct UnixTarget {
    path: PathBuf,
    compression: Setting,
}

impl UnixTarget {
    /// Names the server by the path of its socket.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), compression: Setting::default() }
    }

    /// Compresses what is sent, in LZ4. The server has to agree; one that does not is an error.
    #[cfg(feature = "compression")]
    pub fn compression(mut self, config: CompressionConfig) -> Self {
        self.compression = Setting::new(config);
        self
    }
}

impl IntoTarget<Ready> for UnixTarget {
    fn into_target(self) -> Result<Target, Error> {
        Ok(Target::new(self))
    }
}

impl Connector for UnixTarget {
    fn open<'a>(
        &'a mut self,
        inbox: Arc<Inbox>,
        settings: &'a Settings,
    ) -> BoxFuture<'a, Result<Arc<dyn Exchange>, Error>> {
        Box::pin(async move {
            let unreachable = || format!("the server at {} cannot be reached over its socket", self.path.display());
            let stream = reached(UnixStream::connect(&self.path), unreachable).await?;
            let transport = unix::over(stream).max_message_bytes(settings.max_message_bytes);
            self.compression.start(transport, inbox).await
        })
    }

    fn counted_as(&self) -> Binding {
        Binding::Unix
    }

    fn can_reopen(&self) -> bool {
        true
    }
}
