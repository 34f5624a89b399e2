//! Token buckets for many keys, in memory that does not grow.

use std::sync::Mutex;
use std::time::Duration;

use crate::sync::lock;

/// How many keys have to share a set: those whose hashes fall together.
const WAYS: usize = 8;

/// A bucket for each key: so many requests at once, and one more for each interval.
///
/// A bucket is one number, the moment at which it will be full again: the generic cell rate algorithm. Keys are hashes
/// with a secret of the process, so that nobody can choose which fall together. Where all places of a set are taken by
/// buckets that are not full, the one that is fullest is forgotten: whoever was held back least.
#[derive(Debug)]
pub(super) struct Buckets {
    interval: u64,
    capacity: u64,
    sets: Box<[Mutex<[Slot; WAYS]>]>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    key: u64,
    full_at: u64,
}

impl Buckets {
    /// Makes buckets for so many keys, rounded up.
    pub(super) fn new(requests: u32, period: Duration, burst: u32, keys: usize) -> Self {
        // A whole burst is far less than what the clock can be ahead by.
        let longest = u64::MAX / 4 / u64::from(burst.max(1));
        let interval = u64::try_from(period.as_nanos() / u128::from(requests.max(1))).unwrap_or(longest);
        let interval = interval.clamp(1, longest);
        let sets = keys.div_ceil(WAYS).next_power_of_two();
        Self {
            interval,
            capacity: interval.saturating_mul(u64::from(burst)),
            sets: (0..sets).map(|_| Mutex::default()).collect(),
        }
    }

    /// Takes one request out of the bucket of a key, or says how long it will be until there is one.
    pub(super) fn take(&self, key: u64, now: u64) -> Result<(), Duration> {
        // 0 is what a place that was never used has.
        let key = key | 1;
        let set = (key >> 32) as usize & (self.sets.len() - 1);
        let mut slots = lock(&self.sets[set]);
        let slot = match slots.iter().position(|slot| slot.key == key) {
            Some(at) => &mut slots[at],
            None => {
                let slot = slots.iter_mut().min_by_key(|slot| slot.full_at).expect("a set has places");
                *slot = Slot { key, full_at: 0 };
                slot
            }
        };
        let full_at = slot.full_at.max(now).saturating_add(self.interval);
        let until = full_at.saturating_sub(self.capacity);
        if until > now {
            return Err(Duration::from_nanos(until - now));
        }
        slot.full_at = full_at;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_burst_is_let_through_and_then_one_for_each_interval() {
        let buckets = Buckets::new(60, Duration::from_secs(60), 3, 8);
        for _ in 0..3 {
            assert_eq!(buckets.take(7, 0), Ok(()));
        }
        assert_eq!(buckets.take(7, 0), Err(Duration::from_secs(1)));
        assert_eq!(buckets.take(7, SECOND / 2), Err(Duration::from_millis(500)));
        assert_eq!(buckets.take(7, SECOND), Ok(()));
        assert_eq!(buckets.take(7, SECOND), Err(Duration::from_secs(1)));
    }

    #[test]
    fn a_bucket_holds_what_a_naive_one_does() {
        // Tokens as integers of an interval's nanoseconds, filled up at each look.
        let (interval, burst) = (3_000_000_000u64, 5u64);
        let buckets = Buckets::new(20, Duration::from_secs(60), 5, 8);
        let (mut tokens, mut last, mut now, mut seed) = (burst * interval, 0u64, 0u64, 1u64);
        for _ in 0..10_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            now += (seed >> 33) % (4 * SECOND);
            tokens = (tokens + (now - last)).min(burst * interval);
            last = now;
            let expected = if tokens >= interval {
                tokens -= interval;
                Ok(())
            } else {
                Err(Duration::from_nanos(interval - tokens))
            };
            assert_eq!(buckets.take(7, now), expected, "at {now}");
        }
    }

    #[test]
    fn a_period_may_be_longer_than_any_clock_goes() {
        for (requests, burst) in [(1, 1), (1, 3), (u32::MAX, u32::MAX)] {
            let buckets = Buckets::new(requests, Duration::MAX, burst, 8);
            let taken = (0..5).take_while(|_| buckets.take(7, SECOND).is_ok()).count();
            assert_eq!(taken, burst.min(5) as usize);
        }
    }

    #[test]
    fn keys_have_buckets_of_their_own() {
        let buckets = Buckets::new(1, Duration::from_secs(1), 1, 1000);
        for key in 0..500u64 {
            assert_eq!(buckets.take(key << 33, 0), Ok(()), "{key}");
        }
        assert!(buckets.take(0, 0).is_err());
    }

    #[test]
    fn many_keys_take_no_more_memory_and_let_nobody_off_who_is_held_back_most() {
        let buckets = Buckets::new(1, Duration::from_secs(1), 10, WAYS);
        assert_eq!(buckets.sets.len(), 1);
        for _ in 0..10 {
            assert_eq!(buckets.take(1, 0), Ok(()));
        }
        for stranger in 0..100_000u64 {
            let _ = buckets.take((stranger + 2) << 1, 0);
        }
        assert!(buckets.take(1, 0).is_err(), "whoever has used up most is remembered");
        assert_eq!(buckets.sets.len(), 1);
    }

    #[test]
    fn a_key_that_was_let_off_begins_anew() {
        let buckets = Buckets::new(1, Duration::from_secs(1), 1, WAYS);
        assert_eq!(buckets.take(1, 0), Ok(()));
        assert!(buckets.take(1, SECOND - 1).is_err());
        assert_eq!(buckets.take(1, SECOND), Ok(()));
    }
}
