//! Health: F50, F60, F111 to F116.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::TcpListener;
use turbomcp::health::{Check, HealthCheck, HealthCheckConfig, HealthChecker, HealthStatus, checks};
use turbomcp::{McpServer, ServerBuilder};
use turbomcp_tests::{Client, Http, PATIENCE, Request, Site, modern};

struct Queue(usize);

impl HealthCheck for Queue {
    async fn check(&self) -> HealthStatus {
        match self.0 {
            0 => HealthStatus::Healthy,
            length => HealthStatus::Degraded(vec![format!("{length} jobs wait"), "it grows".to_owned()]),
        }
    }
}

fn server(checker: HealthChecker) -> McpServer {
    ServerBuilder::new().with_health_checks(checker).unwrap().build()
}

fn message(report: &turbomcp::health::HealthReport, name: &str) -> Option<String> {
    report.details.iter().find(|found| found.name == name).unwrap().message.clone()
}

async fn page(client: &Http, path: &str) -> (u16, Value) {
    let mut reply = client.send(Request::get().path(path)).await;
    (reply.status, serde_json::from_str(&reply.text().await).unwrap())
}

#[tokio::test]
async fn f113_to_f115_what_checks_find_is_reported() {
    let checker = HealthChecker::new()
        .add_check("queue", Queue(7))
        .add_check("empty", Queue(0))
        .add_check("flag", || async { true })
        .add_check("lookup", || async { Ok::<(), std::io::Error>(()) });
    let report = server(checker.clone()).health().await;
    assert!(report.healthy);
    let expected = ["queue: 7 jobs wait", "queue: it grows"].map(str::to_owned).to_vec();
    assert_eq!(report.status, HealthStatus::Degraded(expected));
    let written = serde_json::to_value(&report).unwrap();
    assert_eq!((&written["healthy"], &written["status"]), (&json!(true), &json!("degraded")));
    let queue = &written["details"][0];
    assert_eq!((&queue["name"], &queue["healthy"]), (&json!("queue"), &json!(true)));
    assert_eq!(queue["message"], "7 jobs wait; it grows");
    assert_eq!(written["details"][2]["message"], Value::Null);
    assert!(written["timestamp"].as_str().unwrap().ends_with('Z'), "{written}");

    let broken = checker.add_check("disk", || async { Err("it is on fire") }).add_check("other", || async { false });
    let report = server(broken).health().await;
    assert!(!report.healthy);
    assert_eq!(report.status.message().unwrap(), "disk: it is on fire; other: the check failed");
    assert_eq!(serde_json::to_value(&report).unwrap()["status"], "unhealthy");
    assert!(ServerBuilder::new().build().health().await.healthy);
}

