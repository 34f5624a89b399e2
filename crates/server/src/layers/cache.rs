//! Results that are kept for a while.

use std::fmt;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use moka::sync::Cache as Entries;
use turbomcp_protocol::types::{CacheScope, CallToolResult, ReadResourceResult};
use turbomcp_protocol::{EncodeResult, Method, Revision};

use super::caller::tenant;
use super::chain::{Answer, Layer};
use super::clock::Clock;
use super::sharing::{LONGEST_KEY, Shared, Sharing, Which, is_still, may_pass, write_caller, write_part};
use super::single_flight::RequestDeduplicator;
use crate::Error;
use crate::access::Guarded;
use crate::registry::{ResourceEntry, ToolEntry};
use crate::request::{Outcome, Request, Response};

/// Which results are kept, and for how long.
///
/// A result is given to the same caller with the same rights, for the same tool and arguments, however these are
/// written; a failure is never kept. Callers of whom nobody knows who they are count as one if they have neither a
/// legacy session nor a connection. Nothing is kept if a layer that was added before the stack has found out who calls,
/// nor if the caller and the arguments, or the URI, take more than 4 KiB. A tool that is replaced or removed, and with
/// it whatever it has answered, is gone at once.
///
/// Contents of resources are kept for as long as they say themselves by `ttl`, and given to whom they say by
/// `cache_scope`, until [`McpServer::resource_updated`](crate::McpServer::resource_updated) says that they have
/// changed. What is public is public for callers of the same tenant, where a server has tenants.
///
/// ```
/// use std::time::Duration;
/// use turbomcp_server::layers::{CacheConfig, Which};
///
/// let tools = Which::named(["exchange_rate"]);
/// let config = CacheConfig { tools, ttl: Duration::from_secs(60), ..CacheConfig::default() };
/// # drop(config);
/// ```
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "written out by users, and closed with `..Default::default()`")]
pub struct CacheConfig {
    /// The tools whose results are kept. Those that say by their annotations that they are read-only and idempotent
    /// unless set.
    pub tools: Which,
    /// How long the result of a tool is kept, and the contents of a resource at most. 5 minutes.
    pub ttl: Duration,
    /// How many results are kept. 10,000.
    pub max_entries: u64,
    /// How long a result may be as JSON, in bytes; a longer one is not kept. 64 KiB.
    pub max_value_bytes: usize,
    /// What tells the time.
    pub clock: Clock,
}

impl CacheConfig {
    pub(super) fn ready(&self) -> Result<Cache, Error> {
        if self.ttl.is_zero() {
            return Err(Error::configuration("`ttl` must not be zero"));
        }
        if self.max_entries == 0 {
            return Err(Error::configuration("`max_entries` must not be zero"));
        }
        if self.max_value_bytes == 0 {
            return Err(Error::configuration("`max_value_bytes` must not be zero"));
        }
        Ok(Cache {
            sharing: Sharing::new(&self.tools)?,
            kept: Kept::new(self.max_entries, self.ttl, self.clock.clone()),
            max_value_bytes: self.max_value_bytes,
            forgotten: AtomicU64::new(0),
        })
    }
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self {
            tools: Which::default(),
            ttl: Duration::from_secs(300),
            max_entries: 10_000,
            max_value_bytes: 64 << 10,
            clock: Clock::default(),
        }
    }
}

/// Values that are kept for a while: at most so many, the least used of which make room.
struct Kept<K, V> {
    entries: Entries<K, (u64, V)>,
    ttl: Duration,
    clock: Clock,
    start: Instant,
}

impl<K, V> Kept<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn new(max_entries: u64, ttl: Duration, clock: Clock) -> Self {
        /// What keeps the entries takes no time that is longer than some centuries.
        const FOR_EVER: Duration = Duration::from_secs(60 * 60 * 24 * 365 * 100);

        let entries = Entries::builder().max_capacity(max_entries).time_to_live(ttl.min(FOR_EVER)).build();
        Self { entries, ttl, clock, start: Instant::now() }
    }

    fn now(&self) -> u64 {
        self.clock.nanos(self.start, Instant::now())
    }

    /// Returns a value and how long it will be kept.
    fn get(&self, key: &K) -> Option<(Duration, V)> {
        let (until, value) = self.entries.get(key)?;
        let left = until.checked_sub(self.now()).filter(|left| *left > 0)?;
        Some((Duration::from_nanos(left), value))
    }

    fn put(&self, key: K, value: V, ttl: Duration) {
        let ttl = u64::try_from(ttl.min(self.ttl).as_nanos()).unwrap_or(u64::MAX);
        self.entries.insert(key, (self.now().saturating_add(ttl), value));
    }
}

