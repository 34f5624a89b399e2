//! Where the tokens of users are kept, as long as they are of use.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;
use turbomcp_transport::http::authorize::BoxError;

use crate::Secret;
use crate::client::lock;
use crate::client::store::TokenStore;

/// Keeps secrets in memory, so many, and each for a time since it was last used.
///
/// When there is no room, what was not used for the longest time is forgotten.
///
/// ```
/// use std::time::Duration;
///
/// use turbomcp_auth::client::login::ExpiringStore;
///
/// let store = ExpiringStore::new(500, Duration::from_secs(3600));
/// # drop(store);
/// ```
#[derive(Debug)]
pub struct ExpiringStore {
    max: usize,
    idle: Duration,
    table: Mutex<Table>,
}

#[derive(Debug)]
struct Table {
    entries: HashMap<String, Entry>,
    next_cleanup: Instant,
}

#[derive(Debug)]
struct Entry {
    secret: Secret,
    used: Instant,
}

impl ExpiringStore {
    /// Keeps so many secrets, at least one, each until it was not used for so long.
    #[must_use]
    pub fn new(max: usize, idle: Duration) -> Self {
        let table = Table { entries: HashMap::new(), next_cleanup: Instant::now() + idle };
        Self { max: max.max(1), idle, table: Mutex::new(table) }
    }

    /// Returns how many secrets are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        let mut table = lock(&self.table);
        table.clean_up(self.idle);
        table.entries.len()
    }

    /// Returns true if nothing is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Default for ExpiringStore {
    /// Keeps 10 000 secrets, each for 24 hours.
    fn default() -> Self {
        Self::new(10_000, Duration::from_secs(24 * 3600))
    }
}

impl Table {
    fn clean_up(&mut self, idle: Duration) {
        let now = Instant::now();
        self.entries.retain(|_, entry| now.duration_since(entry.used) < idle);
        self.next_cleanup = now + idle;
    }

    fn forget_the_oldest(&mut self) {
        let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.used).map(|(name, _)| name.clone());
        if let Some(oldest) = oldest {
            self.entries.remove(&oldest);
        }
    }
}

impl TokenStore for ExpiringStore {
    async fn load(&self, name: &str) -> Result<Option<Secret>, BoxError> {
        let now = Instant::now();
        let mut table = lock(&self.table);
        let Some(entry) = table.entries.get_mut(name) else { return Ok(None) };
        if now.duration_since(entry.used) >= self.idle {
            table.entries.remove(name);
            return Ok(None);
        }
        entry.used = now;
        Ok(Some(entry.secret.clone()))
    }

    async fn save(&self, name: &str, secret: Secret) -> Result<(), BoxError> {
        let now = Instant::now();
        let mut table = lock(&self.table);
        let is_full = table.entries.len() >= self.max && !table.entries.contains_key(name);
        if is_full || table.next_cleanup <= now {
            table.clean_up(self.idle);
        }
        if is_full && table.entries.len() >= self.max {
            table.forget_the_oldest();
        }
        table.entries.insert(name.to_owned(), Entry { secret, used: now });
        Ok(())
    }

    async fn remove(&self, name: &str) -> Result<(), BoxError> {
        lock(&self.table).entries.remove(name);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[tokio::test(start_paused = true)]
    async fn f98_what_is_not_used_is_cleaned_up() {
        let store = ExpiringStore::new(10, HOUR);
        store.save("ada", Secret::new("1")).await.unwrap();
        store.save("bob", Secret::new("2")).await.unwrap();
        tokio::time::advance(HOUR / 2).await;
        assert!(store.load("ada").await.unwrap().is_some());
        tokio::time::advance(HOUR / 2).await;
        assert_eq!(store.load("bob").await.unwrap(), None, "nobody used it");
        assert_eq!(store.load("ada").await.unwrap(), Some(Secret::new("1")), "it was used since");
        store.save("cy", Secret::new("3")).await.unwrap();
        assert_eq!(store.len(), 2);
        tokio::time::advance(HOUR).await;
        store.save("dee", Secret::new("4")).await.unwrap();
        assert_eq!(lock(&store.table).entries.len(), 1, "nobody has to ask for what is over");
    }

    #[tokio::test(start_paused = true)]
    async fn f98_there_is_room_for_so_many_and_no_more() {
        let store = ExpiringStore::new(2, HOUR);
        for (name, secret) in [("ada", "1"), ("bob", "2"), ("bob", "3")] {
            store.save(name, Secret::new(secret)).await.unwrap();
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert!(store.load("ada").await.unwrap().is_some());
        tokio::time::advance(Duration::from_secs(1)).await;
        store.save("cy", Secret::new("4")).await.unwrap();
        assert_eq!((store.len(), store.load("bob").await.unwrap()), (2, None), "it was used least");
        store.remove("ada").await.unwrap();
        store.remove("cy").await.unwrap();
        assert!(store.is_empty());
    }
}
