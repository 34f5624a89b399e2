//! What waits to be written to a server: one buffer for the whole connection.

use std::future::poll_fn;
use std::sync::Mutex;
use std::task::{Poll, Waker};

use tokio::sync::Notify;

use crate::sync::lock;

/// A buffer that is worth keeping for the next batch is at most this large.
const KEEP_BYTES: usize = 256 << 10;

/// From here on, whoever wants to send has to wait for the server to read.
const HIGH_WATER: usize = 1 << 20;

/// The outgoing messages of a connection, each followed by a newline.
///
/// Anyone may add to it; one writer takes everything at once, so that many requests become one write.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    state: Mutex<State>,
    room: Notify,
}

#[derive(Debug, Default)]
struct State {
    buffer: Vec<u8>,
    closed: bool,
    writer: Option<Waker>,
}

impl Outbox {
    /// Adds a message that `write` appends; false if the connection is over.
    pub(crate) fn push(&self, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        let mut state = lock(&self.state);
        if state.closed {
            return false;
        }
        write(&mut state.buffer);
        state.buffer.push(b'\n');
        if let Some(writer) = state.writer.take() {
            writer.wake();
        }
        true
    }

    /// Waits until the server has taken enough of what was sent.
    pub(crate) async fn ready(&self) {
        while !self.has_room() {
            let room = self.room.notified();
            if self.has_room() {
                return;
            }
            room.await;
        }
    }

    fn has_room(&self) -> bool {
        let state = lock(&self.state);
        state.closed || state.buffer.len() < HIGH_WATER
    }

    /// Waits for something to write and swaps it with `spare`, which is emptied; false at the end.
    pub(crate) async fn take(&self, spare: &mut Vec<u8>) -> bool {
        spare.clear();
        if spare.capacity() > KEEP_BYTES {
            *spare = Vec::new();
        }
        let more = poll_fn(|cx| {
            let mut state = lock(&self.state);
            if !state.buffer.is_empty() {
                std::mem::swap(&mut state.buffer, spare);
                return Poll::Ready(true);
            }
            if state.closed {
                return Poll::Ready(false);
            }
            if !state.writer.as_ref().is_some_and(|writer| writer.will_wake(cx.waker())) {
                state.writer = Some(cx.waker().clone());
            }
            Poll::Pending
        })
        .await;
        if spare.len() >= HIGH_WATER {
            self.room.notify_waiters();
        }
        more
    }

    /// Lets the writer end once it has written what is here; nothing more is accepted.
    pub(crate) fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        if let Some(writer) = state.writer.take() {
            writer.wake();
        }
        drop(state);
        self.room.notify_waiters();
    }
}
