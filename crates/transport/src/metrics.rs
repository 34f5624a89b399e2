//! What bindings count: connections, messages, bytes, and how long requests take.
//!
//! A [`TransportMetrics`] is handed to a server or a client when it is built. What runs then counts into it, by relaxed
//! atomic additions; without one, nothing is counted.

mod histogram;
mod snapshot;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use histogram::Buckets;
pub use snapshot::{BindingSnapshot, Compression, Histogram, MetricsSnapshot};

/// What is counted beside the plain numbers.
///
/// ```
/// use turbomcp_transport::metrics::{MetricsConfig, TransportMetrics};
///
/// let config = MetricsConfig::new()
///     .request_duration_buckets([0.001, 0.01, 0.1, 1.0, 10.0])
///     .connection_pool_size_histogram(true)
///     .compression_ratio_tracking(true);
/// let metrics = TransportMetrics::new(config);
/// assert_eq!(metrics.snapshot().total.active_connections, 0);
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct MetricsConfig {
    buckets: Vec<f64>,
    pool_size: bool,
    compression: bool,
}

impl Default for MetricsConfig {
    fn default() -> Self {
        Self {
            buckets: vec![0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0],
            pool_size: false,
            compression: false,
        }
    }
}

impl MetricsConfig {
    /// Counts durations in buckets from 1 ms to 10 s, and neither the sizes of pools nor what compression saves.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the upper bounds of the buckets that durations are counted in, in seconds. They are put in order; what is no
    /// positive number is left out.
    pub fn request_duration_buckets(mut self, bounds: impl IntoIterator<Item = f64>) -> Self {
        self.buckets = bounds.into_iter().filter(|bound| bound.is_finite() && *bound > 0.0).collect();
        self.buckets.sort_by(f64::total_cmp);
        self.buckets.dedup();
        self
    }

    /// Also counts how many connections there were each time one more was opened.
    pub fn connection_pool_size_histogram(mut self, is_on: bool) -> Self {
        self.pool_size = is_on;
        self
    }

    /// Also counts the bytes of what is compressed, before and after.
    pub fn compression_ratio_tracking(mut self, is_on: bool) -> Self {
        self.compression = is_on;
        self
    }
}

/// A binding, as far as it is counted apart from the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Binding {
    /// Standard input and output, of this process or of a child.
    Stdio,
    /// Streamable HTTP, with or without TLS.
    Http,
    /// WebSocket, with or without TLS.
    WebSocket,
    /// TCP, one message a line.
    Tcp,
    /// TLS, one message a line.
    Tls,
    /// A Unix socket.
    Unix,
    /// Any other: memory, or a transport of one's own.
    Other,
}

impl Binding {
    const ALL: [Self; 7] = [Self::Stdio, Self::Http, Self::WebSocket, Self::Tcp, Self::Tls, Self::Unix, Self::Other];

    /// Returns the name, as it is serialized.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stdio => "stdio",
            Self::Http => "http",
            Self::WebSocket => "websocket",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Unix => "unix",
            Self::Other => "other",
        }
    }
}

/// The numbers of a server's or a client's bindings. Cheap to clone, and every clone is the same numbers; more than one
/// server or client may share them.
#[derive(Clone)]
pub struct TransportMetrics {
    shared: Arc<Shared>,
}

struct Shared {
    config: MetricsConfig,
    /// In the order of [`Binding::ALL`].
    bindings: [Counters; Binding::ALL.len()],
}

/// The numbers of one binding. What different threads change at the same time lies on different cache lines.
#[derive(Default)]
struct Counters {
    connections: Padded<Connections>,
    received: Padded<Flow>,
    sent: Padded<Flow>,
    requests: Padded<Requests>,
    compression: Padded<Packed>,
}

#[derive(Default)]
#[repr(align(128))]
struct Padded<T>(T);

#[derive(Default)]
struct Connections {
    active: AtomicU64,
    opened: AtomicU64,
    refused: AtomicU64,
    broken: AtomicU64,
    handshakes_failed: AtomicU64,
    pool: Option<Buckets>,
}

#[derive(Default)]
struct Flow {
    messages: AtomicU64,
    bytes: AtomicU64,
}

#[derive(Default)]
struct Requests {
    failed: AtomicU64,
    durations: Buckets,
}

#[derive(Default)]
struct Packed {
    plain: AtomicU64,
    packed: AtomicU64,
}

