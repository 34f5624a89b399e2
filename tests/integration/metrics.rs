//! Metrics: F51, F118 to F125, F127.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine;
use serde_json::json;
use tokio::net::TcpListener;
use turbomcp::metrics::{
    Counter, CustomMetrics, Gauge, Histogram, Metric, MetricsCollector, MetricsConfig, PrometheusConfig, ServerMetrics,
};
use turbomcp::prelude::*;
use turbomcp::{FnTool, McpServer, ToolError};
use turbomcp_tests::{Client, Http, PATIENCE, Request, Site, WebSocket};

struct Desk;

#[server(name = "de\"sk", version = "1.2.3")]
impl Desk {
    /// Adds.
    #[tool]
    async fn add(&self, a: i64, b: i64) -> i64 {
        a + b
    }

    /// Fails.
    #[tool]
    async fn fail(&self) -> Result<String, ToolError> {
        Err(ToolError::new("no"))
    }

    /// Refuses.
    #[tool]
    async fn refuse(&self) -> McpResult<String> {
        Err(McpError::unauthorized("who are you?"))
    }

    /// Counts.
    #[tool]
    async fn count(&self, ctx: Context) -> &'static str {
        ctx.record_metric("user_lookups", 1);
        ctx.server().metrics().record_duration("database_query", Duration::from_millis(20));
        "counted"
    }
}

/// Never done.
fn slow() -> FnTool {
    let slow = |_: turbomcp::Arguments| async {
        tokio::time::sleep(Duration::from_secs(3600)).await;
        "done"
    };
    FnTool::new(slow).timeout(Duration::from_millis(20))
}

fn is(counter: &AtomicU64, expected: u64) {
    assert_eq!(counter.load(Ordering::Relaxed), expected);
}

/// Reads the metrics as whoever operates the server does.
async fn read(server: &McpServer, accept: &str) -> String {
    let listener = server.management().bind("127.0.0.1:0").await.unwrap();
    let operators = Http::at(listener.local_addr());
    let managing = tokio::spawn(listener.serve());
    let mut reply = operators.send(Request::get().path("/metrics").with("Accept", accept)).await;
    let text = reply.text().await;
    assert_eq!(reply.status, 200, "{text}");
    managing.abort();
    text
}

#[track_caller]
fn has(text: &str, line: &str) {
    assert!(text.lines().any(|known| known == line), "`{line}` is not in\n{text}");
}

/// Sends what the numbers below are of.
async fn traffic(client: &mut Client) {
    client.tool("add", json!({"a": 1, "b": 2})).await;
    client.tool("add", json!({"a": 1, "b": 2})).await;
    client.tool("add", json!({"a": "one", "b": 2})).await;
    client.tool("fail", json!({})).await;
    client.tool("refuse", json!({})).await;
    client.tool("count", json!({})).await;
    client.tool("slow", json!({})).await;
    client.tool("nobody", json!({})).await;
    client.modern("tools/list", json!({}), json!({})).await;
    for method in ["x/1", "x/2", "x/3"] {
        client.modern(method, json!({}), json!({})).await;
    }
    client.send_text(b"{}").await;
    client.next().await;
}

fn desk() -> turbomcp::ServerBuilder {
    Desk.into_builder().tool("slow", slow()).unwrap()
}

#[tokio::test]
async fn f123_the_counters_say_what_was_sent() {
    let server = desk().build();
    let mut client = Client::connect(&server);
    traffic(&mut client).await;
    let metrics: &ServerMetrics = server.metrics();
    is(&metrics.requests_total, 12);
    assert_eq!(metrics.request_count(), 12);
    is(&metrics.requests_successful, 4);
    is(&metrics.requests_failed, 8);
    is(&metrics.requests_in_flight, 0);
    is(&metrics.errors_total, 9);
    is(&metrics.errors_validation, 2);
    is(&metrics.errors_auth, 1);
    is(&metrics.tool_calls_total, 7);
    is(&metrics.tool_timeouts_total, 1);
    is(&metrics.connections_active, 1);
    is(&metrics.connections_total, 1);
    assert!(metrics.total_response_time_us.load(Ordering::Relaxed) >= 20_000);
    assert!(metrics.average_response_time() >= Duration::from_micros(20_000 / 12));
    assert_eq!(metrics.custom.read().unwrap()["user_lookups"], 1.0);
    client.end().await.0.unwrap();
    is(&metrics.connections_active, 0);
}

