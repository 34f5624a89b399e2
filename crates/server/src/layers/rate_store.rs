//! Rate limits that several servers count together.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::rate_limit::RateLimits;
use crate::Error;
use crate::metrics::ServerMetrics;
use crate::store::StoreError;
use crate::sync::lock;

/// For how long a store that has failed is left alone.
const PAUSE: Duration = Duration::from_secs(1);

/// How long a store may take to count one request, unless that is set.
const TIMEOUT: Duration = Duration::from_millis(500);

/// One of those that a request is counted for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateBucket {
    /// Who is counted together, by which strategy: 26 characters at most. It has a part of
    /// the SHA-256 of the address, the name or the session, so that none of them lies in the store in the clear; whoever
    /// reads it can tell by trying what can be guessed, as addresses can.
    pub key: String,
    /// How many requests are let through.
    pub limits: RateLimits,
}

impl RateBucket {
    /// Creates a bucket, for a test of a store.
    #[must_use]
    pub fn new(key: impl Into<String>, limits: RateLimits) -> Self {
        Self { key: key.into(), limits }
    }

    /// Returns how long it takes until one more request is let through.
    #[must_use]
    pub fn interval(&self) -> Duration {
        (self.limits.period / self.limits.requests_per_period.max(1)).max(Duration::from_micros(1))
    }

    /// Returns how many requests are let through at once.
    #[must_use]
    pub fn burst(&self) -> u32 {
        self.limits.burst_size.unwrap_or(self.limits.requests_per_period).max(1)
    }
}

/// What a store says of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a request is let through, or it is not")]
pub enum RateVerdict {
    /// It is let through, and was counted in every bucket.
    Pass,
    /// A bucket is empty, for so long. The request was counted in those before it.
    Wait(Duration),
}

/// Where several servers count requests together, by one clock.
///
/// A bucket holds as many requests as [`burst`](RateBucket::burst) says, and gets one back after each
/// [`interval`](RateBucket::interval).
///
/// ```
/// use std::collections::HashMap;
/// use std::sync::Mutex;
/// use std::time::{Duration, Instant};
/// use turbomcp_server::layers::{RateBucket, RateLimitStore, RateVerdict};
/// use turbomcp_server::store::StoreError;
///
/// /// Of each bucket, when it will be full again.
/// #[derive(Default)]
/// struct InThisProcess(Mutex<HashMap<String, Instant>>);
///
/// impl RateLimitStore for InThisProcess {
///     async fn take(&self, buckets: &[RateBucket]) -> Result<RateVerdict, StoreError> {
///         let (mut known, now) = (self.0.lock().unwrap(), Instant::now());
///         for bucket in buckets {
///             let full = known.get(&bucket.key).copied().unwrap_or(now).max(now) + bucket.interval();
///             let capacity = bucket.interval() * bucket.burst();
///             if full - now > capacity {
///                 return Ok(RateVerdict::Wait(full - now - capacity));
///             }
///             known.insert(bucket.key.clone(), full);
///         }
///         Ok(RateVerdict::Pass)
///     }
/// }
/// ```
///
/// # Cancel safety
///
/// A request whose future is dropped was counted or was not.
#[diagnostic::on_unimplemented(
    message = "`{Self}` counts no requests",
    note = "use `RedisRateLimits`, or implement `RateLimitStore`"
)]
pub trait RateLimitStore: Send + Sync + 'static {
    /// Takes one request out of each bucket, in their order, up to the first that is empty. Nobody else takes anything
    /// meanwhile.
    ///
    /// # Errors
    ///
    /// If the store cannot be reached. The request may have been counted.
    fn take(&self, buckets: &[RateBucket]) -> impl Future<Output = Result<RateVerdict, StoreError>> + Send;
}

type Taking<'a> = Pin<Box<dyn Future<Output = Result<RateVerdict, StoreError>> + Send + 'a>>;

trait Erased: Send + Sync {
    fn take<'a>(&'a self, buckets: &'a [RateBucket]) -> Taking<'a>;
}

impl<S: RateLimitStore> Erased for S {
    fn take<'a>(&'a self, buckets: &'a [RateBucket]) -> Taking<'a> {
        Box::pin(RateLimitStore::take(self, buckets))
    }
}

/// What becomes of requests while the store cannot count them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhenUnavailable {
    /// Each server counts them for itself, beginning with full buckets: in all, as many times as many are let through
    /// as there are servers.
    #[default]
    CountLocally,
    /// They are refused with the code 503.
    Refuse,
}

/// Has several servers count requests together: for [`RateLimitConfig::shared`](super::RateLimitConfig::shared).
///
/// Clones are the same. A store that fails is left alone for a second, so that not every request waits for it;
/// [`health::checks::rate_limits`](crate::health::checks::rate_limits) and the counter
/// [`rate_limit_store_failures`](crate::metrics::ServerMetrics::rate_limit_store_failures) tell of it.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// # #[cfg(feature = "session-redis")] {
/// use turbomcp_server::ServerBuilder;
/// use turbomcp_server::layers::{
///     MiddlewareStack, RateLimitConfig, RateLimitStrategy, RateLimits, RedisRateLimits, SharedRateLimits,
/// };
/// use turbomcp_server::store::Redis;
///
/// let redis = Redis::connect("redis://127.0.0.1:6379").await?;
/// let config = RateLimitConfig::new(RateLimitStrategy::PerPrincipal, RateLimits::per_minute(600).burst(50))
///     .shared(SharedRateLimits::new(RedisRateLimits::new(redis)));
/// let server = ServerBuilder::new().with_middleware_stack(MiddlewareStack::new().with_rate_limit(config))?.build();
/// # drop(server);
/// # }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct SharedRateLimits {
    store: Arc<dyn Erased>,
    when_unavailable: WhenUnavailable,
    timeout: Duration,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// Until when it is left alone, if it has failed when it was asked last.
    left_alone: Mutex<Option<Instant>>,
    failures: AtomicU64,
}

