//! What tells layers the time.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What tells layers the time: that of the system, unless a test has another.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use std::time::Duration;
/// use turbomcp_server::layers::Clock;
///
/// let seconds = Arc::new(AtomicU64::new(0));
/// let told = seconds.clone();
/// let clock = Clock::from_fn(move || Duration::from_secs(told.load(Ordering::Relaxed)));
/// seconds.store(60, Ordering::Relaxed);
/// # drop(clock);
/// ```
#[derive(Clone, Default)]
pub struct Clock(Option<Arc<dyn Fn() -> Duration + Send + Sync>>);

impl Clock {
    /// Takes the time that has passed since any moment from a function. It must not go backwards.
    pub fn from_fn(since: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(since)))
    }

    /// Returns the time since `start`, as nanoseconds; `now` is when that is not asked for again.
    pub(super) fn nanos(&self, start: Instant, now: Instant) -> u64 {
        let passed = match &self.0 {
            Some(since) => since(),
            None => now.saturating_duration_since(start),
        };
        u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Clock(function)" } else { "Clock(system)" })
    }
}
