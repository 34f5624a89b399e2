//! How many requests of a tenant are let through.
//!
//! The buckets of the middleware stack are of one size for all; those of tenants are as large as each is configured,
//! and that can change while they are in use.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use crate::sync::lock;

/// A bucket: as many requests at once as there may be in a second, and then one for each part of a second.
///
/// It is one moment: when it will be full again.
#[derive(Debug, Default)]
pub(super) struct Bucket(Mutex<Option<Instant>>);

impl Bucket {
    /// Takes one request, or says how long it will be until there is one.
    pub(super) fn take(&self, per_second: u32, now: Instant) -> Result<(), Duration> {
        let interval = Duration::from_secs(1) / per_second.max(1);
        let mut full_at = lock(&self.0);
        let then = full_at.map_or(now, |at| at.max(now)) + interval;
        let wait = then.saturating_duration_since(now).saturating_sub(interval * per_second.max(1));
        if !wait.is_zero() {
            return Err(wait);
        }
        *full_at = Some(then);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holds_so_many_and_no_more() {
        let (bucket, start) = (Bucket::default(), Instant::now());
        for _ in 0..4 {
            assert_eq!(bucket.take(4, start), Ok(()));
        }
        assert_eq!(bucket.take(4, start), Err(Duration::from_millis(250)));
        assert_eq!(bucket.take(4, start + Duration::from_millis(249)), Err(Duration::from_millis(1)));
        assert_eq!(bucket.take(4, start + Duration::from_millis(250)), Ok(()));
        // After a long pause there are no more than before.
        let later = start + Duration::from_secs(1000);
        assert_eq!((0..10).filter(|_| bucket.take(4, later).is_ok()).count(), 4);
        // One that was configured anew counts by what it is now.
        assert_eq!((0..1000).filter(|_| bucket.take(100, later).is_ok()).count(), 0);
        assert_eq!((0..1000).filter(|_| bucket.take(100, later + Duration::from_secs(1)).is_ok()).count(), 100);
    }

    #[test]
    fn a_rate_that_does_not_divide_a_second_is_not_lower() {
        let (bucket, start) = (Bucket::default(), Instant::now());
        for rate in [3, 7, 999] {
            let then = start + Duration::from_secs(u64::from(rate) * 10);
            assert_eq!((0..2000).filter(|_| bucket.take(rate, then).is_ok()).count(), rate as usize);
        }
    }
}
