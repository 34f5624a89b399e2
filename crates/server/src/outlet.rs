//! Where the notifications of a request go.

use std::sync::Arc;

use crate::outbox::Outbox;

/// The way from a handler to its client, beside the response.
pub(crate) enum Outlet {
    /// The one stream of a connection.
    Outbox(Arc<Outbox>),
}

impl Outlet {
    /// Sends one message, once the client has taken enough of what came before.
    pub(crate) async fn send(&self, message: Vec<u8>) {
        match self {
            Self::Outbox(outbox) => {
                outbox.ready().await;
                outbox.push(|buffer| buffer.extend_from_slice(&message));
            }
        }
    }

    /// Sends one change notification at once, or drops it if too many wait.
    pub(crate) fn notify(&self, message: &[u8], limit: usize) -> bool {
        match self {
            Self::Outbox(outbox) => outbox.push_notification(message, limit),
        }
    }
}
