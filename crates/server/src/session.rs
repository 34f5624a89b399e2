//! The streams of a legacy HTTP session, and what a client that reconnects may still read from them.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::Limits;
use crate::sync::lock;

/// How many messages a handler may be ahead of a client that reads.
const EVENTS_AHEAD: usize = 64;

/// One event stream of a session: messages in order, read by at most one response body at a time.
///
/// What was read stays for a while, within limits, so that a client whose connection broke can resume behind the last
/// event it saw.
#[derive(Debug)]
pub(crate) struct Stream {
    id: u32,
    bounds: Bounds,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    events: usize,
    bytes: usize,
    age: Duration,
}

impl From<&Limits> for Bounds {
    fn from(limits: &Limits) -> Self {
        Self { events: limits.replay_events, bytes: limits.replay_bytes, age: limits.replay_age }
    }
}

#[derive(Debug, Default)]
struct State {
    events: VecDeque<Event>,
    bytes: usize,
    /// The number of the next event; events are numbered from 1.
    next: u64,
    /// The number of the last event a body took.
    read: u64,
    /// Which body may read: each attachment is a new one, 0 is none.
    attached: u64,
    attachments: u64,
    finished: Option<Instant>,
    reader: Option<Waker>,
    writers: Vec<Waker>,
}

#[derive(Debug)]
struct Event {
    number: u64,
    at: Instant,
    data: Bytes,
}

/// What a reader finds next.
#[derive(Debug, PartialEq)]
pub(crate) enum Next {
    /// An event with its number.
    Event(u64, Bytes),
    /// Nothing more will come, or another reader took over.
    End,
}

impl Stream {
    pub(crate) fn new(id: u32, bounds: Bounds) -> Self {
        Self { id, bounds, state: Mutex::default() }
    }

    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    /// Adds a message once the reader, if there is one, has taken enough of what came before.
    pub(crate) async fn send(&self, message: Vec<u8>) {
        let mut message = Some(message);
        poll_fn(|cx| {
            let mut state = lock(&self.state);
            if state.finished.is_some() {
                return Poll::Ready(());
            }
            if state.attached != 0 && state.unread() >= EVENTS_AHEAD {
                state.writers.push(cx.waker().clone());
                return Poll::Pending;
            }
            if let Some(message) = message.take() {
                state.add(message, self.bounds);
            }
            Poll::Ready(())
        })
        .await;
    }

    /// Adds a message at once; false if the stream is over.
    pub(crate) fn push(&self, message: Vec<u8>) -> bool {
        let mut state = lock(&self.state);
        if state.finished.is_some() {
            return false;
        }
        state.add(message, self.bounds);
        true
    }

    /// Ends the stream, with a last message if there is one.
    pub(crate) fn finish(&self, last: Option<Vec<u8>>) {
        let mut state = lock(&self.state);
        if state.finished.is_some() {
            return;
        }
        if let Some(last) = last {
            state.add(last, self.bounds);
        }
        state.finished = Some(Instant::now());
        state.wake();
    }

    /// Waits until there is an event or the end.
    #[cfg(feature = "http")]
    pub(crate) async fn first(&self) {
        poll_fn(|cx| {
            let mut state = lock(&self.state);
            if state.next > 0 || state.finished.is_some() {
                return Poll::Ready(());
            }
            state.reader = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Returns the only message of a stream that is over already, so that it need not become a stream at all.
    #[cfg(feature = "http")]
    pub(crate) fn take_single(&self) -> Option<Bytes> {
        let mut state = lock(&self.state);
        if state.finished.is_some() && state.next == 1 && state.read == 0 {
            state.read = 1;
            return state.events.pop_front().map(|event| event.data);
        }
        None
    }

    /// Becomes the reader; a former one finds the end. Starts behind event `after`, or behind what was read already.
    #[cfg(feature = "http")]
    pub(crate) fn attach(&self, after: Option<u64>) -> u64 {
        let mut state = lock(&self.state);
        state.attachments += 1;
        state.attached = state.attachments;
        if let Some(after) = after {
            state.read = after.min(state.next);
        }
        state.wake();
        state.attached
    }

    /// Closes the stream to its reader; it goes on for one that comes later.
    pub(crate) fn detach(&self) {
        let mut state = lock(&self.state);
        state.attached = 0;
        state.wake();
    }

    /// Stops being the reader, unless another has taken over.
    #[cfg(feature = "http")]
    pub(crate) fn release(&self, attachment: u64) {
        let mut state = lock(&self.state);
        if state.attached == attachment {
            state.attached = 0;
            state.wake_writers();
        }
    }

    #[cfg(feature = "http")]
    pub(crate) fn poll_next(&self, cx: &mut Context<'_>, attachment: u64) -> Poll<Next> {
        let mut state = lock(&self.state);
        if state.attached != attachment {
            return Poll::Ready(Next::End);
        }
        let read = state.read;
        let found = state.events.iter().find(|event| event.number > read);
        if let Some((number, data)) = found.map(|event| (event.number, event.data.clone())) {
            state.read = number;
            state.wake_writers();
            return Poll::Ready(Next::Event(number, data));
        }
        if state.finished.is_some() {
            return Poll::Ready(Next::End);
        }
        if !state.reader.as_ref().is_some_and(|reader| reader.will_wake(cx.waker())) {
            state.reader = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Returns true if the stream is over and nobody may resume it any more.
    #[cfg(feature = "http")]
    pub(crate) fn is_stale(&self, now: Instant) -> bool {
        let state = lock(&self.state);
        state.attached == 0 && state.finished.is_some_and(|at| now.duration_since(at) > self.bounds.age)
    }

    #[cfg(feature = "http")]
    pub(crate) fn is_finished(&self) -> bool {
        lock(&self.state).finished.is_some()
    }
}

impl State {
    fn unread(&self) -> usize {
        self.events.iter().rev().take_while(|event| event.number > self.read).count()
    }

    fn add(&mut self, message: Vec<u8>, bounds: Bounds) {
        self.next += 1;
        self.bytes += message.len();
        let now = Instant::now();
        self.events.push_back(Event { number: self.next, at: now, data: Bytes::from(message) });
        self.trim(now, bounds);
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    /// Forgets the oldest events; a reader that is there loses none it has not seen.
    fn trim(&mut self, now: Instant, bounds: Bounds) {
        while let Some(front) = self.events.front() {
            let over = self.events.len() > bounds.events
                || self.bytes > bounds.bytes
                || now.duration_since(front.at) > bounds.age;
            let unseen = self.attached != 0 && front.number > self.read;
            if !over || unseen || self.events.len() == 1 {
                return;
            }
            self.bytes -= front.data.len();
            self.events.pop_front();
        }
    }

    fn wake(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
        self.wake_writers();
    }

    fn wake_writers(&mut self) {
        for writer in self.writers.drain(..) {
            writer.wake();
        }
    }
}
