//! Connections that carry lines, in a build without compression.

use turbomcp_transport::Transport;
use turbomcp_transport::listener::Ending;
use turbomcp_transport::metrics::Binding;

use crate::{Error, McpServer};

/// Nothing to set.
#[derive(Debug, Clone, Default)]
pub(crate) struct Setting {}

impl Setting {
    pub(crate) async fn serve<T: Transport>(
        self,
        server: McpServer,
        binding: Binding,
        transport: T,
        _: Ending,
    ) -> Result<(), Error> {
        server.serve_over(binding, transport).await
    }
}
