//! CANC: giving up on a request.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use turbomcp::{Context, McpServer};
use turbomcp_tests::{Client, fixture, modern};

/// Counts how often it is dropped.
struct Dropped(Arc<AtomicUsize>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A server with a tool that never ends, and a count of those that did after all, by being dropped.
fn endless() -> (McpServer, Arc<AtomicUsize>) {
    let dropped = Arc::new(AtomicUsize::new(0));
    let counter = dropped.clone();
    let handler = move |_: serde_json::Map<String, Value>, ctx: Context| {
        let guard = Dropped(counter.clone());
        let told = counter.clone();
        async move {
            let watched = ctx.clone();
            tokio::spawn(async move {
                watched.cancelled().await;
                told.fetch_add(100, Ordering::SeqCst);
            });
            std::future::pending::<()>().await;
            drop(guard);
        }
    };
    (fixture::builder().tool("endless", handler).unwrap().build(), dropped)
}

async fn until(count: &AtomicUsize, expected: usize) {
    let reached = async {
        while count.load(Ordering::SeqCst) != expected {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), reached).await.expect("the handler is dropped");
}

#[tokio::test]
async fn canc_06_a_cancelled_request_is_given_up_and_not_answered() {
    for legacy in [false, true] {
        let (server, dropped) = endless();
        let mut client = Client::connect(&server);
        if legacy {
            client.initialize("2025-11-25", json!({})).await;
            client
                .send(&json!({"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": {"name": "endless"}}))
                .await;
        } else {
            client.send(&modern(5, "tools/call", json!({"name": "endless"}), json!({}))).await;
        }
        assert_eq!(client.sync().await, Vec::<Value>::new());
        client.notify("notifications/cancelled", json!({"requestId": 5, "reason": "no longer wanted"})).await;
        // The future is dropped, and what it has left behind is told.
        until(&dropped, 101).await;
        assert_eq!(client.sync().await, Vec::<Value>::new());
        // Its id is free again.
        client.send(&modern(5, "tools/call", json!({"name": "nothing"}), json!({}))).await;
        assert_eq!(client.next().await["result"]["content"][0]["text"], "nothing");
    }
}

#[tokio::test]
async fn canc_07_an_answer_to_a_request_that_was_given_up_is_dropped() {
    let mut client = Client::legacy(&fixture::server(), "2025-11-25", json!({"roots": {}})).await;
    let asked = client.legacy_tool("roots", json!({})).await;
    client.notify("notifications/cancelled", json!({"requestId": 1})).await;
    let told = client.next().await;
    assert_eq!((&told["method"], &told["params"]["requestId"]), (&json!("notifications/cancelled"), &asked["id"]));
    client.answer(&asked, json!({"roots": []})).await;
    assert_eq!(client.sync().await, Vec::<Value>::new());
}

#[tokio::test]
async fn canc_08_a_cancellation_may_come_too_late_or_twice() {
    let (server, dropped) = endless();
    let mut client = Client::connect(&server);
    assert!(client.tool("nothing", json!({})).await.get("result").is_some());
    client.notify("notifications/cancelled", json!({"requestId": 1})).await;
    client.send(&modern(2, "tools/call", json!({"name": "endless"}), json!({}))).await;
    for _ in 0..3 {
        client.notify("notifications/cancelled", json!({"requestId": 2})).await;
    }
    until(&dropped, 101).await;
    assert_eq!(client.sync().await, Vec::<Value>::new());
}

#[tokio::test]
async fn canc_09_a_cancellation_of_nothing_is_ignored() {
    let (server, dropped) = endless();
    let mut client = Client::connect(&server);
    client.send(&modern(1, "tools/call", json!({"name": "endless"}), json!({}))).await;
    for params in [
        json!({}),
        json!({"requestId": "1"}),
        json!({"requestId": 2}),
        json!({"requestId": null}),
        json!({"requestId": {"id": 1}}),
        json!({"requestId": [1]}),
        json!({"requestId": 1.0}),
        json!({"requestid": 1}),
        json!({"RequestId": 1}),
    ] {
        client.notify("notifications/cancelled", params).await;
    }
    client.send_text(br#"{"jsonrpc":"2.0","method":"notifications/cancelled"}"#).await;
    assert_eq!(client.sync().await, Vec::<Value>::new());
    assert_eq!(dropped.load(Ordering::SeqCst), 0);
    // Its own connection only.
    let mut other = Client::connect(&server);
    other.notify("notifications/cancelled", json!({"requestId": 1})).await;
    other.sync().await;
    assert_eq!(dropped.load(Ordering::SeqCst), 0);
    client.notify("notifications/cancelled", json!({"requestId": 1})).await;
    until(&dropped, 101).await;
}