#[tokio::test]
async fn what_is_refused_before_it_is_a_request_is_counted_on_every_path() {
    let server = desk().build();
    let site = Site::serve(server.http().websocket("/ws").sse("/sse", "/messages")).await;
    let evil = |request: Request, path: &str| request.path(path).header("Origin", "https://evil.example");
    for (count, path) in (1..).zip(["/mcp", "/ws", "/sse", "/messages"]) {
        assert_eq!(site.client().send(evil(Request::get(), path)).await.status, 403, "{path}");
        is(&server.metrics().errors_auth, count);
        is(&server.metrics().errors_total, count);
    }
    for (count, path) in (5..).zip(["/messages", "/messages?sessionId=nobody"]) {
        let reply = site.client().send(Request::post(&json!({})).path(path)).await;
        assert!(reply.status == 400 || reply.status == 404, "{path}: {}", reply.status);
        is(&server.metrics().errors_total, count);
    }
    is(&server.metrics().errors_auth, 4);
}

#[tokio::test]
async fn a_request_in_flight_is_counted_until_it_is_cancelled() {
    let server = desk().tool("wait", |_: turbomcp::Arguments| std::future::pending::<String>()).unwrap().build();
    let mut client = Client::connect(&server);
    let call = turbomcp_tests::modern(7, "tools/call", json!({"name": "wait", "arguments": {}}), json!({}));
    client.send(&call).await;
    client.sync().await;
    is(&server.metrics().requests_in_flight, 1);
    client.notify("notifications/cancelled", json!({"requestId": 7})).await;
    let settled = async {
        while server.metrics().requests_in_flight.load(Ordering::Relaxed) > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, settled).await.expect("it is over");
    let metrics = server.metrics();
    is(&metrics.requests_failed, 0);
    is(&metrics.errors_total, 0);
    let ended = metrics.requests_successful.load(Ordering::Relaxed);
    is(&metrics.requests_total, ended + 1);
}

#[tokio::test]
async fn f120_prometheus_reads_what_was_sent_by_the_names_it_was_promised() {
    let server = desk().with_metrics(MetricsConfig::new()).unwrap().build();
    let mut client = Client::connect(&server);
    traffic(&mut client).await;
    let text = read(&server, "*/*").await;
    for line in [
        r#"turbomcp_server_requests_total{method="tools/call",status="success"} 3"#,
        r#"turbomcp_server_requests_total{method="tools/call",status="error"} 5"#,
        r#"turbomcp_server_requests_total{method="tools/list",status="success"} 1"#,
        // Whatever clients make up is one series.
        r#"turbomcp_server_requests_total{method="other",status="error"} 3"#,
        r#"turbomcp_server_request_duration_seconds_count{method="tools/call"} 8"#,
        r#"turbomcp_server_request_duration_seconds_bucket{method="tools/call",le="+Inf"} 8"#,
        r#"turbomcp_server_errors_total{error_type="validation"} 2"#,
        r#"turbomcp_server_errors_total{error_type="tool"} 1"#,
        r#"turbomcp_server_errors_total{error_type="auth"} 1"#,
        r#"turbomcp_server_errors_total{error_type="timeout"} 1"#,
        r#"turbomcp_server_errors_total{error_type="not_found"} 3"#,
        r#"turbomcp_server_errors_total{error_type="protocol"} 1"#,
        "turbomcp_server_active_connections 1",
        "turbomcp_server_connections_total 1",
        "turbomcp_server_requests_in_flight 0",
        "turbomcp_server_tool_calls_total 7",
        "turbomcp_server_tool_timeouts_total 1",
        r#"turbomcp_server_custom{name="user_lookups"} 1"#,
        r#"turbomcp_server_operation_duration_seconds_count{operation="database_query"} 1"#,
        "# TYPE turbomcp_server_requests_total counter",
        "# TYPE turbomcp_server_request_duration_seconds histogram",
        "# TYPE turbomcp_server_active_connections gauge",
        "# TYPE turbomcp_server_errors_total counter",
    ] {
        has(&text, line);
    }
    let built = text.lines().find(|line| line.starts_with("turbomcp_server_build_info{")).unwrap();
    assert!(built.contains(r#"name="de\"sk",version="1.2.3""#), "{built}");
    assert!(!text.contains("method=\"x/1\"") && !text.contains("# EOF"), "{text}");
    #[cfg(target_os = "linux")]
    for name in
        ["process_resident_memory_bytes ", "process_cpu_seconds_total ", "process_open_fds ", "process_threads "]
    {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap();
        assert!(line[name.len()..].parse::<f64>().unwrap() >= 0.0, "{line}");
    }
    let open = read(&server, "application/openmetrics-text; version=1.0.0").await;
    has(&open, "# TYPE turbomcp_server_requests counter");
    has(&open, "turbomcp_server_tool_calls_total 7");
    assert!(open.ends_with("# EOF\n"), "{open}");
}

#[tokio::test]
async fn f119_a_password_is_asked_for() {
    let prometheus = PrometheusConfig::new()
        .namespace("acme")
        .subsystem("tools")
        .endpoint("/internal/metrics")
        .basic_auth("metrics", "se:cret")
        .histogram_buckets([1.0, 2.0]);
    assert!(!format!("{prometheus:?}").contains("se:cret"));
    let server = Desk.into_builder().with_metrics(MetricsCollector::prometheus(prometheus)).unwrap().build();
    let site = Site::start(&server).await;
    site.client().tool("add", json!({"a": 1, "b": 2})).await;
    let encoded = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let get = || Request::get().path("/internal/metrics");
    for wrong in [
        get(),
        get().header("Authorization", format!("Basic {}", encoded("metrics:secret"))),
        get().header("Authorization", format!("Basic {}", encoded("metrics"))),
        get().header("Authorization", format!("Bearer {}", encoded("metrics:se:cret"))),
        get().header("Authorization", "Basic !"),
        get().header("Authorization", "Basi"),
    ] {
        let refused = site.client().send(wrong).await;
        assert_eq!((refused.status, refused.header("www-authenticate").is_some()), (401, true));
    }
    let right = get().header("Authorization", format!("basic {}", encoded("metrics:se:cret")));
    let mut reply = site.client().send(right).await;
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("text/plain; version=0.0.4; charset=utf-8")));
    let text = reply.text().await;
    has(&text, r#"acme_tools_requests_total{method="tools/call",status="success"} 1"#);
    has(&text, r#"acme_tools_request_duration_seconds_bucket{method="tools/call",le="2.0"} 1"#);
    assert_eq!(text.matches("acme_tools_request_duration_seconds_bucket").count(), 3);
    assert_eq!(site.client().send(get().path("/metrics")).await.status, 404);
    server.shutdown_handle().shutdown();
    site.ended().await.unwrap();
}

#[tokio::test]
async fn without_a_password_the_metrics_beside_mcp_are_for_this_computer() {
    let server = Desk.into_builder().with_metrics(MetricsConfig::new()).unwrap().build();
    let site = Site::start(&server).await;
    assert_eq!(site.client().send(Request::get().path("/metrics")).await.status, 200);
    let rebound = Request::get().path("/metrics").header("Host", "rebound.example");
    assert_eq!(site.client().send(rebound).await.status, 403);

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    // Without `ConnectInfo` nobody knows who asks.
    let router: axum::Router = server.into_router();
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });
    assert_eq!(Http::at(address).send(Request::get().path("/metrics")).await.status, 403);
    serving.abort();
}

