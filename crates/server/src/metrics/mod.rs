//! What a server counts, what users count beside it, and how Prometheus reads both.
//!
//! ```
//! use turbomcp_server::ServerBuilder;
//! use turbomcp_server::metrics::{Counter, MetricsConfig};
//!
//! let lookups = Counter::new("user_lookups", "Users that were looked up.");
//! let server = ServerBuilder::new()
//!     .with_metrics(MetricsConfig::new().prometheus_endpoint("/metrics"))?
//!     .with_custom_metrics(vec![lookups.clone().into()])?
//!     .build();
//! lookups.with_label("source", "cache").inc();
//! assert_eq!(server.metrics().request_count(), 0);
//! # Ok::<(), turbomcp_server::Error>(())
//! ```

mod buckets;
mod config;
mod detail;
mod exposition;
mod process;
#[cfg_attr(not(feature = "otel"), path = "sink/without.rs")]
mod sink;
mod user;

use std::collections::HashMap;
use std::fmt;
use std::sync::RwLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use turbomcp_protocol::{ErrorCode, McpError, Method};

use crate::McpServer;
use crate::request::{Outcome, Response};
use crate::sync::{read, write};

#[cfg(feature = "config-files")]
pub(crate) use buckets::are_valid as are_buckets;
#[cfg(feature = "dashboard")]
pub(crate) use config::Credentials;
pub(crate) use config::Settings;
pub use config::{MetricsCollector, MetricsConfig, PrometheusConfig};
pub(crate) use detail::{Detail, label};
#[cfg(feature = "http")]
pub(crate) use exposition::{Format, render};
#[cfg(feature = "config-files")]
pub(crate) use user::is_name;
pub(crate) use user::join;
pub use user::{Counter, CustomMetrics, Gauge, Histogram, Metric};

/// How many names [`ServerMetrics::record`] and [`ServerMetrics::record_duration`] keep apart.
const NAMES: usize = 1000;

/// What a server counts of the requests that pass its stack, whatever they came on.
///
/// The counters are atomics that only go up, except for the two that say what there is at the moment. A request is
/// `successful` if it was answered with a result, and `failed` if it was answered with an error, or with the result of
/// a tool that failed; one that was cancelled is neither. What is refused before it is a request that a handler could
/// see counts among the errors only.
///
/// ```
/// use std::sync::atomic::Ordering;
///
/// let server = turbomcp_server::ServerBuilder::new().build();
/// assert_eq!(server.metrics().requests_failed.load(Ordering::Relaxed), 0);
/// ```
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct ServerMetrics {
    /// Requests that were begun.
    pub requests_total: AtomicU64,
    /// Requests that were answered with a result, unless it is that of a tool that failed.
    pub requests_successful: AtomicU64,
    /// Requests that were answered with an error, or with the result of a tool that failed.
    pub requests_failed: AtomicU64,
    /// Requests that are being answered at the moment.
    pub requests_in_flight: AtomicU64,
    /// Requests that failed, and everything that was refused before it was one.
    pub errors_total: AtomicU64,
    /// Those errors that say that params or arguments do not fit.
    pub errors_validation: AtomicU64,
    /// Those errors that say who the caller is not, or what they may not.
    pub errors_auth: AtomicU64,
    /// Tools that were called.
    pub tool_calls_total: AtomicU64,
    /// Tools that ran out of time.
    pub tool_timeouts_total: AtomicU64,
    /// Connections that are open at the moment: of a router only its WebSockets, as the others are the application's.
    pub connections_active: AtomicU64,
    /// Connections that were opened.
    pub connections_total: AtomicU64,
    /// The time from reading a request to its answer in microseconds, over all of them but `subscriptions/listen`.
    pub total_response_time_us: AtomicU64,
    /// What clients have answered or cancelled that other replicas wait for, and that could not be brought to them.
    pub bus_answers_dropped: AtomicU64,
    /// Hints to other replicas at what there is to look at that were dropped; they look anyway, if later.
    pub bus_hints_dropped: AtomicU64,
    /// Requests for which a store of rate limits could not be asked.
    pub rate_limit_store_failures: AtomicU64,
    /// What [`record`](Self::record) was told.
    pub custom: RwLock<HashMap<String, f64>>,
    /// How long what [`record_duration`](Self::record_duration) was told has taken.
    durations: RwLock<HashMap<String, Histogram>>,
    /// What is counted by method and kind of error, if somebody wants to see it.
    detail: Option<Box<Detail>>,
    pub(crate) sink: sink::Sink,
}

/// Why something was not answered with a result; a label with few values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorType {
    Protocol,
    Validation,
    Auth,
    NotFound,
    RateLimited,
    Timeout,
    Unavailable,
    Tool,
    Internal,
    Application,
}

