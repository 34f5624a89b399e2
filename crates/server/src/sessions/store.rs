//! What a store of sessions does.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use ring::digest::{SHA256, digest};

use crate::store::StoreError;

/// What a session is kept under: a hash of its id, so that nobody who sees what is kept can use the session.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionKey(Box<str>);

impl SessionKey {
    /// Returns the key of the session with this id.
    #[must_use]
    pub fn of(id: &str) -> Self {
        Self(URL_SAFE_NO_PAD.encode(digest(&SHA256, id.as_bytes())).into())
    }

    /// Returns the key as text: 43 letters, digits, `-` and `_`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn from_kept(text: &str) -> Self {
        Self(text.into())
    }

    /// Reads a key that [`as_str`](Self::as_str) wrote, or somebody has made up.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_one = URL_SAFE_NO_PAD.decode(text).is_ok_and(|bytes| bytes.len() == ring::digest::SHA256_OUTPUT_LEN);
        is_one.then(|| Self(text.into()))
    }
}

impl fmt::Display for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SessionKey").field(&&self.0[..8]).finish()
    }
}

/// A session as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredSession {
    /// How often the record was written, from 1.
    pub version: u64,
    /// How many requests were made in the session.
    pub requests: u64,
    /// What is known of it.
    pub record: Vec<u8>,
}

impl StoredSession {
    /// Creates a session as it is kept.
    #[must_use]
    pub fn new(version: u64, requests: u64, record: Vec<u8>) -> Self {
        Self { version, requests, record }
    }
}

/// The events of one stream, as far as they are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredEvents {
    /// The number of the last event there was; 0 if there was none.
    pub last: u64,
    /// The events up to that one, without gaps.
    pub events: Vec<Bytes>,
    /// Nothing follows them.
    pub is_over: bool,
}

impl StoredEvents {
    /// Creates events of which the last has this number.
    #[must_use]
    pub fn new(last: u64, events: Vec<Bytes>, is_over: bool) -> Self {
        Self { last, events, is_over }
    }

    /// Returns the number of the first of the events; that of the next one if there are none.
    #[must_use]
    pub fn first(&self) -> u64 {
        (self.last + 1).saturating_sub(self.events.len() as u64)
    }
}

/// Events that are to be kept.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct NewEvents<'a> {
    /// The number of the first of them; none if the store numbers them.
    pub first: Option<u64>,
    /// The events; there may be none.
    pub events: &'a [Bytes],
    /// Nothing follows them.
    pub is_over: bool,
    /// What two calls have in common that add the same events: they are added once, if the second follows within
    /// minutes. It matters where the store numbers events, which it cannot tell apart otherwise.
    pub once: Option<u64>,
}

impl<'a> NewEvents<'a> {
    /// Adds events whose first has this number, or the next one.
    #[must_use]
    pub fn new(first: Option<u64>, events: &'a [Bytes]) -> Self {
        Self { first, events, is_over: false, once: None }
    }

    /// Adds them once, however often that is asked with this number, which nobody else uses.
    #[must_use]
    pub fn once(mut self, number: u64) -> Self {
        self.once = Some(number);
        self
    }

    /// Adds nothing behind them.
    #[must_use]
    pub fn and_no_more(mut self) -> Self {
        self.is_over = true;
        self
    }
}

/// How much of the events of a session is kept.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct EventBounds {
    /// How many events of one stream.
    pub events: usize,
    /// How many bytes of one stream; the last event is kept in any case.
    pub bytes: usize,
    /// How long after the last one was added to their stream.
    pub age: Duration,
    /// How many streams, the newest, beside the one with the number 0, which lasts as long as the session.
    pub streams: usize,
}

