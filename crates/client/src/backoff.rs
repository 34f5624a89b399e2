//! Waiting between attempts: ever longer, and never all at once.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::Duration;

/// Returns how long to wait after so many failures: twice as long each time, up to half a minute, give or take a half.
pub(crate) fn backoff(failures: u32) -> Duration {
    const FIRST: Duration = Duration::from_millis(200);
    const LONGEST: Duration = Duration::from_secs(30);
    let full = FIRST.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(LONGEST);
    // A fresh hasher is seeded at random, which is all the randomness this needs.
    let random = RandomState::new().hash_one(failures) % 1024;
    full / 2 + full.mul_f64(f64::from(u32::try_from(random).unwrap_or_default()) / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_backoff_grows_and_saturates() {
        for (failures, least, most) in [(1, 100, 300), (2, 200, 600), (9, 15_000, 45_000), (u32::MAX, 15_000, 45_000)] {
            let wait = backoff(failures).as_millis();
            assert!((least..=most).contains(&wait), "{failures}: {wait}");
        }
    }
}