impl TransportMetrics {
    /// Creates numbers that are all zero.
    #[must_use]
    pub fn new(config: MetricsConfig) -> Self {
        /// How many connections there are, where that is counted.
        const SIZES: [f64; 12] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0];
        let counters = |_| {
            let mut counters = Counters::default();
            counters.requests.0.durations = Buckets::new(&config.buckets);
            counters.connections.0.pool = config.pool_size.then(|| Buckets::new(&SIZES));
            counters
        };
        let bindings = Binding::ALL.map(counters);
        Self { shared: Arc::new(Shared { config, bindings }) }
    }

    /// Returns what counts for a binding; for a transport of one's own that is to be counted otherwise than as
    /// [`Binding::Other`].
    #[must_use]
    pub fn meter(&self, binding: Binding) -> Meter {
        Meter { shared: self.shared.clone(), binding }
    }

    /// Reads the numbers. They go on changing, so those of one snapshot may be a message apart.
    #[must_use]
    pub fn snapshot(&self) -> MetricsSnapshot {
        let bindings = Binding::ALL.into_iter().zip(&self.shared.bindings);
        MetricsSnapshot::new(bindings.map(|(binding, counters)| (binding, counters.read(&self.shared.config))))
    }
}

impl Default for TransportMetrics {
    fn default() -> Self {
        Self::new(MetricsConfig::new())
    }
}

impl fmt::Debug for TransportMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransportMetrics").field("config", &self.shared.config).finish_non_exhaustive()
    }
}

impl Counters {
    fn read(&self, config: &MetricsConfig) -> BindingSnapshot {
        let read = |number: &AtomicU64| number.load(Ordering::Relaxed);
        let connections = &self.connections.0;
        let compression = &self.compression.0;
        let mut snapshot = BindingSnapshot {
            active_connections: read(&connections.active),
            connections_opened: read(&connections.opened),
            connections_refused: read(&connections.refused),
            connections_broken: read(&connections.broken),
            handshakes_failed: read(&connections.handshakes_failed),
            messages_received: read(&self.received.0.messages),
            bytes_received: read(&self.received.0.bytes),
            messages_sent: read(&self.sent.0.messages),
            bytes_sent: read(&self.sent.0.bytes),
            requests_failed: read(&self.requests.0.failed),
            request_duration: self.requests.0.durations.read(),
            connection_pool_size: connections.pool.as_ref().map(Buckets::read),
            ..BindingSnapshot::default()
        };
        snapshot.compression =
            config.compression.then(|| Compression::new(read(&compression.plain), read(&compression.packed)));
        snapshot.average();
        snapshot
    }
}

/// What counts for one binding.
#[derive(Clone)]
pub struct Meter {
    shared: Arc<Shared>,
    binding: Binding,
}

impl Meter {
    /// Returns the binding it counts for.
    #[must_use]
    pub fn binding(&self) -> Binding {
        self.binding
    }

    fn counters(&self) -> &Counters {
        &self.shared.bindings[self.binding as usize]
    }

    /// Counts a connection for as long as what is returned exists.
    pub fn opened(&self) -> Opened {
        let connections = &self.counters().connections.0;
        connections.opened.fetch_add(1, Ordering::Relaxed);
        let others = connections.active.fetch_add(1, Ordering::Relaxed);
        if let Some(pool) = &connections.pool {
            pool.count((others + 1) as f64);
        }
        Opened(self.clone())
    }

