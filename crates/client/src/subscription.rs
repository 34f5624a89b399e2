//! Hearing of changes, in both eras.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use turbomcp_protocol::types::SubscriptionFilter;

use crate::Error;
use crate::subscribe::Unsubscribe;
use crate::sync::lock;

/// How many changes may wait to be read.
const MAX_WAITING: usize = 1024;

/// What a server says has changed.
///
/// # Specification
///
/// [Subscriptions](https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/subscriptions)
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Change {
    /// The list of tools.
    Tools,
    /// The list of prompts.
    Prompts,
    /// The list of resources, or of resource templates.
    Resources,
    /// A resource.
    Resource {
        /// The resource, which may be a part of the one that was subscribed to.
        uri: String,
    },
    /// A task, which [`Client::task`](crate::Client::task) asks for.
    Task {
        /// Its id.
        id: String,
    },
}

/// The changes a server was asked to report, as they come. Dropping it ends the subscription.
///
/// # Specification
///
/// [Subscriptions](https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/subscriptions)
#[derive(Debug)]
pub struct Subscription {
    feed: Arc<Feed>,
    filter: SubscriptionFilter,
    guard: Guard,
}

/// What keeps a subscription going.
#[derive(Debug)]
pub(crate) enum Guard {
    /// The task that drives a listen request.
    Listen(JoinHandle<()>),
    /// The resources a legacy server was told to report.
    Legacy(Unsubscribe),
}

impl Subscription {
    pub(crate) fn new(feed: Arc<Feed>, filter: SubscriptionFilter, guard: Guard) -> Self {
        Self { feed, filter, guard }
    }

    pub(crate) fn set_filter(&mut self, filter: SubscriptionFilter) {
        self.filter = filter;
    }

    /// Returns what the server agreed to report, which may be less than it was asked for.
    #[must_use]
    pub fn filter(&self) -> &SubscriptionFilter {
        &self.filter
    }

    /// Waits for the next change; `None` once the server has ended the subscription in good order.
    ///
    /// # Errors
    ///
    /// `is_closed()` if the connection was lost, after which nothing is reported of what changed meanwhile;
    /// `is_usage()` if more changes came than were read.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Result<Change, Error>> {
        self.feed.next().await
    }

    /// Ends the subscription and waits until the server was told.
    pub async fn close(mut self) {
        match &mut self.guard {
            Guard::Listen(task) => {
                task.abort();
                let _ = task.await;
            }
            Guard::Legacy(unsubscribe) => unsubscribe.run().await,
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Guard::Listen(task) = &self.guard {
            task.abort();
        }
    }
}

/// The changes that wait for a subscriber.
#[derive(Debug, Default)]
pub(crate) struct Feed {
    state: Mutex<State>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Change>,
    /// What is wanted: everything the server sends, unless this says otherwise.
    filter: Option<SubscriptionFilter>,
    acknowledged: Option<SubscriptionFilter>,
    ended: Option<Result<(), Error>>,
    is_over: bool,
}

impl Feed {
    /// Creates a feed that passes on only what a filter names.
    pub(crate) fn filtered(filter: SubscriptionFilter) -> Self {
        Self { state: Mutex::new(State { filter: Some(filter), ..State::default() }), wake: Notify::new() }
    }

    pub(crate) fn push(&self, change: &Change) {
        let mut state = lock(&self.state);
        if state.is_over || !state.filter.as_ref().is_none_or(|filter| names(filter, change)) {
            return;
        }
        if state.waiting.len() < MAX_WAITING {
            state.waiting.push_back(change.clone());
        } else if !state.waiting.contains(change) {
            state.is_over = true;
            state.ended = Some(Err(Error::usage("more changes came than were read")));
        }
        drop(state);
        self.wake.notify_waiters();
    }

    pub(crate) fn acknowledge(&self, filter: SubscriptionFilter) {
        lock(&self.state).acknowledged.get_or_insert(filter);
        self.wake.notify_waiters();
    }

    /// Ends the feed; the first reason counts.
    pub(crate) fn end(&self, why: Result<(), Error>) {
        let mut state = lock(&self.state);
        if !state.is_over {
            state.is_over = true;
            state.ended = Some(why);
        }
        drop(state);
        self.wake.notify_waiters();
    }

    /// Waits until the server has said what it will report.
    pub(crate) async fn acknowledged(&self) -> Result<SubscriptionFilter, Error> {
        loop {
            let woken = self.wake.notified();
            {
                let mut state = lock(&self.state);
                if let Some(filter) = state.acknowledged.take() {
                    return Ok(filter);
                }
                if state.is_over {
                    let ended = state.ended.take().unwrap_or(Ok(()));
                    return Err(match ended {
                        Err(error) => error,
                        Ok(()) => Error::protocol("the subscription ended before it was acknowledged"),
                    });
                }
            }
            woken.await;
        }
    }

    async fn next(&self) -> Option<Result<Change, Error>> {
        loop {
            let woken = self.wake.notified();
            {
                let mut state = lock(&self.state);
                if let Some(change) = state.waiting.pop_front() {
                    return Some(Ok(change));
                }
                if state.is_over {
                    return state.ended.take().and_then(Result::err).map(Err);
                }
            }
            woken.await;
        }
    }
}

/// True if a filter asks for news of this kind.
fn names(filter: &SubscriptionFilter, change: &Change) -> bool {
    match change {
        Change::Tools => filter.tools_list_changed == Some(true),
        Change::Prompts => filter.prompts_list_changed == Some(true),
        Change::Resources => filter.resources_list_changed == Some(true),
        Change::Task { id } => filter.task_ids.iter().flatten().any(|wanted| wanted == id),
        Change::Resource { uri } => filter.resource_subscriptions.iter().flatten().any(|wanted| covers(wanted, uri)),
    }
}

/// True if someone who asked for `wanted` is to hear of `uri`: the same resource, or one beneath it.
pub(crate) fn covers(wanted: &str, uri: &str) -> bool {
    uri.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || wanted.ends_with('/') || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_feed_that_nobody_reads_ends_instead_of_growing() {
        let feed = Feed::default();
        for number in 0..=MAX_WAITING {
            feed.push(&Change::Resource { uri: number.to_string() });
        }
        for _ in 0..MAX_WAITING {
            assert!(feed.next().await.unwrap().is_ok());
        }
        assert!(feed.next().await.unwrap().unwrap_err().is_usage());
        assert!(feed.next().await.is_none());
    }

    #[tokio::test]
    async fn changes_that_wait_already_are_not_lost_by_a_full_feed() {
        let feed = Feed::default();
        for _ in 0..2 * MAX_WAITING {
            feed.push(&Change::Tools);
        }
        feed.end(Ok(()));
        for _ in 0..MAX_WAITING {
            assert_eq!(feed.next().await.unwrap().unwrap(), Change::Tools);
        }
        assert!(feed.next().await.is_none());
    }
}
