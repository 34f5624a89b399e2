//! What a server counts, as instruments of OpenTelemetry.

use std::sync::atomic::{AtomicU64, Ordering};

use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;

use crate::McpServer;
use crate::metrics::{Detail, ServerMetrics};

/// Bounds in seconds that suit requests, as the conventions for MCP name them.
const BOUNDS: [f64; 14] = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0];

pub(super) fn observe(meter: &Meter, server: &McpServer) {
    let durations = meter
        .f64_histogram("mcp.server.operation.duration")
        .with_unit("s")
        .with_description("The time from reading a request to its answer.")
        .with_boundaries(BOUNDS.to_vec())
        .build();
    server.metrics().sink.set(durations);
    plain(meter, server);
    if server.metrics().detail().is_some() {
        by_label(meter, server);
    }
    for metric in &server.operator().custom {
        user(meter, metric.clone());
    }
}

/// What is the same with and without labels.
fn plain(meter: &Meter, server: &McpServer) {
    type Read = fn(&ServerMetrics) -> &AtomicU64;
    let gauges: [(&'static str, Read); 2] = [
        ("turbomcp.server.active_connections", |metrics| &metrics.connections_active),
        ("turbomcp.server.requests_in_flight", |metrics| &metrics.requests_in_flight),
    ];
    for (name, read) in gauges {
        let server = server.clone();
        let tell = move |observer: &dyn opentelemetry::metrics::AsyncInstrument<u64>| {
            observer.observe(read(server.metrics()).load(Ordering::Relaxed), &[]);
        };
        let _registered = meter.u64_observable_gauge(name).with_callback(tell).build();
    }
    let counters: [(&'static str, Read); 3] = [
        ("turbomcp.server.connections", |metrics| &metrics.connections_total),
        ("turbomcp.server.tool_calls", |metrics| &metrics.tool_calls_total),
        ("turbomcp.server.tool_timeouts", |metrics| &metrics.tool_timeouts_total),
    ];
    for (name, read) in counters {
        let server = server.clone();
        let tell = move |observer: &dyn opentelemetry::metrics::AsyncInstrument<u64>| {
            observer.observe(read(server.metrics()).load(Ordering::Relaxed), &[]);
        };
        let _registered = meter.u64_observable_counter(name).with_callback(tell).build();
    }
}

fn by_label(meter: &Meter, server: &McpServer) {
    let detailed = server.clone();
    let requests = meter.u64_observable_counter("turbomcp.server.requests").with_callback(move |observer| {
        detailed.metrics().detail().into_iter().for_each(|detail: &Detail| {
            detail.requests(|method, status, count| {
                observer.observe(count, &[KeyValue::new("mcp.method.name", method), KeyValue::new("status", status)]);
            });
        });
    });
    let _registered = requests.build();
    let detailed = server.clone();
    let errors = meter.u64_observable_counter("turbomcp.server.errors").with_callback(move |observer| {
        detailed.metrics().detail().into_iter().for_each(|detail: &Detail| {
            detail.errors(|error, count| observer.observe(count, &[KeyValue::new("error.type", error)]));
        });
    });
    let _registered = errors.build();
}

/// Counters and gauges; the values that a histogram has counted cannot be handed on.
fn user(meter: &Meter, metric: crate::metrics::Metric) {
    let (name, help) = (metric.name().to_owned(), metric.help().to_owned());
    let is_counter = metric.is_counter();
    let tell = move |observer: &dyn opentelemetry::metrics::AsyncInstrument<f64>| {
        metric.numbers(|labels, value| {
            let labels: Vec<_> = labels.iter().map(|(k, v)| KeyValue::new(k.clone(), v.clone())).collect();
            observer.observe(value, &labels);
        });
    };
    if is_counter {
        let _registered = meter.f64_observable_counter(name).with_description(help).with_callback(tell).build();
    } else {
        let _registered = meter.f64_observable_gauge(name).with_description(help).with_callback(tell).build();
    }
}
