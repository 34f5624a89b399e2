//! The messages of a modern request on their way into the body of its HTTP response.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use crate::sync::lock;

/// How many messages a handler may be ahead of its client.
const AHEAD: usize = 64;

/// Messages that wait for the body of a response to carry them.
#[derive(Debug, Default)]
pub(crate) struct Events {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Vec<u8>>,
    closed: bool,
    reader: Option<Waker>,
    writers: Vec<Waker>,
}

impl Events {
    /// Adds a message once the client has taken enough of what came before.
    pub(crate) async fn send(&self, message: Vec<u8>) {
        let mut message = Some(message);
        poll_fn(|cx| {
            let mut state = lock(&self.state);
            if state.closed {
                return Poll::Ready(());
            }
            if state.queue.len() >= AHEAD {
                wait(&mut state.writers, cx);
                return Poll::Pending;
            }
            state.queue.extend(message.take());
            state.wake_reader();
            Poll::Ready(())
        })
        .await;
    }

    /// Adds a message at once; false if `limit` wait already.
    pub(crate) fn push(&self, message: &[u8], limit: usize) -> bool {
        let mut state = lock(&self.state);
        if state.closed || state.queue.len() >= limit {
            return false;
        }
        state.queue.push_back(message.to_vec());
        state.wake_reader();
        true
    }

    /// Waits until something is there to take.
    pub(crate) fn poll_ready(&self, cx: &Context<'_>) -> Poll<()> {
        let mut state = lock(&self.state);
        if !state.queue.is_empty() {
            return Poll::Ready(());
        }
        if !state.reader.as_ref().is_some_and(|reader| reader.will_wake(cx.waker())) {
            state.reader = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Takes everything that waits.
    pub(crate) fn take(&self) -> VecDeque<Vec<u8>> {
        let mut state = lock(&self.state);
        state.wake_writers();
        std::mem::take(&mut state.queue)
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

impl State {
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

/// Remembers whom to wake, once.
pub(super) fn wait(writers: &mut Vec<Waker>, cx: &Context<'_>) {
    if !writers.iter().any(|writer| writer.will_wake(cx.waker())) {
        writers.push(cx.waker().clone());
    }
}
