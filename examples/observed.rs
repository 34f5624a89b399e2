//! A server and what whoever operates it reads: `cargo run --example observed -- 127.0.0.1:8080 notes 127.0.0.1:9100`
//!
//! `/health/ready`, `/health/live` and `/metrics` are beside `/mcp`, and at the last address alone. `notes` is the folder that the notes are in: without it
//! the server is not well, and ends after a while. With `OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318` in the
//! environment, traces and metrics go to a collector, too.

use std::path::PathBuf;
use std::time::Duration;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use turbomcp::Error;
use turbomcp::health::{Check, HealthCheckConfig, HealthStatus, checks};
use turbomcp::metrics::{Counter, CustomMetrics, Histogram, Metric, MetricsCollector, PrometheusConfig};
use turbomcp::otel::Otlp;
use turbomcp::prelude::*;

// ANCHOR: custom
#[derive(Clone)]
struct NotesMetrics {
    lookups: Counter,
    lengths: Histogram,
}

impl CustomMetrics for NotesMetrics {
    fn metrics(&self) -> Vec<Metric> {
        vec![self.lookups.clone().into(), self.lengths.clone().into()]
    }
}

impl NotesMetrics {
    fn new() -> Self {
        Self {
            lookups: Counter::new("notes_lookups", "Notes that were looked up."),
            lengths: Histogram::new("notes_length_bytes", "How long they are.").buckets([100.0, 1000.0, 10_000.0]),
        }
    }
}
// ANCHOR_END: custom

struct Notes {
    folder: PathBuf,
    metrics: NotesMetrics,
}

#[server(name = "notes", version = "1.0.0")]
impl Notes {
    // ANCHOR: count
    /// Reads a note.
    #[tool(read_only)]
    async fn read(&self, #[arg(pattern = "^[a-z]+$")] title: String, ctx: Context) -> std::io::Result<String> {
        let found = tokio::fs::read_to_string(self.folder.join(title)).await;
        let outcome = if found.is_ok() { "found" } else { "missing" };
        self.metrics.lookups.with_label("outcome", outcome).inc();
        if let Ok(text) = &found {
            self.metrics.lengths.observe(text.len() as f64);
        }
        ctx.record_metric("notes_asked_for", 1);
        found
    }
    // ANCHOR_END: count
}

// ANCHOR: server
fn server(folder: PathBuf) -> Result<McpServer, Error> {
    let metrics = NotesMetrics::new();
    let notes = Notes { folder: folder.clone(), metrics: metrics.clone() };
    let health = HealthCheckConfig::new()
        .readiness_endpoint("/health/ready")
        .liveness_endpoint("/health/live")
        .custom_checks([Check::new("folder", move || exists(folder.clone())), checks::disk_space("/", 1 << 20)])
        .interval(Duration::from_secs(1));
    let prometheus = PrometheusConfig::new().endpoint("/metrics").basic_auth("metrics", "secret");
    let builder = notes.into_builder().with_health_checks(health)?;
    Ok(builder.with_metrics(MetricsCollector::prometheus(prometheus))?.with_custom_metrics(metrics)?.build())
}
// ANCHOR_END: server

async fn exists(folder: PathBuf) -> HealthStatus {
    match tokio::fs::metadata(folder).await {
        Ok(found) if found.is_dir() => HealthStatus::Healthy,
        _ => HealthStatus::Unhealthy("it is not there".to_owned()),
    }
}

// ANCHOR: unhealthy
/// Ends a server that has not been well for a while, so that whoever supervises it starts another.
async fn end_when_unhealthy(server: McpServer) {
    let mut unwell = 0;
    while unwell < 3 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        unwell = if server.health().await.healthy { 0 } else { unwell + 1 };
    }
    server.shutdown_handle().shutdown();
}
// ANCHOR_END: unhealthy

// ANCHOR: otlp
#[tokio::main]
async fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let server = server(arguments.next().unwrap_or_else(|| "notes".to_owned()).into())?;
    // ANCHOR: management
    if let Some(address) = arguments.next() {
        let management = server.management().bind(address).await?;
        tokio::spawn(management.serve());
    }
    // ANCHOR_END: management
    let export = match std::env::var("OTEL_EXPORTER_OTLP_ENDPOINT") {
        Ok(collector) => {
            let export = Otlp::new(collector).service_name("notes").start()?;
            tracing_subscriber::registry().with(export.layer()).init();
            export.observe(&server);
            Some(export)
        }
        Err(_) => None,
    };
    let watching = tokio::spawn(end_when_unhealthy(server.clone()));
    server.run_http(address).await?;
    watching.abort();
    if let Some(export) = export {
        export.shutdown().await?;
    }
    Ok(())
}
// ANCHOR_END: otlp
