//! Counting values by how large they are.

use std::sync::atomic::{AtomicU64, Ordering};

/// The upper bounds for times in seconds, unless others are set.
pub(super) const DEFAULT: &[f64] = &[0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0];

/// Returns true if these are upper bounds: finite, each greater than the one before.
pub(crate) fn are_valid(bounds: &[f64]) -> bool {
    !bounds.is_empty() && bounds.iter().all(|bound| bound.is_finite()) && bounds.is_sorted_by(|a, b| a < b)
}

/// A number that is added to.
#[derive(Debug, Default)]
pub(super) struct Sum(AtomicU64);

impl Sum {
    pub(super) fn add(&self, value: f64) {
        let add = |bits| Some((f64::from_bits(bits) + value).to_bits());
        // The closure never declines.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    pub(super) fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }
}

/// How many values fell between two bounds, and their sum.
#[derive(Debug)]
pub(super) struct Buckets {
    /// One for each bound, and one for what is above the last.
    counts: Box<[AtomicU64]>,
    sum: Sum,
}

impl Buckets {
    pub(super) fn new(bounds: &[f64]) -> Self {
        Self { counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(), sum: Sum::default() }
    }

    pub(super) fn observe(&self, bounds: &[f64], value: f64) {
        let at = bounds.iter().position(|bound| value <= *bound).unwrap_or(bounds.len());
        self.counts[at].fetch_add(1, Ordering::Relaxed);
        self.sum.add(value);
    }

    /// Returns how many values were at most each bound, the last of them being all, and the sum.
    pub(super) fn cumulative(&self) -> (Vec<u64>, f64) {
        let mut sum = 0;
        let counts = self.counts.iter().map(|count| {
            sum += count.load(Ordering::Relaxed);
            sum
        });
        (counts.collect(), self.sum.get())
    }
}
