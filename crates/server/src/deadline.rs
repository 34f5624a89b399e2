//! The time a request may take, without the time that its handler waits for the client.

use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

use crate::sync::lock;

/// How often to look again while the client is asked, at most: its answer sets the clock going.
const PAUSE: Duration = Duration::from_secs(1);

/// Resolves when a request has run out of time.
pub(crate) struct Deadline {
    /// When it would be, had the client not been asked.
    at: Instant,
    sleep: Pin<Box<Sleep>>,
}

impl Deadline {
    pub(crate) fn new(left: Duration) -> Self {
        let sleep = Box::pin(sleep(left));
        Self { at: sleep.deadline(), sleep }
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, asked: &Asked) -> Poll<()> {
        loop {
            ready!(self.sleep.as_mut().poll(cx));
            let now = Instant::now();
            let (time, is_going_on) = asked.time(now);
            let at = self.at + time;
            if at <= now {
                return Poll::Ready(());
            }
            self.sleep.as_mut().reset(if is_going_on { at.max(now + PAUSE) } else { at });
        }
    }
}

/// How long a handler waits for answers of its client.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Questions without an answer, and since when there are any.
    open: usize,
    since: Option<Instant>,
    /// How long there were any before.
    before: Duration,
}

impl Asked {
    /// Counts a question for as long as what is returned exists.
    pub(crate) fn question(&self) -> Question<'_> {
        let mut state = lock(&self.state);
        state.open += 1;
        state.since.get_or_insert_with(Instant::now);
        Question { asked: self }
    }

    /// Returns how long the client has been asked, and whether it still is.
    fn time(&self, now: Instant) -> (Duration, bool) {
        let state = lock(&self.state);
        let current = state.since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        (state.before + current, state.since.is_some())
    }
}

/// A question to the client that is not answered yet.
pub(crate) struct Question<'a> {
    asked: &'a Asked,
}

impl Drop for Question<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.asked.state);
        state.open -= 1;
        if state.open == 0
            && let Some(since) = state.since.take()
        {
            state.before += since.elapsed();
        }
    }
}
