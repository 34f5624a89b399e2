//! One event stream of a legacy session, and what a client that reconnects may still read from it.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use ::http::StatusCode;
use bytes::Bytes;
use turbomcp_transport::authenticate::Refusal;

use super::events::wait;
use crate::Limits;
use crate::sync::lock;

/// How many messages a handler may be ahead of a client that reads.
const AHEAD: u64 = 64;

/// Messages in order, read by at most one response body at a time.
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

impl Bounds {
    pub(crate) fn age(self) -> Duration {
        self.age
    }

    pub(crate) fn bytes(self) -> usize {
        self.bytes
    }
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
    /// The number of the last event there is; events are numbered from 1.
    last: u64,
    /// The number of the last event a reader took.
    read: u64,
    /// Which reader may read: each is a new one, 0 is none.
    reading: u64,
    readers: u64,
    /// The server has asked its reader to come back later.
    interrupted: bool,
    finished: Option<Instant>,
    /// What HTTP status the last message stands for, and what comes with it, if the client is told nothing before it.
    status: StatusCode,
    refusal: Option<Refusal>,
    reader: Option<Waker>,
    writers: Vec<Waker>,
    /// Who copies what comes into a store.
    copier: Option<Waker>,
}

#[derive(Debug)]
struct Event {
    at: Instant,
    data: Bytes,
}

/// The last message, what HTTP status it stands for, and what comes with that.
pub(crate) struct Last {
    pub(crate) message: Vec<u8>,
    pub(crate) status: StatusCode,
    pub(crate) refusal: Option<Refusal>,
}

impl From<Vec<u8>> for Last {
    fn from(message: Vec<u8>) -> Self {
        Self { message, status: StatusCode::OK, refusal: None }
    }
}

/// What somebody who copies a stream finds next.
pub(super) struct Copied {
    /// The number of the first of these events.
    pub(super) first: u64,
    pub(super) events: Vec<Bytes>,
    /// Nothing follows them.
    pub(super) is_over: bool,
}

/// What a reader finds next.
#[derive(Debug, PartialEq)]
pub(crate) enum Next {
    /// An event with its number.
    Event(u64, Bytes),
    /// Nothing more will come, or another reader took over.
    End,
    /// The reader shall come back for the rest.
    Interrupted,
}

impl Stream {
    pub(crate) fn new(id: u32, bounds: Bounds) -> Arc<Self> {
        Arc::new(Self { id, bounds, state: Mutex::default() })
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
            if state.reading != 0 && state.last - state.read >= AHEAD {
                wait(&mut state.writers, cx);
                return Poll::Pending;
            }
            if let Some(message) = message.take() {
                state.add(message, self.bounds);
            }
            Poll::Ready(())
        })
        .await;
    }

    /// Adds a message at once; false if the stream is over, or `limit` messages wait for a reader that is there.
    pub(crate) fn push(&self, message: &[u8], limit: usize) -> bool {
        let mut state = lock(&self.state);
        if state.finished.is_some() || (state.reading != 0 && state.last - state.read >= limit as u64) {
            return false;
        }
        state.add(message.to_vec(), self.bounds);
        true
    }

    /// Ends the stream, with a last message if there is one.
    pub(crate) fn finish(&self, last: Option<Last>) {
        let mut state = lock(&self.state);
        if state.finished.is_some() {
            return;
        }
        if let Some(Last { message, status, refusal }) = last {
            (state.status, state.refusal) = (status, refusal);
            state.add(message, self.bounds);
        }
        state.finished = Some(Instant::now());
        state.wake();
    }

    /// Asks the reader to come back later for the rest.
    pub(crate) fn interrupt(&self) {
        let mut state = lock(&self.state);
        state.interrupted = state.finished.is_none();
        state.wake();
    }

    /// Becomes the reader, from behind what was read already, or from behind event `after`.
    ///
    /// A former reader finds the end.
    pub(crate) fn read(self: &Arc<Self>, after: Option<u64>) -> Reader {
        let mut state = lock(&self.state);
        state.readers += 1;
        state.reading = state.readers;
        state.interrupted = false;
        if let Some(after) = after {
            state.read = after.min(state.last);
        }
        state.wake();
        Reader { stream: self.clone(), number: state.reading }
    }

    /// Creates a stream that goes on behind this event, with events of another place.
    pub(super) fn behind(id: u32, bounds: Bounds, after: u64) -> Arc<Self> {
        let state = State { last: after, read: after, ..State::default() };
        Arc::new(Self { id, bounds, state: Mutex::new(state) })
    }

    /// Adds events that have their numbers already, as far as they are not there.
    pub(super) fn feed(&self, first: u64, events: Vec<Bytes>) {
        let mut state = lock(&self.state);
        if first > state.last + 1 {
            // What is missing is nowhere any more.
            state.events.clear();
            state.bytes = 0;
            state.last = first - 1;
        }
        let known = usize::try_from(state.last + 1 - first).unwrap_or(usize::MAX);
        for event in events.into_iter().skip(known) {
            state.add(event, self.bounds);
        }
    }

    /// Waits for events behind this one, or for the end; there may be no event, at first.
    pub(super) async fn copied(&self, after: Option<u64>) -> Copied {
        poll_fn(|cx| {
            let mut state = lock(&self.state);
            let is_over = state.finished.is_some();
            if after.is_some_and(|after| after >= state.last) && !is_over {
                state.copier = Some(cx.waker().clone());
                return Poll::Pending;
            }
            let oldest = state.last + 1 - state.events.len() as u64;
            let first = (after.unwrap_or(0) + 1).max(oldest);
            let skipped = usize::try_from(first - oldest).unwrap_or(usize::MAX);
            let events = state.events.iter().skip(skipped).map(|event| event.data.clone()).collect();
            Poll::Ready(Copied { first, events, is_over })
        })
        .await
    }

    /// Returns the number of the last event.
    pub(super) fn last(&self) -> u64 {
        lock(&self.state).last
    }

    /// Has whoever reads it find its end, though it goes on: it is read elsewhere.
    pub(super) fn release(&self) {
        let mut state = lock(&self.state);
        state.reading = 0;
        state.wake();
    }

    /// Gives up the events that are too old.
    pub(crate) fn forget(&self, now: Instant) {
        lock(&self.state).trim(now, self.bounds);
    }

    pub(crate) fn is_read(&self) -> bool {
        lock(&self.state).reading != 0
    }

    /// Returns how many bytes it keeps.
    pub(crate) fn bytes(&self) -> usize {
        lock(&self.state).bytes
    }

    pub(crate) fn finished_at(&self) -> Option<Instant> {
        lock(&self.state).finished
    }
}

