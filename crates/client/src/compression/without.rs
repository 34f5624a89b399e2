//! Lines in a build without compression.

use std::sync::Arc;

use turbomcp_transport::Transport;

use crate::Error;
use crate::exchange::Exchange;
use crate::inbox::Inbox;
use crate::stream::StreamLink;

/// Nothing to set.
#[derive(Debug, Clone, Default)]
pub(crate) struct Setting {}

impl Setting {
    #[expect(clippy::unused_async, reason = "with compression, it waits for the server to agree")]
    pub(crate) async fn start<T: Transport>(
        &self,
        transport: T,
        inbox: Arc<Inbox>,
    ) -> Result<Arc<dyn Exchange>, Error> {
        Ok(StreamLink::start(transport, inbox, None))
    }
}
