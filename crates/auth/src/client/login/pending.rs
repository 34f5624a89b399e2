//! Logins that were begun and are not finished: each once, for one browser, for a time, and no more than there is room
//! for.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use super::provider::hash;
use crate::Secret;
use crate::client::dpop::DpopKey;
use crate::client::lock;
use crate::pkce::Pkce;

/// What has to be known again when the user comes back.
#[derive(Debug)]
pub(super) struct Begun {
    /// The hash of what the browser was given.
    pub(super) browser: [u8; 32],
    pub(super) pkce: Pkce,
    pub(super) nonce: Option<Secret>,
    pub(super) user: Option<String>,
    pub(super) scopes: Vec<String>,
    pub(super) resource: Option<String>,
    pub(super) key: Option<DpopKey>,
    pub(super) return_to: Option<String>,
}

/// A table of logins, by the hash of their state.
#[derive(Debug)]
pub(super) struct Pending {
    max: usize,
    lifetime: Duration,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    logins: HashMap<[u8; 32], (Begun, Instant)>,
    /// The oldest first. Those that were taken are still here until their time is over.
    order: VecDeque<([u8; 32], Instant)>,
}

impl Pending {
    pub(super) fn new(max: usize, lifetime: Duration) -> Self {
        Self { max, lifetime, table: Mutex::default() }
    }

    pub(super) fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// Remembers a login. Whoever fills the table pushes out the oldest, and needs as many logins as it holds in the
    /// time in which one user agrees.
    pub(super) fn put(&self, state: &str, login: Begun) {
        let now = Instant::now();
        let (key, until) = (hash(state), now + self.lifetime);
        let mut table = lock(&self.table);
        while let Some((oldest, end)) = table.order.front().copied() {
            if end > now && table.order.len() < self.max {
                break;
            }
            table.order.pop_front();
            table.logins.remove(&oldest);
        }
        table.logins.insert(key, (login, until));
        table.order.push_back((key, until));
    }

    /// Takes a login, once.
    pub(super) fn take(&self, state: &str) -> Option<Begun> {
        let (login, until) = lock(&self.table).logins.remove(&hash(state))?;
        (until > Instant::now()).then_some(login)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(user: &str) -> Begun {
        Begun {
            browser: hash("b"),
            pkce: Pkce::generate(),
            nonce: None,
            user: Some(user.into()),
            scopes: Vec::new(),
            resource: None,
            key: None,
            return_to: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn f87_a_login_is_taken_once_and_only_in_its_time() {
        let pending = Pending::new(10, Duration::from_secs(60));
        pending.put("a", login("ada"));
        assert!(pending.take("A").is_none());
        assert_eq!(pending.take("a").unwrap().user.as_deref(), Some("ada"));
        assert!(pending.take("a").is_none(), "once");
        pending.put("b", login("bob"));
        tokio::time::advance(Duration::from_secs(59)).await;
        pending.put("c", login("cy"));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(pending.take("b").is_none(), "its time is over");
        assert!(pending.take("c").is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn there_are_never_more_logins_than_room() {
        let pending = Pending::new(3, Duration::from_secs(60));
        for name in ["a", "b", "c", "d"] {
            pending.put(name, login(name));
        }
        assert!(pending.take("a").is_none(), "the oldest had to go");
        for name in ["b", "c", "d"] {
            assert!(pending.take(name).is_some(), "{name}");
        }
        for number in 0..1000 {
            pending.put(&number.to_string(), login("x"));
        }
        let kept = || {
            let table = lock(&pending.table);
            (table.logins.len(), table.order.len())
        };
        assert_eq!(kept(), (3, 3));
        tokio::time::advance(Duration::from_secs(60)).await;
        pending.put("last", login("x"));
        assert_eq!(kept(), (1, 1), "what is over is gone");
    }
}
