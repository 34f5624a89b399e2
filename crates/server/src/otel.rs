//! Exporting traces and metrics over OTLP.
//!
//! ```no_run
//! use tracing_subscriber::layer::SubscriberExt;
//! use tracing_subscriber::util::SubscriberInitExt;
//! use turbomcp_server::ServerBuilder;
//! use turbomcp_server::otel::Otlp;
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let export = Otlp::new("http://127.0.0.1:4318").service_name("notes").start()?;
//! tracing_subscriber::registry().with(export.layer()).init();
//! let server = ServerBuilder::new().name("notes").build();
//! export.observe(&server);
//! server.serve(turbomcp_transport::stdio::StdioTransport::new()?).await?;
//! export.shutdown().await?;
//! # Ok(())
//! # }
//! ```

mod client;
mod instruments;

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use opentelemetry::metrics::MeterProvider;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{MetricExporter, Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Span;
use tracing_opentelemetry::{OpenTelemetryLayer, OpenTelemetrySpanExt};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::registry::LookupSpan;

use self::client::Client;
use crate::{Error, McpServer, TraceContext};

/// What instruments and tracers are of.
const SCOPE: &str = "turbomcp";

/// Where to export to, and as what.
///
/// What is sent is protobuf over HTTP, to a collector on this computer or in its network: `https://` and everything else that
/// an export may need is the collector's. Sampling and the rest are set by the environment variables of OpenTelemetry.
#[derive(Clone)]
#[must_use]
pub struct Otlp {
    endpoint: String,
    service_name: String,
    headers: HashMap<String, String>,
    timeout: Duration,
    interval: Duration,
}

impl Otlp {
    /// Starts with the URL of a collector, such as `http://127.0.0.1:4318`; signals have paths beneath it.
    pub fn new(endpoint: impl Into<String>) -> Self {
        Self {
            endpoint: endpoint.into(),
            service_name: "turbomcp".to_owned(),
            headers: HashMap::new(),
            timeout: Duration::from_secs(10),
            interval: Duration::from_secs(60),
        }
    }

    /// Sets what the service is called. `turbomcp` unless set.
    pub fn service_name(mut self, name: impl Into<String>) -> Self {
        self.service_name = name.into();
        self
    }

    /// Adds a header to each request, such as one that the collector knows its callers by.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.insert(name.into(), value.into());
        self
    }

    /// Sets how long connecting, sending and the answer may take each. 10 seconds unless set.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how often metrics are sent. 60 seconds unless set.
    pub fn metrics_interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Starts to export, in threads of its own.
    ///
    /// # Errors
    ///
    /// If the URL is not one of `http://`, a header is malformed, or a time is zero.
    pub fn start(self) -> Result<OtlpExport, Error> {
        let base = self.endpoint.trim_end_matches('/');
        if !base.strip_prefix("http://").is_some_and(|rest| !rest.is_empty() && !rest.contains(['@', '?', '#'])) {
            return Err(Error::configuration("the endpoint of OTLP is not `http://host:port`"));
        }
        if self.timeout.is_zero() || self.interval.is_zero() {
            return Err(Error::configuration("an export over OTLP needs times of more than nothing"));
        }
        for (name, value) in &self.headers {
            let is_name = http::HeaderName::from_bytes(name.as_bytes()).is_ok();
            if !is_name || http::HeaderValue::from_str(value).is_err() {
                return Err(Error::configuration(format!("header `{name}` is malformed")));
            }
        }
        let failed = |error: opentelemetry_otlp::ExporterBuildError| Error::configuration(error.to_string());
        let client = Client::new(self.timeout);
        let spans = SpanExporter::builder()
            .with_http()
            .with_http_client(client.clone())
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{base}/v1/traces"))
            .with_headers(self.headers.clone())
            .with_timeout(self.timeout)
            .build()
            .map_err(failed)?;
        let metrics = MetricExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{base}/v1/metrics"))
            .with_headers(self.headers)
            .with_timeout(self.timeout)
            .build()
            .map_err(failed)?;
        let resource = Resource::builder().with_service_name(self.service_name).build();
        let reader = PeriodicReader::builder(metrics).with_interval(self.interval).build();
        Ok(OtlpExport {
            spans: SdkTracerProvider::builder().with_resource(resource.clone()).with_batch_exporter(spans).build(),
            metrics: SdkMeterProvider::builder().with_resource(resource).with_reader(reader).build(),
        })
    }
}

impl fmt::Debug for Otlp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Otlp")
            .field("endpoint", &self.endpoint)
            .field("service_name", &self.service_name)
            .field("headers", &self.headers.keys())
            .field("timeout", &self.timeout)
            .field("interval", &self.interval)
            .finish()
    }
}

/// An export over OTLP that goes on until it is [shut down](Self::shutdown) or dropped.
#[derive(Debug)]
pub struct OtlpExport {
    spans: SdkTracerProvider,
    metrics: SdkMeterProvider,
}

impl OtlpExport {
    /// Returns the layer of a `tracing` subscriber that exports spans of level `INFO` and above: those of requests, and
    /// whichever handlers open.
    ///
    /// The span of a request belongs to the trace that its client says; see [`TraceContext`].
    pub fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: tracing::Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        // Where a span was opened is the same for all requests, and names of threads say nothing.
        let layer = OpenTelemetryLayer::new(self.spans.tracer(SCOPE)).with_location(false).with_threads(false);
        layer.with_filter(LevelFilter::INFO)
    }

    /// Exports what a server counts, and the counters and gauges of its users.
    ///
    /// How long requests take is the histogram `mcp.server.operation.duration`. By method and kind of error is counted what
    /// [`ServerBuilder::with_metrics`](crate::ServerBuilder::with_metrics) asks for.
    pub fn observe(&self, server: &McpServer) {
        instruments::observe(&self.metrics.meter(SCOPE), server);
    }

    /// Sends what has not been sent.
    ///
    /// # Errors
    ///
    /// If it does not arrive.
    pub async fn flush(&self) -> Result<(), Error> {
        let (spans, metrics) = (self.spans.clone(), self.metrics.clone());
        blocking(move || spans.force_flush().and(metrics.force_flush())).await
    }

    /// Sends what has not been sent, and ends.
    ///
    /// # Errors
    ///
    /// If it does not arrive.
    pub async fn shutdown(self) -> Result<(), Error> {
        blocking(move || self.spans.shutdown().and(self.metrics.shutdown())).await
    }
}

/// Waits for something that blocks.
async fn blocking(
    work: impl FnOnce() -> opentelemetry_sdk::error::OTelSdkResult + Send + 'static,
) -> Result<(), Error> {
    let done = tokio::task::spawn_blocking(work).await.map_err(Error::transport)?;
    done.map_err(Error::transport)
}

/// Puts a span into the trace that the client says.
pub(crate) fn set_parent(span: &Span, context: &TraceContext) {
    let parent = TraceContextPropagator::new().extract_with_context(&opentelemetry::Context::new(), &Carrier(context));
    let parent = BaggagePropagator::new().extract_with_context(&parent, &Carrier(context));
    if let Err(error) = span.set_parent(parent) {
        tracing::debug!(%error, "nobody exports the span of a request");
    }
}

struct Carrier<'a>(&'a TraceContext);

impl Extractor for Carrier<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        match key {
            "traceparent" => Some(self.0.traceparent()),
            "tracestate" => self.0.tracestate(),
            "baggage" => self.0.baggage(),
            _ => None,
        }
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent", "tracestate", "baggage"]
    }
}
