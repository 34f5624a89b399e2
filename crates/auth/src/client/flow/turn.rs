//! What is remembered from one refusal to the next, and how often anything is tried.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::client::discovery::ServerMetadata;

/// How often authorization is widened for the same operation and scopes, within [`MEMORY`].
const MAX_STEPS: u32 = 2;

/// How often new tokens are refused before no others are asked for, within [`MEMORY`].
const MAX_UNACCEPTED: u32 = 2;

/// How long it is remembered that a server cannot be satisfied.
const MEMORY: Duration = Duration::from_secs(600);

/// How many operations are remembered.
const MAX_OPERATIONS: usize = 1000;

/// What only whoever changes tokens may change.
#[derive(Default)]
pub(super) struct Turn {
    pub(super) server: Option<Arc<ServerMetadata>>,
    /// Where a client that was registered beforehand, nobody said where, belongs.
    pub(super) home: Option<String>,
    steps: HashMap<String, (u32, Instant)>,
    pub(super) unaccepted: Option<(u32, Instant)>,
}

impl Turn {
    /// Counts one more step for an operation; false if there were too many.
    pub(super) fn may_step(&mut self, operation: String) -> bool {
        let now = Instant::now();
        self.steps.retain(|_, (_, since)| now.duration_since(*since) < MEMORY);
        if self.steps.len() >= MAX_OPERATIONS {
            return false;
        }
        let (count, _) = self.steps.entry(operation).or_insert((0, now));
        *count += 1;
        *count <= MAX_STEPS
    }

    /// Counts that tokens were refused that never were of use; false if that was too often.
    pub(super) fn may_try_again(&mut self) -> bool {
        let now = Instant::now();
        let kept = self.unaccepted.filter(|(_, since)| now.duration_since(*since) < MEMORY);
        let (count, since) = kept.unwrap_or((0, now));
        self.unaccepted = Some((count + 1, since));
        count + 1 < MAX_UNACCEPTED
    }
}
