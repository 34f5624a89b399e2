//! The text that Prometheus reads.

use std::collections::HashSet;
use std::fmt::{Display, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};

use turbomcp_transport::metrics::{BindingSnapshot, MetricsSnapshot};

use super::process::Process;
use super::user::{Family, Kind, Metric, Series};
use super::{Detail, ServerMetrics};
use crate::McpServer;
use crate::sync::read;

/// Which of two formats is written; they differ in little.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Prometheus' own, version 0.0.4.
    Text,
    /// OpenMetrics, version 1.0.0.
    OpenMetrics,
}

impl Format {
    /// Returns the format that a header `Accept` asks for.
    pub(crate) fn accepted(accept: &str) -> Self {
        let is_asked_for = |part: &str| {
            let mut parameters = part.split(';').map(str::trim);
            let is_refused = |parameter: &str| {
                parameter.strip_prefix("q=").is_some_and(|weight| weight.parse().is_ok_and(|weight: f64| weight <= 0.0))
            };
            parameters.next().is_some_and(|kind| kind.eq_ignore_ascii_case("application/openmetrics-text"))
                && !parameters.any(is_refused)
        };
        if accept.split(',').any(is_asked_for) { Self::OpenMetrics } else { Self::Text }
    }

    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// Writes everything that is measured of a server.
pub(crate) fn render(server: &McpServer, custom: &[Metric], detail: &Detail, format: Format) -> String {
    let settings = &detail.settings;
    let mut text = Text { out: String::with_capacity(4096), format, written: HashSet::new() };
    let metrics = server.metrics();
    let name = |rest: &str| format!("{}_{rest}", settings.prefix);
    text.by_method(&name, detail);
    text.plain(&name, metrics);
    if text.family(&name("build_info"), "gauge", "What the server calls itself, and what it is built with.") {
        let this = server.implementation();
        let labels = [("name", &*this.name), ("version", &*this.version), ("turbomcp", env!("CARGO_PKG_VERSION"))];
        text.sample(&name("build_info"), &labels, 1);
    }
    if server.bus().is_some() {
        let help = "Messages to other replicas that were given up, by kind.";
        let dropped = name("bus_messages_dropped_total");
        if text.family(&dropped, "counter", help) {
            for (kind, count) in [("answer", &metrics.bus_answers_dropped), ("hint", &metrics.bus_hints_dropped)] {
                text.sample(&dropped, &[("kind", kind)], count.load(Ordering::Relaxed));
            }
        }
    }
    if server.built_in().and_then(|layers| layers.rate_limit.as_ref()).is_some_and(|limit| limit.is_shared()) {
        let failures = name("rate_limit_store_failures_total");
        if text.family(&failures, "counter", "Requests for which the store of rate limits could not be asked.") {
            text.sample(&failures, &[], metrics.rate_limit_store_failures.load(Ordering::Relaxed));
        }
    }
    if let Some(transport) = server.transport_metrics() {
        text.bindings(&name, &transport.snapshot());
    }
    #[cfg(feature = "multi-tenancy")]
    for family in crate::tenancy::families(server) {
        text.tenants(&name(family.name), &family);
    }
    if settings.custom {
        text.told(&name, metrics);
        custom.iter().for_each(|metric| text.user(&metric.family));
    }
    text.process(&Process::read());
    if format == Format::OpenMetrics {
        text.out.push_str("# EOF\n");
    }
    text.out
}

struct Text {
    out: String,
    format: Format,
    /// The families there are: one that is there twice makes the whole unreadable.
    written: HashSet<String>,
}

impl Text {
    fn by_method(&mut self, name: &impl Fn(&str) -> String, detail: &Detail) {
        let requests = name("requests_total");
        if self.family(&requests, "counter", "Requests, by method and by how they ended.") {
            detail.requests(|method, status, count| {
                self.sample(&requests, &[("method", method), ("status", status)], count);
            });
        }
        let durations = name("request_duration_seconds");
        if self.family(&durations, "histogram", "The time from reading a request to its answer.") {
            let bounds = &detail.settings.buckets;
            detail.durations(|method, counts, sum| {
                self.histogram(&durations, &[("method", method)], bounds, counts, sum);
            });
        }
        let errors = name("errors_total");
        if self.family(&errors, "counter", "Requests that failed and messages that were refused, by why.") {
            detail.errors(|error, count| self.sample(&errors, &[("error_type", error)], count));
        }
    }

