//! What waits to be published: what somebody waits for, changes, and hints.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::sync::lock;

/// How many changes wait at most; beyond that all are replaced by one that says that everything may have changed.
const WAITING: usize = 256;

/// How much waits at most that somebody waits for, and how many hints do.
#[cfg(feature = "http")]
const SAID: usize = 1024;

/// How much of what somebody waits for may go before anything else does.
const IN_A_ROW: u32 = 32;

/// For how long something is published that somebody waits for: by then nobody does.
const PATIENCE: Duration = Duration::from_secs(60);

/// Messages that wait to be published, those of each kind in order. One that waits already is not added.
#[derive(Debug, Default)]
pub(super) struct Outbound {
    waiting: Mutex<Waiting>,
    bell: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    /// What a client has answered or cancelled, and what ends: nobody says it again.
    urgent: VecDeque<(Arc<str>, Instant)>,
    changes: VecDeque<Arc<str>>,
    /// That there is something to look at, which is looked at sooner or later anyway.
    #[cfg(feature = "http")]
    hints: VecDeque<Arc<str>>,
    known: HashSet<Arc<str>>,
    /// A change could not be published.
    is_lost: bool,
    in_a_row: u32,
    /// A change went last.
    #[cfg(feature = "http")]
    is_turn_of_hints: bool,
}

/// What is to be published next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// Something that somebody waits for, since then.
    Urgent(Arc<str>, Instant),
    Change(Arc<str>),
    /// That everything may have changed.
    Everything,
    #[cfg(feature = "http")]
    Hint(Arc<str>),
}

impl Waiting {
    fn lose(&mut self) {
        for message in self.changes.drain(..) {
            self.known.remove(&message);
        }
        self.is_lost = true;
    }

    fn is_patient(&self) -> bool {
        let others = !self.changes.is_empty() || self.is_lost;
        #[cfg(feature = "http")]
        let others = others || !self.hints.is_empty();
        self.in_a_row < IN_A_ROW || !others
    }

    /// Takes what is next: what somebody waits for goes first, but never for ever.
    fn take(&mut self) -> Option<Next> {
        if self.is_patient()
            && let Some((message, since)) = self.urgent.pop_front()
        {
            self.in_a_row += 1;
            self.known.remove(&message);
            return Some(Next::Urgent(message, since));
        }
        #[cfg(feature = "http")]
        let hint = std::mem::take(&mut self.is_turn_of_hints).then(|| self.hints.pop_front()).flatten().map(Next::Hint);
        #[cfg(not(feature = "http"))]
        let hint = None;
        let next = hint.or_else(|| match std::mem::take(&mut self.is_lost) {
            true => Some(Next::Everything),
            false => self.changes.pop_front().map(Next::Change),
        });
        #[cfg(feature = "http")]
        let next = next.or_else(|| self.hints.pop_front().map(Next::Hint));
        #[cfg(feature = "http")]
        {
            self.is_turn_of_hints = matches!(next, Some(Next::Change(_) | Next::Everything));
        }
        match &next {
            Some(Next::Change(message)) => _ = self.known.remove(message),
            #[cfg(feature = "http")]
            Some(Next::Hint(message)) => _ = self.known.remove(message),
            _ => {}
        }
        // Changes and hints take turns; with what is urgent they do only where there is so much of that.
        self.in_a_row = 0;
        next
    }
}

impl Outbound {
    /// Adds a change.
    pub(super) fn push(&self, message: String) {
        let mut waiting = lock(&self.waiting);
        // It is a part of everything.
        if waiting.is_lost {
            return;
        }
        if waiting.changes.len() >= WAITING {
            waiting.lose();
        } else {
            let message: Arc<str> = message.into();
            if !waiting.known.insert(message.clone()) {
                return;
            }
            waiting.changes.push_back(message);
        }
        drop(waiting);
        self.bell.notify_one();
    }

    /// Adds what somebody waits for; false if there is no room for it.
    #[cfg(feature = "http")]
    pub(super) fn hurry(&self, message: String) -> bool {
        let message: Arc<str> = message.into();
        let mut waiting = lock(&self.waiting);
        if waiting.urgent.len() >= SAID {
            return false;
        }
        if waiting.known.insert(message.clone()) {
            waiting.urgent.push_back((message, Instant::now()));
            drop(waiting);
            self.bell.notify_one();
        }
        true
    }

    /// Adds a hint; false if there is no room for it.
    #[cfg(feature = "http")]
    pub(super) fn hint(&self, message: String) -> bool {
        let message: Arc<str> = message.into();
        let mut waiting = lock(&self.waiting);
        if waiting.hints.len() >= SAID {
            return false;
        }
        if waiting.known.insert(message.clone()) {
            waiting.hints.push_back(message);
            drop(waiting);
            self.bell.notify_one();
        }
        true
    }

    /// Gives back what could not be published; false if it is gone for good.
    ///
    /// Of changes it is published later that everything may have changed, which stands for all that waits. A hint is
    /// not worth another attempt.
    pub(super) fn give_back(&self, next: Next) -> bool {
        self.give_back_at(next, Instant::now())
    }

