//! The time a request may take, without the time that its handler waits for the client, and until the server ends.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use turbomcp_protocol::Method;

use crate::inner::Inner;
use crate::sync::lock;

/// How often to look again while the client is asked, at most: its answer sets the clock going.
const PAUSE: Duration = Duration::from_secs(1);

/// Why there is no time left for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    /// It has taken as long as it may.
    Time,
    /// The server ends, and has waited for as long as it may.
    Server,
}

/// Resolves when there is no time left for a request.
pub(crate) struct Deadline(Pin<Box<dyn Future<Output = Over> + Send>>);

impl Deadline {
    /// Begins to count; none if the request ends with the server by itself, and has all the time.
    pub(crate) fn of(inner: &Arc<Inner>, limit: Duration) -> Option<Self> {
        let is_over_by_itself = inner.method == Method::SUBSCRIPTIONS_LISTEN;
        (limit < Duration::MAX || !is_over_by_itself).then(|| Self(Box::pin(over(inner.clone(), limit))))
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Over> {
        self.0.as_mut().poll(cx)
    }
}

async fn over(inner: Arc<Inner>, limit: Duration) -> Over {
    let mut time = pin!(async {
        match limit {
            Duration::MAX => std::future::pending().await,
            limit => out_of_time(&inner.asked, limit.saturating_sub(inner.started.elapsed())).await,
        }
    });
    let mut server = pin!(inner.server.shutdown_cut());
    poll_fn(|cx| match time.as_mut().poll(cx) {
        Poll::Ready(()) => Poll::Ready(Over::Time),
        Poll::Pending => server.as_mut().poll(cx).map(|()| Over::Server),
    })
    .await
}

/// Waits until so much time has passed in which the client was not asked.
pub(crate) async fn out_of_time(asked: &Asked, left: Duration) {
    let mut sleep = pin!(sleep(left));
    // When it would be, had the client not been asked.
    let due = sleep.deadline();
    loop {
        sleep.as_mut().await;
        let now = Instant::now();
        let (time, is_going_on) = asked.time(now);
        let at = due + time;
        if at <= now {
            return;
        }
        sleep.as_mut().reset(if is_going_on { at.max(now + PAUSE) } else { at });
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
