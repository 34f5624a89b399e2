//! What waits to be published: changes, and what is said about sessions.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use crate::sync::lock;

/// How many messages wait at most; beyond that all are replaced by one that says that everything may have changed.
const WAITING: usize = 256;

/// How much about sessions waits at most; more is dropped, which those who serve them can do without, if later.
#[cfg(feature = "http")]
const SAID: usize = 1024;

/// Messages that wait to be published, those of each kind in order. One that waits already is not added.
#[derive(Debug, Default)]
pub(super) struct Outbound {
    waiting: Mutex<Waiting>,
    bell: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    messages: VecDeque<Arc<str>>,
    #[cfg(feature = "http")]
    said: VecDeque<Arc<str>>,
    known: HashSet<Arc<str>>,
    /// Something could not be published.
    is_lost: bool,
}

/// What is to be published next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    Message(Arc<str>),
    /// That everything may have changed.
    Everything,
}

impl Waiting {
    fn lose(&mut self) {
        for message in self.messages.drain(..) {
            self.known.remove(&message);
        }
        self.is_lost = true;
    }

    /// Takes what is next: of each kind in turns would gain nothing, because changes become one where they are many.
    fn take(&mut self) -> Option<Arc<str>> {
        let message = self.messages.pop_front();
        #[cfg(feature = "http")]
        let message = message.or_else(|| self.said.pop_front());
        message
    }
}

impl Outbound {
    pub(super) fn push(&self, message: String) {
        let mut waiting = lock(&self.waiting);
        // It is a part of everything.
        if waiting.is_lost {
            return;
        }
        if waiting.messages.len() >= WAITING {
            waiting.lose();
        } else {
            let message: Arc<str> = message.into();
            if !waiting.known.insert(message.clone()) {
                return;
            }
            waiting.messages.push_back(message);
        }
        drop(waiting);
        self.bell.notify_one();
    }

    /// Adds what is said about a session.
    #[cfg(feature = "http")]
    pub(super) fn say(&self, message: String) {
        let message: Arc<str> = message.into();
        let mut waiting = lock(&self.waiting);
        if waiting.said.len() >= SAID || !waiting.known.insert(message.clone()) {
            return;
        }
        waiting.said.push_back(message);
        drop(waiting);
        self.bell.notify_one();
    }

    /// Has it be published that everything may have changed, which stands for all that waits.
    pub(super) fn lose(&self) {
        lock(&self.waiting).lose();
        self.bell.notify_one();
    }

    /// Waits for something to publish, and takes it; there may be one who does so.
    pub(super) async fn next(&self) -> Next {
        loop {
            if let Some(next) = self.take() {
                return next;
            }
            self.bell.notified().await;
        }
    }

    fn take(&self) -> Option<Next> {
        let mut waiting = lock(&self.waiting);
        if std::mem::take(&mut waiting.is_lost) {
            return Some(Next::Everything);
        }
        let message = waiting.take()?;
        waiting.known.remove(&message);
        Some(Next::Message(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_already_is_not_added() {
        let outbound = Outbound::default();
        for message in ["a", "b", "a"] {
            outbound.push(message.into());
        }
        assert_eq!(outbound.take(), Some(Next::Message("a".into())));
        outbound.push("a".into());
        assert_eq!(outbound.take(), Some(Next::Message("b".into())));
        assert_eq!(outbound.take(), Some(Next::Message("a".into())));
        assert_eq!(outbound.take(), None);
    }

    #[test]
    fn a_flood_becomes_one_message() {
        let outbound = Outbound::default();
        for number in 0..WAITING * 3 {
            outbound.push(number.to_string());
        }
        assert_eq!(outbound.take(), Some(Next::Everything));
        assert_eq!(outbound.take(), None);
        outbound.push("a".into());
        outbound.lose();
        outbound.push("b".into());
        assert_eq!(outbound.take(), Some(Next::Everything));
        assert_eq!(outbound.take(), None);
    }

    #[cfg(feature = "http")]
    #[test]
    fn what_is_said_about_sessions_takes_no_room_from_changes() {
        let outbound = Outbound::default();
        for number in 0..SAID + 10 {
            outbound.say(number.to_string());
            outbound.say("0".into());
        }
        outbound.push("a".into());
        assert_eq!(outbound.take(), Some(Next::Message("a".into())));
        outbound.push("b".into());
        outbound.lose();
        assert_eq!(outbound.take(), Some(Next::Everything));
        for number in 0..SAID {
            assert_eq!(outbound.take(), Some(Next::Message(number.to_string().into())));
        }
        assert_eq!(outbound.take(), None);
    }

    #[tokio::test]
    async fn whoever_waits_is_woken() {
        let outbound = Arc::new(Outbound::default());
        let waiting = tokio::spawn({
            let outbound = outbound.clone();
            async move { (outbound.next().await, outbound.next().await) }
        });
        tokio::task::yield_now().await;
        outbound.push("a".into());
        tokio::task::yield_now().await;
        outbound.lose();
        assert_eq!(waiting.await.unwrap(), (Next::Message("a".into()), Next::Everything));
    }
}