/// The one that reads a stream, until it is dropped or another comes.
#[derive(Debug)]
pub(crate) struct Reader {
    stream: Arc<Stream>,
    number: u64,
}

impl Reader {
    pub(crate) fn stream(&self) -> &Arc<Stream> {
        &self.stream
    }

    /// Returns the number of the last event that was taken.
    pub(crate) fn position(&self) -> u64 {
        lock(&self.stream.state).read
    }

    /// Returns true if nothing was sent yet.
    pub(crate) fn is_fresh(&self) -> bool {
        let state = lock(&self.stream.state);
        state.last == 0 && !state.interrupted
    }

    /// Waits until it is known what the stream begins with: true if it has begun, false if it is over with one message.
    pub(crate) async fn is_stream(&self) -> bool {
        poll_fn(|cx| {
            let mut state = lock(&self.stream.state);
            if state.finished.is_some() && state.last == 1 {
                return Poll::Ready(false);
            }
            if state.last > 0 || state.interrupted || state.finished.is_some() {
                return Poll::Ready(true);
            }
            state.reader = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// Returns the one message of a stream that is over, its status, and what comes with that.
    pub(crate) fn take(&self) -> Option<(Bytes, StatusCode, Option<Refusal>)> {
        let mut state = lock(&self.stream.state);
        state.next_event().map(|(_, data)| (data, state.status, state.refusal.take()))
    }

    pub(crate) fn poll_next(&self, cx: &Context<'_>) -> Poll<Next> {
        let mut state = lock(&self.stream.state);
        if state.reading != self.number {
            return Poll::Ready(Next::End);
        }
        if let Some((number, data)) = state.next_event() {
            return Poll::Ready(Next::Event(number, data));
        }
        if state.finished.is_some() {
            return Poll::Ready(Next::End);
        }
        if state.interrupted {
            return Poll::Ready(Next::Interrupted);
        }
        if !state.reader.as_ref().is_some_and(|reader| reader.will_wake(cx.waker())) {
            state.reader = Some(cx.waker().clone());
        }
        Poll::Pending
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut state = lock(&self.stream.state);
        if state.reading == self.number {
            state.reading = 0;
            state.wake_writers();
        }
    }
}

impl State {
    fn next_event(&mut self) -> Option<(u64, Bytes)> {
        let oldest = self.last + 1 - self.events.len() as u64;
        let number = (self.read + 1).max(oldest);
        let data = self.events.get(usize::try_from(number - oldest).ok()?)?.data.clone();
        self.read = number;
        self.wake_writers();
        Some((number, data))
    }

    fn add(&mut self, message: impl Into<Bytes>, bounds: Bounds) {
        let data = message.into();
        self.last += 1;
        self.bytes += data.len();
        let now = Instant::now();
        self.events.push_back(Event { at: now, data });
        self.trim(now, bounds);
        self.wake_reader();
    }

    /// Forgets the oldest events; a reader that is there loses none it has not seen.
    fn trim(&mut self, now: Instant, bounds: Bounds) {
        while let Some(front) = self.events.front() {
            let over = self.events.len() > bounds.events
                || self.bytes > bounds.bytes
                || now.duration_since(front.at) > bounds.age;
            let number = self.last + 1 - self.events.len() as u64;
            let unseen = self.reading != 0 && number > self.read;
            if !over || unseen || self.events.len() == 1 {
                return;
            }
            self.bytes -= front.data.len();
            self.events.pop_front();
        }
    }

    fn wake(&mut self) {
        self.wake_reader();
        self.wake_writers();
    }

    fn wake_reader(&mut self) {
        for reader in [self.reader.take(), self.copier.take()].into_iter().flatten() {
            reader.wake();
        }
    }

    fn wake_writers(&mut self) {
        for writer in self.writers.drain(..) {
            writer.wake();
        }
    }
}