    /// Counts a connection, or a request to open one, that was turned away.
    pub fn refused(&self) {
        self.counters().connections.0.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a connection that ended by a failure.
    pub fn broken(&self) {
        self.counters().connections.0.broken.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a handshake of TLS that came to nothing.
    pub fn handshake_failed(&self) {
        self.counters().connections.0.handshakes_failed.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a message of so many bytes that has arrived, without what frames it.
    pub fn received(&self, bytes: usize) {
        self.counters().received.0.add(1, bytes);
    }

    /// Counts messages of so many bytes together that were sent, without what frames them.
    pub fn sent(&self, messages: usize, bytes: usize) {
        self.counters().sent.0.add(messages, bytes);
    }

    /// Counts a request that was answered after so long a time, and whether by an error.
    pub fn answered(&self, duration: Duration, outcome: Outcome) {
        let requests = &self.counters().requests.0;
        requests.durations.count(duration.as_secs_f64());
        if outcome == Outcome::Failed {
            requests.failed.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts what compression has made of so many bytes, in either direction, if that is counted.
    pub fn compressed(&self, plain_bytes: usize, packed_bytes: usize) {
        if self.shared.config.compression {
            let compression = &self.counters().compression.0;
            compression.plain.fetch_add(plain_bytes as u64, Ordering::Relaxed);
            compression.packed.fetch_add(packed_bytes as u64, Ordering::Relaxed);
        }
    }
}

impl Flow {
    fn add(&self, messages: usize, bytes: usize) {
        self.messages.fetch_add(messages as u64, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter").field("binding", &self.binding).finish_non_exhaustive()
    }
}

/// How a request was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is a result or an error")]
pub enum Outcome {
    /// By a result.
    Answered,
    /// By an error of the protocol's, or not at all.
    Failed,
}

/// A connection that is counted until this is dropped.
#[derive(Debug)]
#[must_use = "the connection counts for as long as this exists"]
pub struct Opened(Meter);

impl Drop for Opened {
    fn drop(&mut self) {
        self.0.counters().connections.0.active.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_read() {
        let config = MetricsConfig::new()
            .request_duration_buckets([1.0, 0.1, f64::NAN, -1.0, 0.1])
            .connection_pool_size_histogram(true)
            .compression_ratio_tracking(true);
        let metrics = TransportMetrics::new(config);
        let (http, tcp) = (metrics.meter(Binding::Http), metrics.meter(Binding::Tcp));
        let held = (http.opened(), http.opened(), tcp.opened());
        drop(http.opened());
        http.refused();
        http.broken();
        tcp.handshake_failed();
        http.received(100);
        http.sent(3, 30);
        for (millis, outcome) in [(50, Outcome::Answered), (100, Outcome::Failed), (500, Outcome::Answered)] {
            http.answered(Duration::from_millis(millis), outcome);
        }
        tcp.answered(Duration::from_secs(5), Outcome::Answered);
        http.compressed(1000, 250);
        let snapshot = metrics.snapshot();
        let of_http = &snapshot.bindings[&Binding::Http];
        assert_eq!((of_http.active_connections, of_http.connections_opened), (2, 3));
        assert_eq!((of_http.connections_refused, of_http.connections_broken, of_http.handshakes_failed), (1, 1, 0));
        assert_eq!((of_http.messages_received, of_http.bytes_received), (1, 100));
        assert_eq!((of_http.messages_sent, of_http.bytes_sent), (3, 30));
        assert_eq!((of_http.request_duration.count, of_http.requests_failed), (3, 1));
        assert_eq!(of_http.request_duration.bounds, [0.1, 1.0]);
        // What lies on a bound is beneath it.
        assert_eq!(of_http.request_duration.counts, [2, 1, 0]);
        assert_eq!(of_http.avg_request_duration.as_millis(), 216);
        let pool = of_http.connection_pool_size.as_ref().unwrap();
        assert_eq!((&pool.counts[..3], pool.sum), (&[1, 1, 1][..], 6.0));
        assert_eq!(of_http.compression.as_ref().unwrap().ratio, 4.0);
        assert_eq!((snapshot.active_connections, snapshot.total.connections_opened), (3, 4));
        assert_eq!(snapshot.total.request_duration.counts, [2, 1, 1]);
        assert_eq!(snapshot.total.handshakes_failed, 1);
        assert_eq!(snapshot.avg_request_duration.as_micros(), 1_412_500);
        assert!(!snapshot.bindings.contains_key(&Binding::Stdio), "nothing has happened there");
        drop(held);
        assert_eq!(metrics.snapshot().active_connections, 0);
        let json = serde_json::to_value(&snapshot).unwrap();
        assert_eq!(json["avg_request_duration"], 1.4125);
        assert_eq!(json["bindings"]["http"]["bytes_sent"], 30);
        assert_eq!(json["bindings"]["http"]["compression"]["packed_bytes"], 250);
    }

    #[test]
    fn what_is_not_asked_for_is_not_counted() {
        let metrics = TransportMetrics::default();
        let meter = metrics.meter(Binding::WebSocket);
        meter.compressed(10, 5);
        drop(meter.opened());
        let snapshot = metrics.snapshot();
        let counted = &snapshot.bindings[&Binding::WebSocket];
        assert_eq!((counted.compression.clone(), counted.connection_pool_size.clone()), (None, None));
        assert_eq!(counted.request_duration.bounds.len(), 13);
    }

    #[test]
    fn every_binding_has_a_place_and_a_name() {
        for (place, binding) in Binding::ALL.into_iter().enumerate() {
            assert_eq!(binding as usize, place);
            assert_eq!(serde_json::to_value(binding).unwrap(), binding.as_str());
        }
    }
}
