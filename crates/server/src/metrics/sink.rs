//! Where durations go that are exported one by one.

use std::sync::OnceLock;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::Histogram;
use turbomcp_protocol::Method;

use super::{End, label};

/// The histogram of an exporter, if there is one.
#[derive(Debug, Default)]
pub(crate) struct Sink(OnceLock<Histogram<f64>>);

impl Sink {
    /// Sets it; the first one stays.
    pub(crate) fn set(&self, durations: Histogram<f64>) {
        let _ = self.0.set(durations);
    }

    #[inline]
    pub(super) fn record(&self, method: &Method, took: Duration, end: End) {
        if let Some(durations) = self.0.get() {
            let method = KeyValue::new("mcp.method.name", label(method));
            let error = match end {
                End::Success => return durations.record(took.as_secs_f64(), &[method]),
                End::Error(error) => error.as_str(),
                End::Cancelled => "cancelled",
            };
            durations.record(took.as_secs_f64(), &[method, KeyValue::new("error.type", error)]);
        }
    }
}
