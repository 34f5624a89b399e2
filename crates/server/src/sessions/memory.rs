//! Sessions in the memory of this process.

use std::fmt;
use std::future::{Future, ready};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;

use super::store::{EventBounds, NewEvents, SessionKey, SessionStore, StoredEvents, StoredSession};
use super::table::{Table, millis, now};
use crate::store::StoreError;
use crate::sync::lock;

/// Sessions in the memory of this process; clones share them.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), turbomcp_server::store::StoreError> {
/// use turbomcp_server::sessions::{self, SessionStore};
///
/// assert_eq!(sessions::memory().count().await?, 0);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct MemorySessions {
    table: Arc<Mutex<Table>>,
}

impl fmt::Debug for MemorySessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemorySessions").field("sessions", &lock(&self.table).sessions.len()).finish_non_exhaustive()
    }
}

impl SessionStore for MemorySessions {
    fn create(
        &self,
        key: &SessionKey,
        record: &[u8],
        ttl: Duration,
        cap: usize,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send {
        let now = now();
        let expires = now.saturating_add(millis(ttl));
        ready(Ok(lock(&self.table).create(key, Bytes::copy_from_slice(record), expires, cap, now)))
    }

    fn visit(
        &self,
        key: &SessionKey,
        ttl: Duration,
        requests: u64,
    ) -> impl Future<Output = Result<Option<StoredSession>, StoreError>> + Send {
        let now = now();
        ready(Ok(lock(&self.table).visit(key, now.saturating_add(millis(ttl)), requests, now)))
    }

    fn update(
        &self,
        key: &SessionKey,
        version: u64,
        record: &[u8],
    ) -> impl Future<Output = Result<bool, StoreError>> + Send {
        let record = Bytes::copy_from_slice(record);
        ready(Ok(lock(&self.table).update(key, version, record, now()).is_some()))
    }

    fn remove(&self, key: &SessionKey) -> impl Future<Output = Result<bool, StoreError>> + Send {
        ready(Ok(lock(&self.table).remove(key, now())))
    }

    fn append(
        &self,
        key: &SessionKey,
        stream: u32,
        events: NewEvents<'_>,
        bounds: EventBounds,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send {
        ready(Ok(lock(&self.table).append(key, stream, events, bounds, now())))
    }

    fn events(
        &self,
        key: &SessionKey,
        stream: u32,
        after: u64,
    ) -> impl Future<Output = Result<Option<StoredEvents>, StoreError>> + Send {
        ready(Ok(lock(&self.table).events(key, stream, after, now())))
    }

    fn sweep(&self) -> impl Future<Output = Result<usize, StoreError>> + Send {
        ready(Ok(lock(&self.table).sweep(now())))
    }

    fn count(&self) -> impl Future<Output = Result<usize, StoreError>> + Send {
        ready(Ok(lock(&self.table).count(now())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_kept_is_not_shown() {
        let store = MemorySessions::default();
        assert!(store.create(&SessionKey::of("an-id"), b"a record", Duration::from_secs(60), 10).await.unwrap());
        assert_eq!(format!("{store:?}"), "MemorySessions { sessions: 1, .. }");
    }
}