#[derive(Clone)]
struct AppMetrics {
    lookups: Counter,
    depth: Gauge,
    queries: Histogram,
}

impl CustomMetrics for AppMetrics {
    fn metrics(&self) -> Vec<Metric> {
        vec![self.lookups.clone().into(), self.depth.clone().into(), self.queries.clone().into()]
    }
}

fn app() -> AppMetrics {
    AppMetrics {
        lookups: Counter::new("user_lookups", "Users that were\nlooked up.").max_series(3),
        depth: Gauge::new("queue_depth", "Jobs that wait."),
        queries: Histogram::new("query_seconds", "How long queries take.").buckets([0.01, 0.1]),
    }
}

#[tokio::test]
async fn f121_users_count_beside_the_server() {
    let app = app();
    let builder = Desk.into_builder().with_metrics(MetricsConfig::new().prometheus_endpoint("/metrics"));
    let server = builder.unwrap().with_custom_metrics(app.clone()).unwrap().build();
    app.lookups.inc();
    app.lookups.add(-5.0);
    let labelled = app.lookups.with_label("source", "ca\"che\\").with_label("region", "eu");
    labelled.inc();
    app.lookups.with_label("region", "eu").with_label("source", "ca\"che\\").add(2.0);
    for user in 0..10 {
        app.lookups.with_label("us er", user.to_string()).inc();
    }
    app.depth.set(5.0);
    app.depth.dec();
    app.queries.observe(0.05);
    app.queries.observe_duration(Duration::from_secs(3));
    let text = read(&server, "").await;
    for line in [
        "# HELP user_lookups_total Users that were\\nlooked up.",
        "# TYPE user_lookups_total counter",
        "user_lookups_total 1",
        r#"user_lookups_total{region="eu",source="ca\"che\\"} 3"#,
        r#"user_lookups_total{us_er="0"} 1"#,
        r#"user_lookups_total{overflow="true"} 9"#,
        "queue_depth 4",
        r#"query_seconds_bucket{le="0.01"} 0"#,
        r#"query_seconds_bucket{le="0.1"} 1"#,
        r#"query_seconds_bucket{le="+Inf"} 2"#,
        "query_seconds_sum 3.05",
        "query_seconds_count 2",
    ] {
        has(&text, line);
    }
}

