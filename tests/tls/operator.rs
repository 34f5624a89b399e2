//! What a server counts of its requests is what was sent, on every binding; here because this is where all of them are.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;
use turbomcp::client::Client;
use turbomcp::metrics::MetricsConfig;
use turbomcp::transport::metrics::TransportMetrics;
use turbomcp_tests::{Http, Request};

use crate::authority::Authority;
use crate::metrics::{WAYS, Way, all, builder, open};
use crate::site::{ERAS, PATIENCE};

fn now(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

#[tokio::test]
async fn f123_requests_and_connections_are_counted_on_every_binding_in_both_eras() {
    let authority = Authority::new();
    for way in WAYS {
        for era in ERAS {
            let counted: TransportMetrics = all();
            let server = builder(&counted).with_metrics(MetricsConfig::new()).unwrap();
            let server = server.with_health_check("flag", || async { true }).unwrap().build();
            let management = server.management().bind("127.0.0.1:0").await.unwrap();
            let operators = Http::at(management.local_addr());
            let managing = tokio::spawn(management.serve());
            let (target, serving) = open(way, &server, &authority).await;
            let client = Client::builder().era(era).connect(target).await.unwrap();
            for _ in 0..2 {
                client.call_tool("steps", ()).await.unwrap();
            }
            assert!(client.call_tool("refuse", json!({})).await.is_err());
            client.list_tools().fresh().all().await.unwrap();

            // With the handshake, which is a request, too.
            let metrics = server.metrics();
            let counters = [
                &metrics.requests_total,
                &metrics.requests_successful,
                &metrics.requests_failed,
                &metrics.requests_in_flight,
                &metrics.errors_total,
                &metrics.errors_validation,
                &metrics.tool_calls_total,
            ];
            assert_eq!(counters.map(now), [5, 4, 1, 0, 1, 1, 3], "{way:?} {era:?}");
            assert!(metrics.average_response_time() > Duration::from_millis(20), "{way:?} {era:?}");
            let text = operators.send(Request::get().path("/metrics")).await.text().await;
            for line in [
                r#"turbomcp_server_requests_total{method="tools/call",status="success"} 2"#,
                r#"turbomcp_server_requests_total{method="tools/call",status="error"} 1"#,
                r#"turbomcp_server_requests_total{method="tools/list",status="success"} 1"#,
                r#"turbomcp_server_errors_total{error_type="validation"} 1"#,
            ] {
                assert!(text.lines().any(|known| known == line), "{way:?} {era:?}: {line}\n{text}");
            }
            assert_eq!(operators.send(Request::get().path("/health/ready")).await.status, 200);
            let opened = counted.snapshot().total.connections_opened;
            if !matches!(way, Way::WebSocket | Way::Wss) {
                assert_eq!(now(&metrics.connections_total), opened, "{way:?} {era:?}");
            } else {
                // One, although it was one of HTTP before.
                assert_eq!(now(&metrics.connections_total), 1, "{way:?} {era:?}");
            }
            assert_eq!(now(&metrics.connections_active), now(&metrics.connections_total), "{way:?} {era:?}");
            client.close().await;
            drop(client);
            let closed = async {
                while now(&metrics.connections_active) > 0 {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            tokio::time::timeout(PATIENCE, closed).await.unwrap_or_else(|_| panic!("{way:?} {era:?}"));
            server.shutdown_handle().shutdown();
            if let Some(serving) = serving {
                serving.await.unwrap().unwrap();
            }
            tokio::time::timeout(PATIENCE, managing).await.expect("it ends with the server").unwrap().unwrap();
        }
    }
}