/// Where sessions are kept, so that they outlive a process and any replica can serve them.
///
/// All methods are safe to call twice: whoever does not know what became of a call may repeat it, and calls
/// [`append`](Self::append) with [`NewEvents::once`] where the store numbers events.
///
/// Under keys that are those of no session the server leaves what clients say that is too long for a
/// [bus](crate::bus), for two minutes, with an empty record, one event in each stream, and the numbers of these in the
/// stream 0.
///
/// [`memory`](super::memory), [`memory_with_persistence`](super::memory_with_persistence), `redis` and `postgres` are those
/// there are.
///
/// # Cancel safety
///
/// A call whose future is dropped has happened or has not.
#[diagnostic::on_unimplemented(
    message = "`{Self}` keeps no sessions",
    note = "use `sessions::memory()`, or implement `SessionStore`"
)]
pub trait SessionStore: Send + Sync + 'static {
    /// Keeps a new session for so long; false if there are `cap` already.
    ///
    /// # Errors
    ///
    /// If the store cannot be reached, as all methods.
    fn create(
        &self,
        key: &SessionKey,
        record: &[u8],
        ttl: Duration,
        cap: usize,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Returns a session, counts so many requests in it, and keeps it for so long from now on; none if there is none.
    fn visit(
        &self,
        key: &SessionKey,
        ttl: Duration,
        requests: u64,
    ) -> impl Future<Output = Result<Option<StoredSession>, StoreError>> + Send;

    /// Replaces the record of a session if it is of this version; false if it is not, or there is none.
    fn update(
        &self,
        key: &SessionKey,
        version: u64,
        record: &[u8],
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Ends a session with all that is kept for it; false if there is none.
    fn remove(&self, key: &SessionKey) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Adds events to a stream, which is created if there is none; false if there is no such session.
    ///
    /// Events the stream has already, by their numbers, are left out. Where some are missing before the first, it begins
    /// anew with that. Events that were added by a call with the same [`NewEvents::once`] are left out, too.
    fn append(
        &self,
        key: &SessionKey,
        stream: u32,
        events: NewEvents<'_>,
        bounds: EventBounds,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Returns the events of a stream behind the one with this number; none if there is no such session or stream.
    fn events(
        &self,
        key: &SessionKey,
        stream: u32,
        after: u64,
    ) -> impl Future<Output = Result<Option<StoredEvents>, StoreError>> + Send;

    /// Removes what has expired, and returns how many sessions that were.
    fn sweep(&self) -> impl Future<Output = Result<usize, StoreError>> + Send;

    /// Returns how many sessions there are.
    fn count(&self) -> impl Future<Output = Result<usize, StoreError>> + Send;
}

impl EventBounds {
    /// Keeps so many events and bytes of each stream, for so long, of so many streams.
    #[must_use]
    pub fn new(events: usize, bytes: usize, age: Duration, streams: usize) -> Self {
        Self { events, bytes, age, streams }
    }
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Any store, for those who do not care which.
pub(crate) trait ErasedStore: Send + Sync {
    fn create<'a>(&'a self, key: &'a SessionKey, record: &'a [u8], ttl: Duration, cap: usize) -> Boxed<'a, bool>;
    fn visit<'a>(&'a self, key: &'a SessionKey, ttl: Duration, requests: u64) -> Boxed<'a, Option<StoredSession>>;
    fn update<'a>(&'a self, key: &'a SessionKey, version: u64, record: &'a [u8]) -> Boxed<'a, bool>;
    fn remove<'a>(&'a self, key: &'a SessionKey) -> Boxed<'a, bool>;
    fn append<'a>(
        &'a self,
        key: &'a SessionKey,
        stream: u32,
        events: NewEvents<'a>,
        bounds: EventBounds,
    ) -> Boxed<'a, bool>;
    fn events<'a>(&'a self, key: &'a SessionKey, stream: u32, after: u64) -> Boxed<'a, Option<StoredEvents>>;
    fn sweep(&self) -> Boxed<'_, usize>;
    fn count(&self) -> Boxed<'_, usize>;
}

impl<S: SessionStore> ErasedStore for S {
    fn create<'a>(&'a self, key: &'a SessionKey, record: &'a [u8], ttl: Duration, cap: usize) -> Boxed<'a, bool> {
        Box::pin(SessionStore::create(self, key, record, ttl, cap))
    }

    fn visit<'a>(&'a self, key: &'a SessionKey, ttl: Duration, requests: u64) -> Boxed<'a, Option<StoredSession>> {
        Box::pin(SessionStore::visit(self, key, ttl, requests))
    }

    fn update<'a>(&'a self, key: &'a SessionKey, version: u64, record: &'a [u8]) -> Boxed<'a, bool> {
        Box::pin(SessionStore::update(self, key, version, record))
    }

    fn remove<'a>(&'a self, key: &'a SessionKey) -> Boxed<'a, bool> {
        Box::pin(SessionStore::remove(self, key))
    }

    fn append<'a>(
        &'a self,
        key: &'a SessionKey,
        stream: u32,
        events: NewEvents<'a>,
        bounds: EventBounds,
    ) -> Boxed<'a, bool> {
        Box::pin(SessionStore::append(self, key, stream, events, bounds))
    }

    fn events<'a>(&'a self, key: &'a SessionKey, stream: u32, after: u64) -> Boxed<'a, Option<StoredEvents>> {
        Box::pin(SessionStore::events(self, key, stream, after))
    }

    fn sweep(&self) -> Boxed<'_, usize> {
        Box::pin(SessionStore::sweep(self))
    }

    fn count(&self) -> Boxed<'_, usize> {
        Box::pin(SessionStore::count(self))
    }
}