impl ErrorType {
    pub(crate) const ALL: [Self; 10] = [
        Self::Protocol,
        Self::Validation,
        Self::Auth,
        Self::NotFound,
        Self::RateLimited,
        Self::Timeout,
        Self::Unavailable,
        Self::Tool,
        Self::Internal,
        Self::Application,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Protocol => "protocol",
            Self::Validation => "validation",
            Self::Auth => "auth",
            Self::NotFound => "not_found",
            Self::RateLimited => "rate_limited",
            Self::Timeout => "timeout",
            Self::Unavailable => "unavailable",
            Self::Tool => "tool",
            Self::Internal => "internal",
            Self::Application => "application",
        }
    }

    pub(crate) fn of(error: &McpError) -> Self {
        match error.code() {
            ErrorCode::PARSE_ERROR
            | ErrorCode::INVALID_REQUEST
            | ErrorCode::HEADER_MISMATCH
            | ErrorCode::MISSING_REQUIRED_CLIENT_CAPABILITY
            | ErrorCode::UNSUPPORTED_PROTOCOL_VERSION => Self::Protocol,
            ErrorCode::METHOD_NOT_FOUND | ErrorCode::RESOURCE_NOT_FOUND => Self::NotFound,
            ErrorCode::INVALID_PARAMS => Self::Validation,
            ErrorCode::UNAUTHORIZED | ErrorCode::FORBIDDEN => Self::Auth,
            ErrorCode::RATE_LIMITED => Self::RateLimited,
            ErrorCode::UNAVAILABLE => Self::Unavailable,
            ErrorCode::INTERNAL_ERROR => Self::Internal,
            _ => Self::Application,
        }
    }

    /// Returns why a response is none that was hoped for, if it is not.
    pub(crate) fn of_response(response: &Response) -> Option<Self> {
        match &response.outcome {
            Err(error) => Some(Self::of(error)),
            Ok(Outcome::Tool(result)) if result.is_error == Some(true) => {
                Some(if response.is_unfit { Self::Validation } else { Self::Tool })
            }
            Ok(_) => None,
        }
    }
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Success,
    Error(ErrorType),
    Cancelled,
}

fn up(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn down(counter: &AtomicU64) {
    counter.fetch_sub(1, Ordering::Relaxed);
}

impl ServerMetrics {
    pub(crate) fn new(detail: Option<Detail>) -> Self {
        Self { detail: detail.map(Box::new), ..Self::default() }
    }

    #[cfg(any(feature = "http", feature = "otel"))]
    pub(crate) fn detail(&self) -> Option<&Detail> {
        self.detail.as_deref()
    }

    /// Returns how many requests were begun.
    #[must_use]
    pub fn request_count(&self) -> u64 {
        self.requests_total.load(Ordering::Relaxed)
    }

    /// Returns how long requests take on average; zero before the first.
    #[must_use]
    pub fn average_response_time(&self) -> Duration {
        let total = self.total_response_time_us.load(Ordering::Relaxed);
        Duration::from_micros(total / self.request_count().max(1))
    }

    /// Adds to a number of this name, which begins at zero. Names beyond the first thousand are not kept.
    ///
    /// Handlers have [`Context::record_metric`](crate::Context::record_metric).
    pub fn record(&self, name: &str, value: impl Into<f64>) {
        let mut custom = write(&self.custom);
        if let Some(known) = custom.get_mut(name) {
            *known += value.into();
        } else if custom.len() < NAMES {
            custom.insert(name.to_owned(), value.into());
        }
    }

    /// Records how long something of this name took, in a histogram. Names beyond the first thousand are not kept.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let server = turbomcp_server::ServerBuilder::new().build();
    /// server.metrics().record_duration("database_query", Duration::from_millis(12));
    /// ```
    pub fn record_duration(&self, name: &str, elapsed: Duration) {
        if let Some(known) = read(&self.durations).get(name) {
            return known.observe_duration(elapsed);
        }
        let mut durations = write(&self.durations);
        if durations.len() < NAMES || durations.contains_key(name) {
            let buckets = self.detail.as_ref().map_or(buckets::DEFAULT, |detail| &detail.settings.buckets);
            let new = || Histogram::new("", "").buckets(buckets.iter().copied());
            durations.entry(name.to_owned()).or_insert_with(new).observe_duration(elapsed);
        }
    }

    /// Counts a request that begins.
    #[inline]
    pub(crate) fn begin(&self) {
        up(&self.requests_total);
        up(&self.requests_in_flight);
    }

    /// Counts a request that has ended.
    #[inline]
    pub(crate) fn end(&self, method: &Method, started: Instant, end: End) {
        down(&self.requests_in_flight);
        // It lasts for as long as its client likes, which says nothing about the server.
        let took = if *method == Method::SUBSCRIPTIONS_LISTEN { Duration::ZERO } else { started.elapsed() };
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.total_response_time_us.fetch_add(us, Ordering::Relaxed);
        match end {
            End::Success => up(&self.requests_successful),
            End::Error(error) => {
                up(&self.requests_failed);
                self.error(error);
                if error == ErrorType::Timeout && *method == Method::TOOLS_CALL {
                    up(&self.tool_timeouts_total);
                }
            }
            End::Cancelled => {}
        }
        if let Some(detail) = &self.detail {
            detail.end(method, took, end);
        }
        if *method != Method::SUBSCRIPTIONS_LISTEN {
            self.sink.record(method, took, end);
        }
    }

    /// Counts an error, of a request or of what was none.
    pub(crate) fn error(&self, error: ErrorType) {
        up(&self.errors_total);
        match error {
            ErrorType::Validation => up(&self.errors_validation),
            ErrorType::Auth => up(&self.errors_auth),
            _ => {}
        }
        if let Some(detail) = &self.detail {
            detail.error(error);
        }
    }

    #[inline]
    pub(crate) fn tool_called(&self) {
        up(&self.tool_calls_total);
    }
}

/// Counts a connection for as long as it exists.
pub(crate) struct Connected(McpServer);

impl Connected {
    pub(crate) fn new(server: McpServer) -> Self {
        up(&server.metrics().connections_active);
        up(&server.metrics().connections_total);
        Self(server)
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        down(&self.0.metrics().connections_active);
    }
}

impl fmt::Debug for Connected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connected").finish_non_exhaustive()
    }
}
