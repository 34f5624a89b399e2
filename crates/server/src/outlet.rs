//! Where the notifications of a request go.

use std::sync::Arc;

use turbomcp_protocol::McpResult;
use turbomcp_transport::Extensions;

#[cfg(feature = "http")]
use crate::http::{Events, Stream, check_mirrored};
use crate::outbox::Outbox;
use crate::schema::HeaderParam;

/// The way from a handler to its client, beside the response.
pub(crate) enum Outlet {
    /// The one stream of a connection.
    Outbox(Arc<Outbox>),
    /// The body of a modern HTTP response.
    #[cfg(feature = "http")]
    Events(Events),
    /// A stream of a legacy HTTP session.
    #[cfg(feature = "http")]
    Stream(Arc<Stream>),
}

impl Outlet {
    /// Sends one message, once the client has taken enough of what came before.
    pub(crate) async fn send(&self, message: Vec<u8>) {
        self.send_unless(message, || false).await;
    }

    /// As [`send`](Self::send), unless the request the message belongs to is over by then.
    pub(crate) async fn send_unless(&self, message: Vec<u8>, is_over: impl Fn() -> bool) {
        match self {
            Self::Outbox(outbox) => {
                outbox.ready().await;
                outbox.push_unless(is_over, |buffer| buffer.extend_from_slice(&message));
            }
            // These are streams of one request, which take nothing behind its answer.
            #[cfg(feature = "http")]
            Self::Events(events) => events.send(message).await,
            #[cfg(feature = "http")]
            Self::Stream(stream) => stream.send(message).await,
        }
    }

    /// Sends one change notification at once, or drops it if too many wait.
    pub(crate) fn notify(&self, message: &[u8], limit: usize) -> bool {
        match self {
            Self::Outbox(outbox) => outbox.push_notification(message, limit),
            #[cfg(feature = "http")]
            Self::Events(events) => events.push(message, limit),
            #[cfg(feature = "http")]
            Self::Stream(stream) => stream.push(message, limit),
        }
    }

    /// Sends the answers to a batch, behind which nothing follows for it.
    pub(crate) fn answer(&self, answers: Vec<u8>) {
        match self {
            Self::Outbox(outbox) => outbox.push(|buffer| buffer.extend_from_slice(&answers)),
            #[cfg(feature = "http")]
            Self::Events(events) => _ = events.push(&answers, usize::MAX),
            #[cfg(feature = "http")]
            Self::Stream(stream) => stream.finish(Some(crate::http::Last::from(answers))),
        }
    }

    /// Takes nothing more for a request that is over, and holds nobody up who still writes. A stream of a session ends
    /// with its last message instead.
    pub(crate) fn end(&self) {
        #[cfg(feature = "http")]
        if let Self::Events(events) = self {
            events.close();
        }
    }

    /// Checks the headers that mirror arguments, if the binding has headers and the era mirrors.
    pub(crate) fn check_mirrored(
        &self,
        params: &[HeaderParam],
        extensions: &Extensions,
        arguments: &[u8],
    ) -> McpResult<()> {
        match self {
            #[cfg(feature = "http")]
            Self::Events(_) => check_mirrored(params, Some(extensions), arguments),
            _ => {
                let _ = (params, extensions, arguments);
                Ok(())
            }
        }
    }

    /// Has the client come back for the rest, if its binding can.
    #[cfg(feature = "http")]
    pub(crate) fn interrupt(&self) {
        if let Self::Stream(stream) = self {
            stream.interrupt();
        }
    }
}
