//! Pauses before something is tried again.

use std::time::Duration;

/// The first pause, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// Pauses that grow, each replica's a little different from those of the others.
#[derive(Debug)]
pub(super) struct Pauses {
    next: Duration,
    /// In hundredths of what it would be.
    percent: u32,
}

impl Pauses {
    /// Creates pauses for the replica with this id.
    pub(super) fn new(id: &str) -> Self {
        let sum: u32 = id.bytes().map(u32::from).sum();
        Self { next: PAUSES.0, percent: 75 + sum % 51 }
    }

    /// What was tried has succeeded.
    pub(super) fn reset(&mut self) {
        self.next = PAUSES.0;
    }

    pub(super) fn take(&mut self) -> Duration {
        let pause = self.next * self.percent / 100;
        self.next = (self.next * 2).min(PAUSES.1);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_limit_and_begin_anew() {
        let mut pauses = Pauses::new("a");
        let taken: Vec<_> = (0..10).map(|_| pauses.take()).collect();
        assert!(taken.is_sorted() && taken[0] < taken[5], "{taken:?}");
        assert!(taken[0] >= PAUSES.0 * 3 / 4 && taken[9] <= PAUSES.1 * 5 / 4, "{taken:?}");
        pauses.reset();
        assert_eq!(pauses.take(), taken[0]);
        assert_ne!(Pauses::new("b").take(), taken[0]);
    }
}