    fn plain(&mut self, name: &impl Fn(&str) -> String, metrics: &ServerMetrics) {
        let numbers: [(&str, &str, &AtomicU64, &str); 5] = [
            ("active_connections", "gauge", &metrics.connections_active, "Connections that are open."),
            ("connections_total", "counter", &metrics.connections_total, "Connections that were opened."),
            ("requests_in_flight", "gauge", &metrics.requests_in_flight, "Requests that are being answered."),
            ("tool_calls_total", "counter", &metrics.tool_calls_total, "Tools that were called."),
            ("tool_timeouts_total", "counter", &metrics.tool_timeouts_total, "Tools that ran out of time."),
        ];
        for (rest, kind, value, help) in numbers {
            if self.family(&name(rest), kind, help) {
                self.sample(&name(rest), &[], value.load(Ordering::Relaxed));
            }
        }
    }

    /// Writes what is counted of each binding.
    fn bindings(&mut self, name: &impl Fn(&str) -> String, snapshot: &MetricsSnapshot) {
        type Read = fn(&BindingSnapshot) -> u64;
        let numbers: [(&str, Read, &str); 8] = [
            ("connections_opened_total", |b| b.connections_opened, "Connections that were opened."),
            ("connections_refused_total", |b| b.connections_refused, "Connections and requests that were turned away."),
            ("connections_broken_total", |b| b.connections_broken, "Connections that ended by a failure."),
            ("handshakes_failed_total", |b| b.handshakes_failed, "Handshakes of TLS that came to nothing."),
            ("messages_received_total", |b| b.messages_received, "Messages that have arrived."),
            ("bytes_received_total", |b| b.bytes_received, "Bytes of messages that have arrived."),
            ("messages_sent_total", |b| b.messages_sent, "Messages that were sent."),
            ("bytes_sent_total", |b| b.bytes_sent, "Bytes of messages that were sent."),
        ];
        let active: (&str, Read, &str) = ("connections", |b| b.active_connections, "Connections that are open.");
        for (rest, read, help) in numbers.into_iter().chain([active]) {
            let kind = if rest.ends_with("_total") { "counter" } else { "gauge" };
            let name = name(&format!("transport_{rest}"));
            if self.family(&name, kind, help) {
                for (binding, counted) in &snapshot.bindings {
                    self.sample(&name, &[("binding", binding.as_str())], read(counted));
                }
            }
        }
    }

    #[cfg(feature = "multi-tenancy")]
    fn tenants(&mut self, name: &str, family: &crate::tenancy::Family) {
        if self.family(name, family.kind, family.help) {
            for (labels, value) in &family.samples {
                let labels: Vec<_> = labels.iter().map(|(label, value)| (*label, &**value)).collect();
                self.sample(name, &labels, Number(*value));
            }
        }
    }

    /// Writes what handlers have recorded by name.
    fn told(&mut self, name: &impl Fn(&str) -> String, metrics: &ServerMetrics) {
        let mut custom: Vec<_> = read(&metrics.custom).iter().map(|(name, value)| (name.clone(), *value)).collect();
        custom.sort_by(|a, b| a.0.cmp(&b.0));
        if !custom.is_empty() && self.family(&name("custom"), "gauge", "What handlers have recorded, by its name.") {
            for (what, value) in custom {
                self.sample(&name("custom"), &[("name", &what)], Number(value));
            }
        }
        let mut durations: Vec<_> =
            read(&metrics.durations).iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        durations.sort_by(|a, b| a.0.cmp(&b.0));
        let seconds = name("operation_duration_seconds");
        if !durations.is_empty() && self.family(&seconds, "histogram", "What handlers have timed, by its name.") {
            for (what, histogram) in durations {
                let family = histogram.family();
                for (_, series) in family.series() {
                    self.series(&seconds, &[("operation", &what)], &family.kind, &series);
                }
            }
        }
    }

    fn user(&mut self, family: &Family) {
        let (kind, suffix) = match family.kind {
            Kind::Counter if family.name.ends_with("_total") => ("counter", ""),
            Kind::Counter => ("counter", "_total"),
            Kind::Gauge => ("gauge", ""),
            Kind::Histogram(_) => ("histogram", ""),
        };
        let name = format!("{}{suffix}", family.name);
        if !self.family(&name, kind, &family.help) {
            return;
        }
        for (labels, series) in family.series() {
            let labels: Vec<_> = labels.iter().map(|(name, value)| (&**name, &**value)).collect();
            self.series(&name, &labels, &family.kind, &series);
        }
    }