/// A cache of one's own: values are computed once, for all who want them at the same time, and kept for a while.
///
/// ```
/// use std::time::Duration;
/// use turbomcp_server::layers::CacheManager;
///
/// # async fn run() {
/// let rates = CacheManager::new(10_000, Duration::from_secs(300));
/// let rate: f64 = rates.get_or_compute("EUR", || async { 1.08 }).await;
/// assert_eq!(rate, 1.08);
/// # }
/// ```
pub struct CacheManager<K, V> {
    kept: Kept<K, V>,
    flights: RequestDeduplicator<K, V>,
}

impl<K, V> CacheManager<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Keeps at most so many values, each for so long.
    #[must_use]
    pub fn new(max_entries: u64, ttl: Duration) -> Self {
        Self::with_clock(max_entries, ttl, Clock::default())
    }

    /// As [`new`](Self::new), by another clock.
    #[must_use]
    pub fn with_clock(max_entries: u64, ttl: Duration, clock: Clock) -> Self {
        Self { kept: Kept::new(max_entries, ttl, clock), flights: RequestDeduplicator::new() }
    }

    /// Returns the value of a key that is kept, or computes it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future of whoever computes leaves that to the next who waits.
    pub async fn get_or_compute<F, A>(&self, key: K, compute: F) -> V
    where
        F: FnOnce() -> A,
        A: Future<Output = V>,
    {
        if let Some((_, value)) = self.kept.get(&key) {
            return value;
        }
        let again = key.clone();
        self.flights
            .deduplicate(key, || async {
                let value = compute().await;
                self.kept.put(again, value.clone(), self.kept.ttl);
                value
            })
            .await
    }

    /// Forgets the value of a key.
    pub fn invalidate(&self, key: &K) {
        self.kept.entries.invalidate(key);
    }

    /// Forgets all values.
    pub fn invalidate_all(&self) {
        self.kept.entries.invalidate_all();
    }
}

/// 10,000 values, each for 5 minutes.
impl<K, V> Default for CacheManager<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn default() -> Self {
        Self::new(10_000, Duration::from_secs(300))
    }
}

impl<K, V> fmt::Debug for CacheManager<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheManager").field("ttl", &self.kept.ttl).finish_non_exhaustive()
    }
}

/// The layer.
pub(crate) struct Cache {
    sharing: Sharing,
    kept: Kept<Box<[u8]>, Value>,
    max_value_bytes: usize,
    /// How often contents of resources were forgotten.
    forgotten: AtomicU64,
}

/// A result, and what has given it, which has to be there still.
#[derive(Clone)]
enum Value {
    Tool(Weak<ToolEntry>, Arc<CallToolResult>),
    Resource(Weak<ResourceEntry>, Arc<ReadResourceResult>),
}

impl Cache {
    /// Forgets the contents of a resource.
    pub(crate) fn forget_resource(&self, uri: &str) {
        self.forgotten.fetch_add(1, Ordering::AcqRel);
        fence(Ordering::SeqCst);
        // Whom they were kept for is a part of the key, so all contents are looked through; those that change are few.
        let mut suffix = Vec::new();
        write_part(uri.as_bytes(), &mut suffix);
        let of_this: Vec<_> = self
            .kept
            .entries
            .iter()
            .filter(|(key, (_, value))| matches!(value, Value::Resource(..)) && key.ends_with(&suffix))
            .map(|(key, _)| key)
            .collect();
        of_this.iter().for_each(|key| self.kept.entries.invalidate(&**key));
    }

    /// Forgets everything.
    pub(crate) fn forget_all(&self) {
        self.forgotten.fetch_add(1, Ordering::AcqRel);
        fence(Ordering::SeqCst);
        self.kept.entries.invalidate_all();
    }

    async fn tool(&self, shared: Shared, request: Request, rest: &impl Answer) -> Response {
        if let Some((_, Value::Tool(from, result))) = self.kept.get(&shared.key)
            && from.ptr_eq(&Arc::downgrade(&shared.entry))
        {
            return Response::tool((*result).clone());
        }
        let inner = request.inner().clone();
        let response = rest.answer(request).await;
        if let Ok(Outcome::Tool(result)) = &response.outcome
            && result.is_error != Some(true)
            && is_still(&shared.caller, &inner)
            && self.fits(result)
        {
            let value = Value::Tool(Arc::downgrade(&shared.entry), Arc::new(result.clone()));
            self.kept.put(shared.key, value, self.kept.ttl);
        }
        response
    }

