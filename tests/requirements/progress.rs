//! PROG: progress.

use serde_json::{Value, json};
use turbomcp_tests::{Client, fixture, modern};

fn wait(token: Option<Value>, ms: u64) -> Value {
    let mut params = json!({"name": "wait", "arguments": {"ms": ms}});
    if let Some(token) = token {
        params["_meta"] = json!({"progressToken": token});
    }
    params
}

#[tokio::test]
async fn prog_01_a_token_is_a_string_or_an_integer() {
    let mut client = Client::connect(&fixture::server());
    for token in [json!("p"), json!(""), json!(0), json!(-5), json!("1")] {
        let progress = client.modern("tools/call", wait(Some(token.clone()), 1), json!({})).await;
        assert_eq!(progress["params"]["progressToken"], token);
        while client.next().await.get("id").is_none() {}
    }
    let mut legacy = Client::legacy(&fixture::server(), "2025-11-25", json!({})).await;
    let none = client.modern("tools/call", wait(Some(json!(null)), 1), json!({})).await;
    assert_eq!(none["result"]["content"][0]["text"], "done");
    for token in [json!(1.5), json!({}), json!(["p"]), json!(true)] {
        let answer = client.modern("tools/call", wait(Some(token.clone()), 1), json!({})).await;
        assert_eq!(answer["error"]["code"], -32602, "{token}: {answer}");
        assert_eq!(legacy.call("tools/call", wait(Some(token), 1)).await["error"]["code"], -32602);
    }
}

/// Holds PROG-03, PROG-07.
#[tokio::test]
async fn prog_02_progress_only_increases_and_may_be_fractional() {
    for version in ["2024-11-05", "2025-03-26", "2025-11-25", "2026-07-28"] {
        let mut client = Client::connect(&fixture::server());
        let first = if version == "2026-07-28" {
            client.modern("tools/call", wait(Some(json!("p")), 1), json!({})).await
        } else {
            client.initialize(version, json!({})).await;
            client.call("tools/call", wait(Some(json!("p")), 1)).await
        };
        let mut expected = json!({"progressToken": "p", "progress": 1, "total": 2.5, "message": "started"});
        if version == "2024-11-05" {
            expected.as_object_mut().unwrap().remove("message");
        }
        assert_eq!(first["params"], expected, "{version}");
        assert_eq!(client.next().await["params"], json!({"progressToken": "p", "progress": 1.5, "total": 2.5}));
        assert_eq!(client.next().await["result"]["content"][0]["text"], "done");
    }
    // What a client reports is nobody's business here.
    let mut client = Client::connect(&fixture::server());
    client.notify("notifications/progress", json!({"progressToken": "p", "progress": 1})).await;
    assert_eq!(client.sync().await, Vec::<Value>::new());
}

#[tokio::test]
async fn prog_04_progress_names_the_token_of_its_own_request() {
    let mut client = Client::connect(&fixture::server());
    assert_eq!(client.modern("tools/call", wait(None, 1), json!({})).await["result"]["content"][0]["text"], "done");
    for id in ["a", "b"] {
        client.send(&modern(id, "tools/call", wait(Some(json!(id)), 20), json!({}))).await;
    }
    let mut open = vec!["a", "b"];
    while !open.is_empty() {
        let message = client.next().await;
        match message["id"].as_str() {
            Some(id) => open.retain(|known| *known != id),
            None => assert!(open.contains(&message["params"]["progressToken"].as_str().unwrap()), "{message}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prog_05_progress_stops_with_the_answer() {
    let server = fixture::server();
    for _ in 0..10 {
        let mut client = Client::connect(&server);
        let params = json!({"name": "linger", "_meta": {"progressToken": "p"}});
        client.send(&modern(1, "tools/call", params, json!({}))).await;
        let mut reports = 0;
        while client.next().await.get("id").is_none() {
            reports += 1;
        }
        assert!(reports > 0);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        assert_eq!(client.sync().await, Vec::<Value>::new());
    }
}