    fn series(&mut self, name: &str, labels: &[(&str, &str)], kind: &Kind, series: &Series) {
        match (series, kind) {
            (Series::Number(sum), _) => self.sample(name, labels, Number(sum.get())),
            (Series::Histogram(counts), Kind::Histogram(bounds)) => {
                let (counts, sum) = counts.cumulative();
                self.histogram(name, labels, bounds, &counts, sum);
            }
            _ => {}
        }
    }

    fn process(&mut self, process: &Process) {
        let known = [
            ("process_resident_memory_bytes", "gauge", process.resident_bytes, "Memory that the process occupies."),
            ("process_cpu_seconds_total", "counter", process.cpu_seconds, "Time of processors that it has used."),
            ("process_open_fds", "gauge", process.open_files, "Files and sockets that it has open."),
            ("process_threads", "gauge", process.threads, "Threads that it has."),
        ];
        for (name, kind, value, help) in known {
            if let Some(value) = value
                && self.family(name, kind, help)
            {
                self.sample(name, &[], Number(value));
            }
        }
    }

    /// Begins a family; false if there is one of this name, whose samples must then not be written.
    fn family(&mut self, name: &str, kind: &str, help: &str) -> bool {
        let base = match self.format {
            Format::OpenMetrics if kind == "counter" => name.strip_suffix("_total").unwrap_or(name),
            _ => name,
        };
        if !self.written.insert(name.strip_suffix("_total").unwrap_or(name).to_owned()) {
            tracing::warn!(name, "a metric is not shown, because there is another of its name");
            return false;
        }
        let mut help = help.replace('\\', "\\\\").replace('\n', "\\n");
        if self.format == Format::OpenMetrics {
            help = help.replace('"', "\\\"");
        }
        // Writing to a `String` cannot fail, here and below.
        let _ = writeln!(self.out, "# HELP {base} {help}\n# TYPE {base} {kind}");
        true
    }

    fn histogram(&mut self, name: &str, labels: &[(&str, &str)], bounds: &[f64], counts: &[u64], sum: f64) {
        let bucket = format!("{name}_bucket");
        for (at, count) in counts.iter().enumerate() {
            let bound = bounds.get(at).map_or("+Inf".to_owned(), |bound| format!("{:?}", bound));
            let labels: Vec<_> = labels.iter().copied().chain([("le", &*bound)]).collect();
            self.sample(&bucket, &labels, count);
        }
        self.sample(&format!("{name}_sum"), labels, Number(sum));
        self.sample(&format!("{name}_count"), labels, counts.last().copied().unwrap_or_default());
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.out.push_str(name);
        for (at, (name, value)) in labels.iter().enumerate() {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.out, "{}{name}=\"{value}\"", if at == 0 { '{' } else { ',' });
        }
        if !labels.is_empty() {
            self.out.push('}');
        }
        let _ = writeln!(self.out, " {value}");
    }
}

/// A number as Prometheus writes it.
struct Number(f64);

impl Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            infinite if infinite == f64::INFINITY => f.write_str("+Inf"),
            infinite if infinite == f64::NEG_INFINITY => f.write_str("-Inf"),
            number => write!(f, "{number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_the_one_asked_for() {
        let check = |accept, expected| assert_eq!(Format::accepted(accept), expected, "{accept}");
        check("", Format::Text);
        check("*/*", Format::Text);
        check("text/plain;version=0.0.4;q=0.5", Format::Text);
        check("application/openmetrics-text;version=1.0.0;q=0.6,text/plain;q=0.5", Format::OpenMetrics);
        check("application/openmetrics-text;q=0, text/plain", Format::Text);
    }

    #[test]
    fn a_name_is_written_once_and_labels_are_escaped() {
        let mut text = Text { out: String::new(), format: Format::Text, written: HashSet::new() };
        assert!(text.family("a_total", "counter", "back\\slash\nand line"));
        text.sample("a_total", &[("l", "q\"b\\n\n")], Number(f64::INFINITY));
        assert!(!text.family("a", "gauge", ""));
        let expected =
            "# HELP a_total back\\\\slash\\nand line\n# TYPE a_total counter\na_total{l=\"q\\\"b\\\\n\\n\"} +Inf\n";
        assert_eq!(text.out, expected);
    }
}
