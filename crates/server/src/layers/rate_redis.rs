//! Rate limits that are counted in Redis.

use std::sync::LazyLock;
use std::time::Duration;

use redis::Script;

use super::rate_store::{RateBucket, RateLimitStore, RateVerdict};
use crate::store::{Redis, StoreError};

/// KEYS buckets. ARGV of each, its interval and what it holds, in microseconds: the generic cell rate algorithm.
static TAKE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"local time = redis.call('TIME')
        local now = time[1] * 1000000 + time[2]
        for index, key in ipairs(KEYS) do
            local interval, capacity = tonumber(ARGV[index * 2 - 1]), tonumber(ARGV[index * 2])
            local full = math.max(tonumber(redis.call('GET', key) or 0), now) + interval
            local wait = full - capacity - now
            if wait > 0 then return string.format('%.0f', wait) end
            redis.call('SET', key, string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000))
        end
        return '0'",
    )
});

/// The longest a bucket takes to be full again, in microseconds: a century.
const MOST: u128 = 100 * 365 * 24 * 60 * 60 * 1_000_000;

/// Rate limits that are counted in Redis, by its clock: one script and one round trip for each request, however many
/// strategies there are.
///
/// Keys are `<prefix>rate:…`, and are gone when their bucket is full. Where Redis keeps nothing over a restart, all
/// buckets are full after it. All keys of a request have to be on one engine, so a cluster cannot be used.
///
/// There is no such store over PostgreSQL: each request would write to a row, and those of one tool, one tenant or all
/// callers to the same one, which others wait for and of which each write leaves an old version to be cleaned up.
#[derive(Debug, Clone)]
pub struct RedisRateLimits {
    redis: Redis,
}

impl RedisRateLimits {
    /// Takes the engine to use.
    #[must_use]
    pub fn new(redis: Redis) -> Self {
        Self { redis }
    }
}

impl RateLimitStore for RedisRateLimits {
    async fn take(&self, buckets: &[RateBucket]) -> Result<RateVerdict, StoreError> {
        let mut take = TAKE.prepare_invoke();
        for bucket in buckets {
            let interval = bucket.interval().as_micros().min(MOST / 2);
            let capacity = interval.saturating_mul(bucket.burst().into()).min(MOST);
            take.key(self.redis.key(format_args!("rate:{}", bucket.key)));
            take.arg(u64::try_from(interval).unwrap_or(u64::MAX)).arg(u64::try_from(capacity).unwrap_or(u64::MAX));
        }
        // Once: a request that may have been counted is not counted again.
        let wait: u64 = self.redis.run_once(&take).await?;
        Ok(match wait {
            0 => RateVerdict::Pass,
            wait => RateVerdict::Wait(Duration::from_micros(wait)),
        })
    }
}
