//! The ids of requests.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts up, and never repeats an id while the client lives.
#[derive(Debug, Default)]
pub(crate) struct Ids(AtomicU64);

impl Ids {
    pub(crate) fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }
}
