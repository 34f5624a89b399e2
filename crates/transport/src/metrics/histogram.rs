//! Counting values by how great they are.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Histogram;

/// How fine the sum is: millionths.
const MILLIONTHS: f64 = 1e6;

#[derive(Debug, Default)]
pub(super) struct Buckets {
    bounds: Box<[f64]>,
    /// One more than there are bounds: the last is for what is greater than all of them.
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

impl Buckets {
    /// Takes bounds that are in order.
    pub(super) fn new(bounds: &[f64]) -> Self {
        let counts = std::iter::repeat_with(AtomicU64::default).take(bounds.len() + 1).collect();
        Self { bounds: bounds.into(), counts, sum: AtomicU64::new(0) }
    }

    pub(super) fn count(&self, value: f64) {
        let place = self.bounds.partition_point(|bound| *bound < value);
        self.counts[place].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add((value * MILLIONTHS) as u64, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> Histogram {
        let counts: Vec<u64> = self.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        Histogram {
            bounds: self.bounds.to_vec(),
            count: counts.iter().sum(),
            counts,
            sum: self.sum.load(Ordering::Relaxed) as f64 / MILLIONTHS,
        }
    }
}
