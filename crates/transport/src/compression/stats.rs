//! What compression has saved.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::metrics::Meter;

/// What was compressed, and what was not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CompressionStats {
    /// How many bodies, or pieces of a stream, were compressed.
    pub compressed: u64,
    /// How many could have been, and were not: too small, or nothing to gain.
    pub left: u64,
    /// How many bytes those had that were compressed.
    pub bytes_in: u64,
    /// How many bytes they became.
    pub bytes_out: u64,
    /// How many bodies, or pieces of a stream, came compressed.
    pub expanded: u64,
    /// How many bytes those had.
    pub received_bytes: u64,
    /// How many bytes they became.
    pub expanded_bytes: u64,
}

impl CompressionStats {
    /// Returns how many bytes there were before for each one after; none before anything was compressed.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a ratio is an estimate")]
    pub fn ratio(&self) -> Option<f64> {
        (self.bytes_out > 0).then(|| self.bytes_in as f64 / self.bytes_out as f64)
    }
}

/// Where it is counted: for whoever holds the configuration, and for the metrics of the binding, if there are any.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    shared: Arc<Counters>,
    meter: Option<Meter>,
}

#[derive(Debug, Default)]
struct Counters {
    compressed: AtomicU64,
    left: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    expanded: AtomicU64,
    received_bytes: AtomicU64,
    expanded_bytes: AtomicU64,
}

fn add(counter: &AtomicU64, more: usize) {
    counter.fetch_add(more as u64, Ordering::Relaxed);
}

impl Tally {
    pub(super) fn metered(self, meter: Option<Meter>) -> Self {
        Self { meter, ..self }
    }

    fn meter(&self, plain: usize, packed: usize) {
        if let Some(meter) = &self.meter {
            meter.compressed(plain, packed);
        }
    }

    pub(super) fn compressed(&self, before: usize, after: usize) {
        add(&self.shared.compressed, 1);
        self.more(before, after);
    }

    /// Counts further bytes of something that was counted already.
    pub(super) fn more(&self, before: usize, after: usize) {
        add(&self.shared.bytes_in, before);
        add(&self.shared.bytes_out, after);
        self.meter(before, after);
    }

    pub(super) fn left(&self) {
        add(&self.shared.left, 1);
    }

    pub(super) fn expanded(&self, before: usize, after: usize) {
        add(&self.shared.expanded, 1);
        self.more_expanded(before, after);
    }

    pub(super) fn more_expanded(&self, before: usize, after: usize) {
        add(&self.shared.received_bytes, before);
        add(&self.shared.expanded_bytes, after);
        self.meter(after, before);
    }

    pub(super) fn snapshot(&self) -> CompressionStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.shared;
        CompressionStats {
            compressed: read(&counters.compressed),
            left: read(&counters.left),
            bytes_in: read(&counters.bytes_in),
            bytes_out: read(&counters.bytes_out),
            expanded: read(&counters.expanded),
            received_bytes: read(&counters.received_bytes),
            expanded_bytes: read(&counters.expanded_bytes),
        }
    }
}