impl SharedRateLimits {
    /// Counts in a store. While that fails, each server counts for itself.
    pub fn new(store: impl RateLimitStore) -> Self {
        Self {
            store: Arc::new(store),
            when_unavailable: WhenUnavailable::default(),
            timeout: TIMEOUT,
            state: Arc::default(),
        }
    }

    /// Sets what becomes of requests while the store fails.
    pub fn when_unavailable(mut self, what: WhenUnavailable) -> Self {
        self.when_unavailable = what;
        self
    }

    /// Sets how long the store may take to count a request before it has failed: 500 ms unless set.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Returns true if the store has failed when it was asked last.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        lock(&self.state.left_alone).is_some()
    }

    pub(crate) fn refuses(&self) -> bool {
        self.when_unavailable == WhenUnavailable::Refuse
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        match self.timeout {
            Duration::ZERO => Err(Error::configuration("the timeout of `shared` must not be zero")),
            _ => Ok(()),
        }
    }

    /// Counts a request; none if the store fails.
    pub(super) async fn take(&self, buckets: &[RateBucket], metrics: &ServerMetrics) -> Option<RateVerdict> {
        let Some(has_failed) = self.turn() else {
            metrics.rate_limit_store_failures.fetch_add(1, Ordering::Relaxed);
            return None;
        };
        let taken = match tokio::time::timeout(self.timeout, self.store.take(buckets)).await {
            Ok(taken) => taken,
            Err(_) => Err(StoreError::unavailable("the store of rate limits did not answer in time")),
        };
        match taken {
            Ok(verdict) => {
                if has_failed && lock(&self.state.left_alone).take().is_some() {
                    tracing::info!("rate limits are counted together again");
                }
                Some(verdict)
            }
            Err(error) => {
                self.failed(&error);
                metrics.rate_limit_store_failures.fetch_add(1, Ordering::Relaxed);
                None
            }
        }
    }

    /// Returns true if somebody is to find out whether the store that has failed is back, false if it has not failed, and
    /// none if it is left alone: while one finds out, which takes no longer than it may, others do not wait as well.
    fn turn(&self) -> Option<bool> {
        let mut left_alone = lock(&self.state.left_alone);
        let Some(until) = *left_alone else { return Some(false) };
        let now = Instant::now();
        if now < until {
            return None;
        }
        *left_alone = now.checked_add(self.timeout.saturating_add(PAUSE)).or(Some(now + PAUSE));
        Some(true)
    }

    #[cold]
    fn failed(&self, error: &StoreError) {
        *lock(&self.state.left_alone) = Some(Instant::now() + PAUSE);
        // Once a second, as often as it is asked; of an outage that lasts, seldom.
        if (self.state.failures.fetch_add(1, Ordering::Relaxed) + 1).is_power_of_two() {
            let source = std::error::Error::source(error);
            tracing::warn!(%error, source, what = ?self.when_unavailable, "rate limits cannot be counted together");
        }
    }
}

impl fmt::Debug for SharedRateLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedRateLimits")
            .field("when_unavailable", &self.when_unavailable)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    /// Never answers, and counts how often it was asked.
    struct Hanging(Arc<AtomicUsize>);

    impl RateLimitStore for Hanging {
        async fn take(&self, _: &[RateBucket]) -> Result<RateVerdict, StoreError> {
            self.0.fetch_add(1, Ordering::Relaxed);
            std::future::pending().await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_request_finds_out_whether_a_store_that_hangs_is_back() {
        let (asked, metrics) = (Arc::new(AtomicUsize::new(0)), Arc::new(ServerMetrics::default()));
        let shared = SharedRateLimits::new(Hanging(asked.clone())).timeout(Duration::from_millis(20));
        let began = tokio::time::Instant::now();
        assert_eq!(shared.take(&[], &metrics).await, None);
        let took = began.elapsed();
        assert!((Duration::from_millis(20)..Duration::from_millis(30)).contains(&took), "{took:?}");
        assert!(shared.is_failing());
        assert_eq!(shared.take(&[], &metrics).await, None);
        assert_eq!(asked.load(Ordering::Relaxed), 1, "it is left alone");
        // The pause is over.
        *lock(&shared.state.left_alone) = Some(Instant::now());
        let taking: Vec<_> = (0..10)
            .map(|_| {
                let (shared, metrics) = (shared.clone(), metrics.clone());
                tokio::spawn(async move { shared.take(&[], &metrics).await })
            })
            .collect();
        for taken in taking {
            assert_eq!(taken.await.unwrap(), None);
        }
        assert_eq!(asked.load(Ordering::Relaxed), 2);
        assert_eq!(metrics.rate_limit_store_failures.load(Ordering::Relaxed), 12);
    }
}
