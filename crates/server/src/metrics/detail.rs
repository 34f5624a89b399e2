//! What is counted by method and by kind of error.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use turbomcp_protocol::Method;

use super::buckets::Buckets;
use super::{End, ErrorType, Settings};

/// The methods that are told apart; whatever else a client makes up is one more.
static METHODS: [Method; 15] = [
    Method::TOOLS_CALL,
    Method::TOOLS_LIST,
    Method::RESOURCES_READ,
    Method::RESOURCES_LIST,
    Method::RESOURCES_TEMPLATES_LIST,
    Method::RESOURCES_SUBSCRIBE,
    Method::RESOURCES_UNSUBSCRIBE,
    Method::PROMPTS_GET,
    Method::PROMPTS_LIST,
    Method::COMPLETION_COMPLETE,
    Method::LOGGING_SET_LEVEL,
    Method::INITIALIZE,
    Method::PING,
    Method::SERVER_DISCOVER,
    Method::SUBSCRIPTIONS_LISTEN,
];

/// The name of what no other name stands for.
pub(crate) const OTHER: &str = "other";

const STATUSES: [&str; 3] = ["success", "error", "cancelled"];

/// Counters with labels, of which there are so many as there are methods and kinds of error.
#[derive(Debug)]
pub(crate) struct Detail {
    pub(crate) settings: Arc<Settings>,
    methods: Box<[PerMethod]>,
    errors: [AtomicU64; ErrorType::ALL.len()],
}

#[derive(Debug)]
struct PerMethod {
    statuses: [AtomicU64; STATUSES.len()],
    durations: Buckets,
}

impl Detail {
    pub(crate) fn new(settings: Arc<Settings>) -> Self {
        let per_method = || PerMethod { statuses: Default::default(), durations: Buckets::new(&settings.buckets) };
        let methods = (0..=METHODS.len()).map(|_| per_method()).collect();
        Self { settings, methods, errors: Default::default() }
    }

    pub(super) fn end(&self, method: &Method, took: Duration, end: End) {
        let at = METHODS.iter().position(|known| known == method).unwrap_or(METHODS.len());
        let status = match end {
            End::Success => 0,
            End::Error(_) => 1,
            End::Cancelled => 2,
        };
        let counters = &self.methods[at];
        counters.statuses[status].fetch_add(1, Ordering::Relaxed);
        if *method != Method::SUBSCRIPTIONS_LISTEN {
            counters.durations.observe(&self.settings.buckets, took.as_secs_f64());
        }
    }

    pub(super) fn error(&self, error: ErrorType) {
        self.errors[error as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Calls `each` with method, status and count of what there was.
    pub(crate) fn requests(&self, mut each: impl FnMut(&'static str, &'static str, u64)) {
        for (at, counters) in self.methods.iter().enumerate() {
            for (status, count) in STATUSES.iter().zip(&counters.statuses) {
                match count.load(Ordering::Relaxed) {
                    0 => {}
                    count => each(name(at), status, count),
                }
            }
        }
    }

    /// Calls `each` with kind and count of the errors there were.
    pub(crate) fn errors(&self, mut each: impl FnMut(&'static str, u64)) {
        for (error, count) in ErrorType::ALL.iter().zip(&self.errors) {
            match count.load(Ordering::Relaxed) {
                0 => {}
                count => each(error.as_str(), count),
            }
        }
    }

    /// Calls `each` with method, cumulative counts and sum of the durations there were.
    pub(crate) fn durations(&self, mut each: impl FnMut(&'static str, &[u64], f64)) {
        for (at, counters) in self.methods.iter().enumerate() {
            let (counts, sum) = counters.durations.cumulative();
            if counts.last().is_some_and(|all| *all > 0) {
                each(name(at), &counts, sum);
            }
        }
    }
}

/// Returns the label of a method, of those that are told apart.
fn name(at: usize) -> &'static str {
    METHODS.get(at).map_or(OTHER, Method::as_str)
}

/// Returns what a method is called where its name should have few values.
pub(crate) fn label(method: &Method) -> &'static str {
    METHODS.iter().find(|known| *known == method).map_or(OTHER, Method::as_str)
}
