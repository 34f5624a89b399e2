//! What waits to be written to a peer: one buffer for the whole connection.

use std::future::poll_fn;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Poll, Waker};

use tokio::sync::Notify;
use turbomcp_transport::metrics::Meter;

use crate::sync::lock;

/// A buffer that is worth keeping for the next batch is at most this large.
const KEEP_BYTES: usize = 256 << 10;

/// The outgoing messages of a connection, each followed by a newline.
///
/// Anyone may add to it; one writer takes everything at once, so that many answers become one write.
#[derive(Debug)]
pub(crate) struct Outbox {
    state: Mutex<State>,
    room: Notify,
    high_water: usize,
    meter: Option<Meter>,
    number: u64,
}

#[derive(Debug, Default)]
struct State {
    buffer: Vec<u8>,
    /// Change notifications that wait in the buffer.
    notifications: usize,
    closed: bool,
    writer: Option<Waker>,
}

impl Outbox {
    pub(crate) fn new(high_water: usize, meter: Option<Meter>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { state: Mutex::default(), room: Notify::new(), high_water, meter, number }
    }

    /// Returns what tells the connection from every other of this process.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Returns what counts for the connection.
    pub(crate) fn meter(&self) -> Option<&Meter> {
        self.meter.as_ref()
    }

    /// Adds a message that `write` appends, unless the connection is over.
    pub(crate) fn push(&self, write: impl FnOnce(&mut Vec<u8>)) {
        self.push_unless(|| false, write);
    }

    /// As [`push`](Self::push), unless what the message belongs to is over. That is asked while nothing else can be
    /// added, so that no message comes in behind the one that ends it.
    pub(crate) fn push_unless(&self, is_over: impl Fn() -> bool, write: impl FnOnce(&mut Vec<u8>)) {
        let mut state = lock(&self.state);
        if state.closed || is_over() {
            return;
        }
        write(&mut state.buffer);
        state.buffer.push(b'\n');
        state.wake();
    }

    /// Adds a change notification; false if too many wait already.
    pub(crate) fn push_notification(&self, message: &[u8], limit: usize) -> bool {
        let mut state = lock(&self.state);
        if state.closed || state.notifications >= limit {
            return false;
        }
        state.notifications += 1;
        state.buffer.extend_from_slice(message);
        state.buffer.push(b'\n');
        state.wake();
        true
    }

    /// Waits until the peer has taken enough of what was sent.
    pub(crate) async fn ready(&self) {
        loop {
            let room = self.room.notified();
            if self.has_room() {
                return;
            }
            room.await;
        }
    }

    pub(crate) fn has_room(&self) -> bool {
        let state = lock(&self.state);
        state.closed || state.buffer.len() < self.high_water
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
                state.notifications = 0;
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
        if spare.len() >= self.high_water {
            self.room.notify_waiters();
        }
        more
    }

    /// Lets the writer end once it has written what is here; nothing more is accepted.
    pub(crate) fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        state.wake();
        drop(state);
        self.room.notify_waiters();
    }
}

impl State {
    fn wake(&mut self) {
        if let Some(writer) = self.writer.take() {
            writer.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn many_messages_become_one_batch() {
        let outbox = Outbox::new(100, None);
        outbox.push(|buffer| buffer.extend_from_slice(b"a"));
        outbox.push(|buffer| buffer.extend_from_slice(b"b"));
        let mut batch = Vec::new();
        assert!(outbox.take(&mut batch).await);
        assert_eq!(batch, b"a\nb\n");
        outbox.close();
        outbox.push(|buffer| buffer.extend_from_slice(b"late"));
        assert!(!outbox.take(&mut batch).await);
    }

    #[tokio::test]
    async fn nothing_comes_in_behind_what_ends_it() {
        let outbox = Outbox::new(100, None);
        outbox.push_unless(|| false, |buffer| buffer.extend_from_slice(b"progress"));
        outbox.push_unless(|| true, |buffer| buffer.extend_from_slice(b"late"));
        let mut batch = Vec::new();
        outbox.take(&mut batch).await;
        assert_eq!(batch, b"progress\n");
    }

    #[tokio::test]
    async fn holds_senders_up_until_the_peer_reads() {
        let outbox = std::sync::Arc::new(Outbox::new(4, None));
        outbox.push(|buffer| buffer.extend_from_slice(b"12345"));
        let waiting = tokio::spawn({
            let outbox = outbox.clone();
            async move { outbox.ready().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        outbox.take(&mut Vec::new()).await;
        waiting.await.unwrap();
    }

    #[test]
    fn drops_notifications_a_slow_subscriber_does_not_read() {
        let outbox = Outbox::new(4, None);
        assert!(outbox.push_notification(b"1", 2));
        assert!(outbox.push_notification(b"2", 2));
        assert!(!outbox.push_notification(b"3", 2));
    }
}
