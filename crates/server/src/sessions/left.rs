//! What clients say that is too long to be told to another process: it is left in the store, where that fetches it.

use std::slice::from_ref;
use std::time::Duration;

use bytes::Bytes;

use super::manager::SessionManager;
use super::store::{EventBounds, NewEvents, SessionKey};
use crate::store::StoreError;

/// For how long whoever waits for it tries to fetch it: when they are told, or when the store can be reached again.
pub(crate) const FETCHED_FOR: Duration = Duration::from_secs(60);

/// For how long it is left there: they may be told as late as a bus is given to tell them.
const LEFT_FOR: Duration = FETCHED_FOR.saturating_mul(2);

/// The stream with the numbers of what was left, for whoever was not told; it takes no room from the others.
const NUMBERS: u32 = 0;

/// How much of one session is left at most, in messages of the longest kind and in messages of any.
const LONGEST: usize = 4;
const MOST: usize = 64;

impl SessionManager {
    /// Leaves what a client has said under a number that nobody else uses; messages have so many bytes at most.
    ///
    /// It lies beside the session, so that it takes no room from its streams.
    pub(crate) async fn leave(
        &self,
        session: &SessionKey,
        number: u32,
        said: &Bytes,
        longest: usize,
    ) -> Result<(), StoreError> {
        let (store, key) = (self.store(), beside(session));
        let streams = (longest / said.len().max(1)).saturating_mul(LONGEST).clamp(LONGEST, MOST);
        let bounds = EventBounds::new(1, said.len(), LEFT_FOR, streams);
        // It may expire in between, but not twice.
        for _ in 0..2 {
            if store.visit(&key, LEFT_FOR, 0).await?.is_none() {
                // Whoever has a session has a place for this.
                store.create(&key, &[], LEFT_FOR, UNBOUNDED).await?;
            }
            let events = NewEvents::new(Some(1), from_ref(said)).and_no_more();
            if !store.append(&key, number, events, bounds).await? {
                continue;
            }
            let written = Bytes::from(number.to_string());
            let events = NewEvents::new(None, from_ref(&written)).once(number.into());
            if store.append(&key, NUMBERS, events, EventBounds::new(MOST, MOST * 16, LEFT_FOR, streams)).await? {
                return Ok(());
            }
        }
        Err(StoreError::unavailable("there is no room for what a client has said"))
    }

    /// Returns the numbers of what was left lately.
    pub(crate) async fn left(&self, session: &SessionKey) -> Result<Vec<u32>, StoreError> {
        let found = self.store().events(&beside(session), NUMBERS, 0).await?;
        let numbers = found.into_iter().flat_map(|found| found.events);
        Ok(numbers.filter_map(|number| std::str::from_utf8(&number).ok()?.parse().ok()).collect())
    }

    /// Fetches what was left under a number; none if it is not there any more.
    pub(crate) async fn fetch(&self, session: &SessionKey, number: u32) -> Result<Option<Bytes>, StoreError> {
        let found = self.store().events(&beside(session), number, 0).await?;
        Ok(found.and_then(|found| found.events.into_iter().next()))
    }
}

/// As many sessions as every store can count.
const UNBOUNDED: usize = i32::MAX as usize;

fn beside(session: &SessionKey) -> SessionKey {
    SessionKey::of(&format!("left of {session}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sessions::{self, SessionConfig};

    #[tokio::test]
    async fn what_is_left_is_bounded_and_takes_no_room_from_the_streams_of_its_session() {
        let manager = SessionManager::new(SessionConfig::new(), sessions::memory()).unwrap();
        let key = SessionKey::of("a session");
        let long = Bytes::from(vec![b'x'; 1000]);
        for number in 1..=5 {
            manager.leave(&key, number, &long, 1000).await.unwrap();
        }
        assert_eq!(manager.fetch(&key, 1).await.unwrap(), None);
        assert_eq!(manager.fetch(&key, 2).await.unwrap(), Some(long.clone()));
        assert_eq!(manager.fetch(&key, 5).await.unwrap(), Some(long));
        let short = Bytes::from_static(b"short");
        for number in 11..=74 {
            manager.leave(&key, number, &short, 1000).await.unwrap();
        }
        assert_eq!(manager.fetch(&key, 5).await.unwrap(), None);
        assert_eq!(manager.fetch(&key, 11).await.unwrap(), Some(short));
        assert_eq!(manager.fetch(&SessionKey::of("another"), 11).await.unwrap(), None);
        let numbers: Vec<_> = (11..=74).collect();
        assert_eq!(manager.left(&key).await.unwrap(), numbers);
        assert!(manager.left(&SessionKey::of("another")).await.unwrap().is_empty());
        // It is no stream of the session.
        assert_eq!(manager.store().events(&key, 11, 0).await.unwrap(), None);
    }
}