#[tokio::test(start_paused = true)]
async fn a_check_that_hangs_or_panics_is_unhealthy_and_holds_up_no_other() {
    let checker = HealthChecker::new()
        .add_check("hangs", || async {
            pending::<()>().await;
            true
        })
        .add_check("panics", || async {
            if true {
                panic!("a check may panic");
            }
            true
        })
        .add_check("well", || async { true })
        .timeout(Duration::from_secs(2));
    let server = server(checker);
    let started = tokio::time::Instant::now();
    let report = server.health().await;
    assert_eq!(started.elapsed().as_secs(), 2);
    assert_eq!(message(&report, "hangs").unwrap(), "it took more than 2s");
    assert_eq!(message(&report, "panics").unwrap(), "it panicked");
    assert_eq!(message(&report, "well"), None);
    // Nobody waits for it again: what it found last is there.
    let started = tokio::time::Instant::now();
    assert!(!server.health().await.healthy);
    assert_eq!(started.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn checks_run_on_a_schedule_from_when_the_server_is_served() {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = runs.clone();
    let check = move || {
        let run = counted.fetch_add(1, Ordering::Relaxed);
        async move { run != 1 }
    };
    let checker = HealthChecker::new().add_check("counted", check).interval(Duration::from_secs(10));
    let server = server(checker);
    assert_eq!(runs.load(Ordering::Relaxed), 0);
    let _client = Client::connect(&server);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(runs.load(Ordering::Relaxed), 1);
    for _ in 0..10 {
        assert!(server.health().await.healthy);
    }
    assert_eq!(runs.load(Ordering::Relaxed), 1);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(!server.health().await.healthy);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(server.health().await.healthy);
    assert_eq!(runs.load(Ordering::Relaxed), 3);
    // Without its server nobody runs it.
    drop((_client, server));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(runs.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn f111_readiness_and_liveness_have_paths_beside_mcp() {
    let health = HealthCheckConfig::new()
        .readiness_endpoint("/ready")
        .liveness_endpoint("/alive")
        .custom_checks([Check::new("queue", Queue(1)), checks::tcp("127.0.0.1:1").named("database")])
        .timeout(Duration::from_secs(20))
        .interval(Duration::from_secs(60));
    let server = ServerBuilder::new().with_health_checks(health).unwrap().build();
    let site = Site::start(&server).await;
    let client = site.client();
    let (status, body) = page(&client, "/ready").await;
    assert_eq!((status, &body["healthy"], &body["status"]), (503, &json!(false), &json!("unhealthy")), "{body}");
    assert_eq!(body["details"][1]["name"], "database");
    let (status, body) = page(&client, "/alive").await;
    assert_eq!((status, &body["healthy"], &body["details"]), (200, &json!(true), &json!([])), "{body}");
    for (request, expected) in [
        (Request::get().path("/health/ready"), 404),
        (Request::get().path("/alive").header("Host", "rebound.example"), 403),
        (Request::get().path("/alive").method("POST"), 405),
        (Request::get().path("/alive").method("HEAD"), 200),
    ] {
        assert_eq!(client.send(request).await.status, expected);
    }
    let mut reply = client.send(Request::get().path("/alive")).await;
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    reply.text().await;
    server.shutdown_handle().shutdown();
    site.ended().await.unwrap();
}

#[tokio::test]
async fn f111_a_router_shows_strangers_no_details() {
    let checker = HealthChecker::new().add_check("queue", Queue(1));
    let router: axum::Router = server(checker).into_router();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    // Without `ConnectInfo` nobody knows who asks.
    let nested = axum::Router::new().nest("/tools", router);
    let serving = tokio::spawn(async move { axum::serve(listener, nested).await });
    let (status, body) = page(&Http::at(address), "/tools/health/ready").await;
    assert_eq!((status, &body["status"], &body["details"]), (200, &json!("degraded"), &json!([])), "{body}");
    assert!(body.get("reasons").is_none(), "{body}");
    serving.abort();
}

#[tokio::test]
async fn f60_readiness_flips_before_requests_are_drained_and_liveness_stays() {
    let started = Arc::new(tokio::sync::Notify::new());
    let (begun, finish) = (started.clone(), Arc::new(tokio::sync::Notify::new()));
    let finished = finish.clone();
    let wait = move |_: turbomcp::Arguments| {
        let (begun, finish) = (begun.clone(), finish.clone());
        async move {
            begun.notify_one();
            finish.notified().await;
            "done"
        }
    };
    let builder = ServerBuilder::new().tool("wait", wait).unwrap();
    let server = builder.with_health_check("flag", || async { true }).unwrap().build();
    let listener = server.management().bind("127.0.0.1:0").await.unwrap();
    let operators = Http::at(listener.local_addr());
    let managing = tokio::spawn(listener.serve());
    // It serves operators, whatever MCP is served on.
    let mut client = Client::connect(&server);
    let call = modern(1, "tools/call", json!({"name": "wait", "arguments": {}}), json!({}));
    client.send(&call).await;
    started.notified().await;
    assert_eq!(page(&operators, "/health/ready").await.0, 200);
    server.shutdown_handle().shutdown();
    let (status, body) = page(&operators, "/health/ready").await;
    assert_eq!((status, &body["reasons"]), (503, &json!(["the server is shutting down"])), "{body}");
    assert_eq!(page(&operators, "/health/live").await.0, 200);
    assert_eq!(operators.send(Request::get().path("/mcp")).await.status, 404);
    finished.notify_one();
    assert_eq!(crate::text(&client.next().await), "done");
    tokio::time::timeout(PATIENCE, managing).await.expect("it ends with the server").unwrap().unwrap();
}

#[tokio::test]
async fn a_management_listener_answers_the_hosts_it_is_told() {
    let server = ServerBuilder::new().with_health_check("flag", || async { true }).unwrap().build();
    let listener = server.management().allow_hosts(["probe.example"]).bind("127.0.0.1:0").await.unwrap();
    let operators = Http::at(listener.local_addr());
    let managing = tokio::spawn(listener.serve());
    for (host, status) in [("probe.example", 200), ("localhost", 403)] {
        let request = Request::get().path("/health/ready").header("Host", host);
        assert_eq!(operators.send(request).await.status, status, "{host}");
    }
    managing.abort();
}

#[tokio::test]
async fn f112_there_are_checks_of_what_servers_often_depend_on() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answers = axum::Router::new().route("/ok", axum::routing::get(|| async { "well" }));
    let serving = tokio::spawn(async move { axum::serve(listener, answers).await });
    assert_eq!(checks::tcp(address.to_string()).check().await, HealthStatus::Healthy);
    let url = format!("http://{address}");
    assert_eq!(checks::http(&format!("{url}/ok")).unwrap().check().await, HealthStatus::Healthy);
    let missing = checks::http(&url).unwrap().check().await;
    assert_eq!(missing, HealthStatus::Unhealthy("it answers with 404".to_owned()));
    serving.abort();
    let _ = serving.await;
    assert!(!checks::tcp(address.to_string()).check().await.is_healthy());
    assert!(!checks::http(&url).unwrap().check().await.is_healthy());

    let folder = std::env::temp_dir();
    assert_eq!(checks::disk_space(&folder, 1).check().await, HealthStatus::Healthy);
    let full = checks::disk_space(&folder, u64::MAX).check().await;
    assert!(full.message().unwrap().contains("bytes are free"), "{full:?}");
    assert!(!checks::disk_space("/nowhere/at/all", 1).check().await.is_healthy());
}

#[tokio::test]
async fn f116_a_circuit_that_is_open_is_in_the_report() {
    use turbomcp::client::{CircuitBreakerConfig, ClientGroup, FailureThreshold};

    // Nobody listens there any more.
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let config = CircuitBreakerConfig::production().failure_threshold(FailureThreshold::Consecutive(1));
    let upstream = ServerBuilder::new().name("upstream").build();
    let site = Site::start(&upstream).await;
    let url = format!("http://{}/mcp", site.address);
    let builder = turbomcp::Client::builder().circuit_breaker(config);
    let client = builder.connect(url).await.unwrap();
    let group = ClientGroup::new(turbomcp::Client::builder());
    group.add("gone", format!("http://127.0.0.1:{port}/mcp")).unwrap();
    let builder = ServerBuilder::new().with_health_check("upstream", checks::circuit(&client)).unwrap();
    let builder = builder.with_health_check("group", checks::group(&group)).unwrap();
    assert_eq!(builder.build().health().await.status, HealthStatus::Healthy);

    upstream.shutdown_handle().shutdown();
    site.ended().await.unwrap();
    assert!(client.list_tools().fresh().all().await.is_err());
    assert!(group.call_tool("gone__x", json!({})).await.is_err());
    let builder = ServerBuilder::new().with_health_check("upstream", checks::circuit(&client)).unwrap();
    let report = builder.with_health_check("group", checks::group(&group)).unwrap().build().health().await;
    assert_eq!(message(&report, "upstream").unwrap(), "the circuit is open");
    assert!(message(&report, "group").unwrap().starts_with("gone: "), "{report:?}");
}

#[tokio::test]
async fn health_that_makes_no_sense_is_refused() {
    let doubled = HealthChecker::new().add_check("a", || async { true }).add_check("a", || async { true });
    for config in [
        HealthCheckConfig::from(doubled),
        HealthChecker::new().interval(Duration::ZERO).into(),
        HealthCheckConfig::new().timeout(Duration::ZERO),
        HealthCheckConfig::new().readiness_endpoint("ready"),
        HealthCheckConfig::new().liveness_endpoint("/{x}"),
        HealthCheckConfig::new().liveness_endpoint("/health/ready"),
    ] {
        assert!(ServerBuilder::new().with_health_checks(config).unwrap_err().is_configuration());
    }
    let builder = ServerBuilder::new().with_health_check("a", || async { true }).unwrap();
    assert!(builder.with_health_check("a", || async { true }).unwrap_err().is_configuration());
    let nothing = ServerBuilder::new().build().management().bind("127.0.0.1:0").await;
    assert!(nothing.unwrap_err().is_configuration());
    let taken = HealthCheckConfig::new().readiness_endpoint("/mcp");
    let server = ServerBuilder::new().with_health_checks(taken).unwrap().build();
    assert!(server.http().bind("127.0.0.1:0").await.unwrap_err().is_configuration());
}