    fn give_back_at(&self, next: Next, now: Instant) -> bool {
        let mut waiting = lock(&self.waiting);
        let is_kept = match next {
            Next::Urgent(_, since) if now.saturating_duration_since(since) >= PATIENCE => false,
            Next::Urgent(message, since) => {
                if waiting.known.insert(message.clone()) {
                    waiting.urgent.push_front((message, since));
                }
                true
            }
            Next::Change(_) | Next::Everything => {
                waiting.lose();
                true
            }
            #[cfg(feature = "http")]
            Next::Hint(_) => false,
        };
        drop(waiting);
        self.bell.notify_one();
        is_kept
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
        lock(&self.waiting).take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(text: &str) -> Option<Next> {
        Some(Next::Change(text.into()))
    }

    #[track_caller]
    fn text(next: Option<Next>) -> String {
        match next {
            Some(Next::Urgent(text, _)) => format!("urgent {text}"),
            Some(Next::Change(text)) => format!("change {text}"),
            #[cfg(feature = "http")]
            Some(Next::Hint(text)) => format!("hint {text}"),
            Some(Next::Everything) => "everything".into(),
            None => "nothing".into(),
        }
    }

    #[test]
    fn what_waits_already_is_not_added() {
        let outbound = Outbound::default();
        for message in ["a", "b", "a"] {
            outbound.push(message.into());
        }
        assert_eq!(outbound.take(), change("a"));
        outbound.push("a".into());
        assert_eq!(outbound.take(), change("b"));
        assert_eq!(outbound.take(), change("a"));
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
        let taken = outbound.take().unwrap();
        assert!(outbound.give_back(taken));
        outbound.push("b".into());
        assert_eq!(outbound.take(), Some(Next::Everything));
        assert_eq!(outbound.take(), None);
    }

    #[cfg(feature = "http")]
    #[test]
    fn a_flood_of_hints_and_changes_takes_no_room_from_what_somebody_waits_for() {
        let outbound = Outbound::default();
        for number in 0..SAID * 3 {
            assert_eq!(outbound.hint(number.to_string()), number < SAID);
            outbound.push(format!("c{number}"));
        }
        // The same hint once more is no other.
        outbound.take();
        for number in 0..SAID {
            assert!(outbound.hurry(format!("u{number}")));
        }
        assert!(!outbound.hurry("one too many".into()));
        let mut taken = Vec::new();
        while let Some(next) = outbound.take() {
            taken.push(text(Some(next)));
        }
        let urgent: Vec<_> = taken.iter().filter(|text| text.starts_with("urgent")).cloned().collect();
        assert_eq!(urgent, (0..SAID).map(|number| format!("urgent u{number}")).collect::<Vec<_>>());
        assert!(taken[..32].iter().all(|text| text.starts_with("urgent")), "{:?}", &taken[..34]);
        assert!(!taken[32].starts_with("urgent"), "nothing waits for ever: {:?}", &taken[..34]);
        assert_eq!(taken.len(), SAID * 2);
    }

    #[cfg(feature = "http")]
    #[test]
    fn hints_and_changes_take_turns() {
        let outbound = Outbound::default();
        for number in 0..3 {
            outbound.push(format!("c{number}"));
            assert!(outbound.hint(format!("h{number}")));
        }
        // However many changes come, the next of them waits for a hint.
        let mut taken = Vec::new();
        for number in 3..9 {
            taken.push(text(outbound.take()));
            outbound.push(format!("c{number}"));
        }
        assert_eq!(taken, ["change c0", "hint h0", "change c1", "hint h1", "change c2", "hint h2"]);
        assert_eq!(text(outbound.take()), "change c3");
        // So does that everything may have changed.
        assert!(outbound.hint("h3".into()));
        outbound.give_back(Next::Everything);
        assert_eq!((text(outbound.take()), text(outbound.take())), ("hint h3".into(), "everything".into()));
    }

    #[cfg(feature = "http")]
    #[test]
    fn what_somebody_waits_for_is_published_until_nobody_does() {
        let outbound = Outbound::default();
        assert!(outbound.hurry("a".into()) && outbound.hurry("b".into()) && outbound.hint("h".into()));
        let first = outbound.take().unwrap();
        assert!(outbound.give_back(first.clone()));
        assert_eq!(outbound.take(), Some(first));
        let now = Instant::now();
        let just_before = now + PATIENCE.checked_sub(Duration::from_nanos(1)).unwrap();
        assert!(outbound.give_back_at(Next::Urgent("a".into(), now), just_before));
        assert_eq!(text(outbound.take()), "urgent a");
        assert!(!outbound.give_back_at(Next::Urgent("a".into(), now), now + PATIENCE));
        assert_eq!(text(outbound.take()), "urgent b");
        let hint = outbound.take().unwrap();
        assert!(matches!(hint, Next::Hint(_)) && !outbound.give_back(hint));
        assert_eq!(text(outbound.take()), "nothing");
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
        outbound.give_back(Next::Everything);
        assert_eq!(waiting.await.unwrap(), (Next::Change("a".into()), Next::Everything));
    }
}