#[tokio::test]
async fn f118_what_users_count_can_be_left_out_and_buckets_set() {
    let config = MetricsConfig::new().custom_metrics(false).histogram_buckets([0.25, 10.0]);
    let server = Desk.into_builder().with_metrics(config).unwrap().with_custom_metrics(app()).unwrap().build();
    let mut client = Client::connect(&server);
    client.tool("count", json!({})).await;
    let text = read(&server, "").await;
    assert!(!text.contains("user_lookups") && !text.contains("queue_depth") && !text.contains("database_query"));
    has(&text, r#"turbomcp_server_request_duration_seconds_bucket{method="tools/call",le="0.25"} 1"#);
    has(&text, r#"turbomcp_server_request_duration_seconds_bucket{method="tools/call",le="10.0"} 1"#);
    // Metrics of one's own are enough to have the others.
    let server = Desk.into_builder().with_custom_metrics(app()).unwrap().build();
    has(&read(&server, "").await, "# TYPE queue_depth gauge");
}

#[tokio::test]
async fn what_bindings_count_is_shown_if_it_is_counted() {
    use turbomcp::transport::metrics::{MetricsConfig as Counted, TransportMetrics};

    let builder = Desk.into_builder().transport_metrics(TransportMetrics::new(Counted::new()));
    let server = builder.with_metrics(MetricsConfig::new()).unwrap().build();
    Client::connect(&server).tool("add", json!({"a": 1, "b": 2})).await;
    let text = read(&server, "").await;
    has(&text, r#"turbomcp_server_transport_messages_received_total{binding="other"} 1"#);
    has(&text, r#"turbomcp_server_transport_connections_opened_total{binding="other"} 1"#);
    let without = Desk.into_builder().with_metrics(MetricsConfig::new()).unwrap().build();
    assert!(!read(&without, "").await.contains("_transport_"));
}

#[tokio::test]
async fn what_stands_for_a_request_is_not_counted() {
    let server = Desk.into_server();
    let site = Site::serve(server.http().websocket("/ws")).await;
    let mut socket = WebSocket::connect(site.address, "/ws").await;
    socket.send(&turbomcp_tests::modern(1, "tools/list", json!({}), json!({}))).await;
    socket.next().await;
    is(&server.metrics().requests_total, 1);
    is(&server.metrics().connections_total, 1);
    is(&server.metrics().connections_active, 1);
}

#[tokio::test]
async fn what_is_refused_is_an_error_and_no_request() {
    let server = Desk.into_builder().with_metrics(MetricsConfig::new()).unwrap().build();
    let site = Site::start(&server).await;
    for (request, status) in [
        (Request::post_text("{"), 400),
        (Request::post_text("{}").header("Host", "rebound.example"), 403),
        (Request::post_text("{}").with("Content-Type", "text/plain"), 415),
    ] {
        assert_eq!(site.client().send(request).await.status, status);
    }
    is(&server.metrics().requests_total, 0);
    is(&server.metrics().errors_total, 3);
    is(&server.metrics().errors_auth, 1);
}

#[test]
fn names_beyond_a_thousand_are_not_kept() {
    let server = Desk.into_server();
    for name in 0..1100 {
        server.metrics().record(&name.to_string(), 1);
        server.metrics().record_duration(&name.to_string(), Duration::ZERO);
    }
    assert_eq!(server.metrics().custom.read().unwrap().len(), 1000);
}

#[test]
fn metrics_that_make_no_sense_are_refused() {
    let builder = || Desk.into_builder();
    for config in [
        PrometheusConfig::new().namespace("9"),
        PrometheusConfig::new().namespace(""),
        PrometheusConfig::new().subsystem("a-b"),
        PrometheusConfig::new().endpoint("metrics"),
        PrometheusConfig::new().basic_auth("a:b", "c"),
        PrometheusConfig::new().basic_auth("a", ""),
        PrometheusConfig::new().histogram_buckets([]),
        PrometheusConfig::new().histogram_buckets([1.0, 1.0]),
        PrometheusConfig::new().histogram_buckets([1.0, f64::INFINITY]),
    ] {
        let refused = builder().with_metrics(MetricsCollector::prometheus(config)).unwrap_err();
        assert!(refused.is_configuration(), "{refused}");
    }
    for metrics in [
        vec![Counter::new("a-b", "").into()],
        vec![Counter::new("", "").into()],
        vec![Counter::new("a", "").into(), Gauge::new("a", "").into()],
        vec![Histogram::new("a", "").buckets([2.0, 1.0]).into()],
    ] {
        assert!(builder().with_custom_metrics(metrics).unwrap_err().is_configuration());
    }
}
