//! Where the notifications of a request go.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use crate::outbox::Outbox;
use crate::session::Stream;
use crate::sync::lock;

/// The way from a handler to its client, beside the response.
pub(crate) enum Outlet {
    /// The one stream of a connection.
    Outbox(Arc<Outbox>),
    /// The response body of a modern HTTP request.
    Events(Events),
    /// A stream of a legacy HTTP session.
    Stream(Arc<Stream>),
}

impl Outlet {
    /// Sends one message, once the client has taken enough of what came before.
    pub(crate) async fn send(&self, message: Vec<u8>) {
        match self {
            Self::Outbox(outbox) => {
                outbox.ready().await;
                outbox.push(|buffer| buffer.extend_from_slice(&message));
            }
            Self::Events(events) => events.send(message).await,
            Self::Stream(stream) => stream.send(message).await,
        }
    }

    /// Sends one change notification at once, or drops it if too many wait.
    pub(crate) fn notify(&self, message: &[u8], limit: usize) -> bool {
        match self {
            Self::Outbox(outbox) => outbox.push_notification(message, limit),
            Self::Events(events) => events.push(message.to_vec(), limit),
            Self::Stream(stream) => stream.push(message.to_vec()),
        }
    }
}

/// Messages that wait for the body of an HTTP response to carry them.
#[derive(Debug, Default)]
pub(crate) struct Events {
    state: Mutex<EventState>,
}

#[derive(Debug, Default)]
struct EventState {
    queue: VecDeque<Vec<u8>>,
    closed: bool,
    reader: Option<Waker>,
    writers: Vec<Waker>,
}

/// How many messages a handler may be ahead of its client.
const EVENTS_AHEAD: usize = 64;

impl Events {
    async fn send(&self, message: Vec<u8>) {
        let mut message = Some(message);
        poll_fn(|cx| {
            let mut state = lock(&self.state);
            if state.closed {
                return Poll::Ready(());
            }
            if state.queue.len() >= EVENTS_AHEAD {
                state.writers.push(cx.waker().clone());
                return Poll::Pending;
            }
            state.queue.extend(message.take());
            state.wake_reader();
            Poll::Ready(())
        })
        .await;
    }

    fn push(&self, message: Vec<u8>, limit: usize) -> bool {
        let mut state = lock(&self.state);
        if state.closed || state.queue.len() >= limit {
            return false;
        }
        state.queue.push_back(message);
        state.wake_reader();
        true
    }

    /// Takes everything that waits, or asks to be woken when something does.
    pub(crate) fn poll_take(&self, cx: &mut Context<'_>, into: &mut VecDeque<Vec<u8>>) -> Poll<()> {
        let mut state = lock(&self.state);
        if state.queue.is_empty() {
            if !state.reader.as_ref().is_some_and(|reader| reader.will_wake(cx.waker())) {
                state.reader = Some(cx.waker().clone());
            }
            return Poll::Pending;
        }
        into.append(&mut state.queue);
        state.wake_writers();
        Poll::Ready(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        lock(&self.state).queue.is_empty()
    }

    /// Drops what waits and whatever comes later.
    pub(crate) fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        state.queue = VecDeque::new();
        state.wake_writers();
    }
}

impl EventState {
    fn wake_reader(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    fn wake_writers(&mut self) {
        for writer in self.writers.drain(..) {
            writer.wake();
        }
    }
}