    async fn resource(&self, request: Request, rest: &impl Answer) -> Response {
        let snapshot = request.inner().server.snapshot();
        let found = request.uri().and_then(|uri| snapshot.resource(&uri).map(|(entry, _)| (uri.into_owned(), entry)));
        let found = found
            .filter(|(uri, entry)| request.inner().server.allows(uri) && may_pass(&request, &snapshot, entry.guard()));
        let Some((uri, entry)) = found else { return rest.answer(request).await };
        let (mut own, mut common) = (b"own".to_vec(), b"common".to_vec());
        let mut caller = Vec::new();
        write_caller(request.inner(), request.extensions(), &mut caller);
        own.extend_from_slice(&caller);
        // What is for everybody is for everybody of a tenant.
        if let Some(tenant) = tenant(request.extensions()) {
            write_part(tenant.as_bytes(), &mut common);
        }
        write_part(uri.as_bytes(), &mut own);
        write_part(uri.as_bytes(), &mut common);
        if own.len().max(common.len()) > LONGEST_KEY {
            return rest.answer(request).await;
        }
        let (own, common) = (own.into_boxed_slice(), common.into_boxed_slice());
        for key in [&own, &common] {
            if let Some((left, Value::Resource(from, result))) = self.kept.get(key)
                && from.ptr_eq(&Arc::downgrade(&entry))
            {
                // The client may keep them for no longer than they would have been kept here.
                return Outcome::Resource((*result).clone().with_ttl(left)).into();
            }
        }
        let before = self.forgotten.load(Ordering::Acquire);
        let inner = request.inner().clone();
        let response = rest.answer(request).await;
        // What was read while something changed may be what was before.
        if self.forgotten.load(Ordering::Acquire) == before
            && let Ok(Outcome::Resource(result)) = &response.outcome
            && let Some(ttl) = result.ttl.filter(|ttl| !ttl.is_zero())
            && is_still(&caller, &inner)
            && self.fits(result)
        {
            let key = if result.cache_scope == Some(CacheScope::Public) { common } else { own };
            self.kept.put(key.clone(), Value::Resource(Arc::downgrade(&entry), Arc::new(result.clone())), ttl);
            // Whoever has forgotten them since has not found these there.
            fence(Ordering::SeqCst);
            if self.forgotten.load(Ordering::Acquire) != before {
                self.kept.entries.invalidate(&key);
            }
        }
        response
    }

    fn fits(&self, result: &impl EncodeResult) -> bool {
        let mut out = Vec::new();
        result.encode_members(Revision::LATEST, &mut out);
        out.len() <= self.max_value_bytes
    }
}

impl Layer for Cache {
    async fn around(&self, request: Request, rest: &impl Answer) -> Response {
        // In boxes: most requests are for what is not kept.
        if request.inner().method == Method::RESOURCES_READ {
            return Box::pin(self.resource(request, rest)).await;
        }
        match self.sharing.call(&request) {
            Some(shared) => Box::pin(self.tool(shared, request, rest)).await,
            None => rest.answer(request).await,
        }
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("sharing", &self.sharing).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn f194_a_value_is_computed_once_and_kept_for_a_while() {
        let seconds = Arc::new(AtomicU64::new(0));
        let told = seconds.clone();
        let clock = Clock::from_fn(move || Duration::from_secs(told.load(Ordering::Relaxed)));
        let cache = CacheManager::with_clock(10, Duration::from_secs(300), clock);
        let computed = AtomicU64::new(0);
        let get = async |key: &'static str| {
            cache.get_or_compute(key, || async { computed.fetch_add(1, Ordering::Relaxed) }).await
        };
        assert_eq!((get("a").await, get("a").await, get("b").await), (0, 0, 1));
        seconds.store(299, Ordering::Relaxed);
        assert_eq!(get("a").await, 0);
        seconds.store(300, Ordering::Relaxed);
        assert_eq!(get("a").await, 2);
        cache.invalidate(&"a");
        assert_eq!(get("a").await, 3);
        cache.invalidate_all();
        assert_eq!(get("b").await, 4);
    }

    #[tokio::test]
    async fn a_value_may_be_kept_for_longer_than_any_clock_goes() {
        let cache = CacheManager::new(10, Duration::MAX);
        for _ in 0..2 {
            assert_eq!(cache.get_or_compute("a", || async { 7 }).await, 7);
        }
        CacheConfig { ttl: Duration::MAX, ..CacheConfig::default() }.ready().unwrap();
    }

    #[test]
    fn f194_no_more_is_kept_than_was_said() {
        let cache = CacheManager::<u64, u64>::new(10, Duration::from_secs(300));
        for number in 0..10_000 {
            cache.kept.put(number, number, cache.kept.ttl);
        }
        cache.kept.entries.run_pending_tasks();
        assert!(cache.kept.entries.entry_count() <= 10);
    }

    #[test]
    fn settings_that_keep_nothing_are_refused_by_name() {
        let check = |config: CacheConfig, field: &str| {
            let error = config.ready().unwrap_err();
            assert!(error.is_configuration() && error.to_string().contains(field), "{error}");
        };
        check(CacheConfig { ttl: Duration::ZERO, ..CacheConfig::default() }, "`ttl`");
        check(CacheConfig { max_entries: 0, ..CacheConfig::default() }, "`max_entries`");
        check(CacheConfig { max_value_bytes: 0, ..CacheConfig::default() }, "`max_value_bytes`");
        check(CacheConfig { tools: Which::Named(Vec::new()), ..CacheConfig::default() }, "`tools`");
    }
}
