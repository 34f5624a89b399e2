//! The numbers as they were at one time.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::Binding;

/// The numbers of all bindings. Durations are serialized as seconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct MetricsSnapshot {
    /// How long a request took until it was answered, on average over all bindings.
    #[serde(serialize_with = "seconds")]
    pub avg_request_duration: Duration,
    /// How many connections there are, over all bindings.
    pub active_connections: u64,
    /// All bindings together.
    pub total: BindingSnapshot,
    /// Each binding on which anything has happened.
    pub bindings: BTreeMap<Binding, BindingSnapshot>,
}

/// The numbers of one binding.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct BindingSnapshot {
    /// How many connections there are.
    pub active_connections: u64,
    /// How many there were at all.
    pub connections_opened: u64,
    /// How many were turned away: a host, an origin or credentials that are not let in.
    pub connections_refused: u64,
    /// How many ended by a failure.
    pub connections_broken: u64,
    /// How many handshakes of TLS came to nothing.
    pub handshakes_failed: u64,
    /// How many messages have arrived; a batch is one.
    pub messages_received: u64,
    /// How many bytes they had, without what frames, compresses or encrypts them.
    pub bytes_received: u64,
    /// How many messages were sent; a batch is one.
    pub messages_sent: u64,
    /// How many bytes they had, without what frames, compresses or encrypts them.
    pub bytes_sent: u64,
    /// How many requests were answered by an error, or not at all.
    pub requests_failed: u64,
    /// How long requests took until they were answered, on average.
    #[serde(serialize_with = "seconds")]
    pub avg_request_duration: Duration,
    /// How long they took each, in seconds; its count is that of the requests.
    pub request_duration: Histogram,
    /// How many connections there were each time one was opened, the new one included; if that is
    /// [counted](super::MetricsConfig::connection_pool_size_histogram).
    pub connection_pool_size: Option<Histogram>,
    /// What compression has saved, if that is [counted](super::MetricsConfig::compression_ratio_tracking).
    pub compression: Option<Compression>,
}

/// Values, counted by how great they are.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Histogram {
    /// The greatest value of each bucket, in order.
    pub bounds: Vec<f64>,
    /// How many values there are in each bucket alone; the last, beyond the bounds, is for greater ones.
    pub counts: Vec<u64>,
    /// The sum of the values.
    pub sum: f64,
    /// How many there are.
    pub count: u64,
}

/// What compression has made of how much.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Compression {
    /// How many bytes there were.
    pub plain_bytes: u64,
    /// How many are left.
    pub packed_bytes: u64,
    /// How many bytes there were for each that is left; 1 if there were none.
    pub ratio: f64,
}

impl Compression {
    pub(super) fn new(plain_bytes: u64, packed_bytes: u64) -> Self {
        let ratio = if packed_bytes == 0 { 1.0 } else { plain_bytes as f64 / packed_bytes as f64 };
        Self { plain_bytes, packed_bytes, ratio }
    }
}

impl MetricsSnapshot {
    pub(super) fn new(bindings: impl Iterator<Item = (Binding, BindingSnapshot)>) -> Self {
        let mut total = BindingSnapshot::default();
        let mut used = BTreeMap::new();
        for (binding, counted) in bindings {
            total.add(&counted);
            if counted.is_used() {
                used.insert(binding, counted);
            }
        }
        total.average();
        Self {
            avg_request_duration: total.avg_request_duration,
            active_connections: total.active_connections,
            total,
            bindings: used,
        }
    }
}

impl BindingSnapshot {
    fn is_used(&self) -> bool {
        [
            self.connections_opened,
            self.connections_refused,
            self.handshakes_failed,
            self.messages_received,
            self.messages_sent,
            self.request_duration.count,
        ]
        .iter()
        .any(|number| *number > 0)
    }

    fn add(&mut self, other: &Self) {
        self.active_connections += other.active_connections;
        self.connections_opened += other.connections_opened;
        self.connections_refused += other.connections_refused;
        self.connections_broken += other.connections_broken;
        self.handshakes_failed += other.handshakes_failed;
        self.messages_received += other.messages_received;
        self.bytes_received += other.bytes_received;
        self.messages_sent += other.messages_sent;
        self.bytes_sent += other.bytes_sent;
        self.requests_failed += other.requests_failed;
        self.request_duration.add(&other.request_duration);
        if let Some(sizes) = &other.connection_pool_size {
            self.connection_pool_size.get_or_insert_default().add(sizes);
        }
        if let Some(added) = &other.compression {
            let known = self.compression.take().unwrap_or_else(|| Compression::new(0, 0));
            self.compression =
                Some(Compression::new(known.plain_bytes + added.plain_bytes, known.packed_bytes + added.packed_bytes));
        }
    }

    /// Sets the average by the histogram.
    pub(super) fn average(&mut self) {
        let Histogram { sum, count, .. } = self.request_duration;
        self.avg_request_duration =
            if count == 0 { Duration::ZERO } else { Duration::from_secs_f64(sum / count as f64) };
    }
}

impl Histogram {
    /// Adds what was counted in the same buckets.
    fn add(&mut self, other: &Self) {
        if self.counts.is_empty() {
            self.bounds.clone_from(&other.bounds);
            self.counts = vec![0; other.counts.len()];
        }
        for (count, added) in self.counts.iter_mut().zip(&other.counts) {
            *count += added;
        }
        self.sum += other.sum;
        self.count += other.count;
    }
}

fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}
