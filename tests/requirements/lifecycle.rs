//! LIFE: the legacy handshake, ping, time limits.

use std::time::Duration;

use serde_json::{Value, json};
use turbomcp_tests::{Client, fixture, initialize_params};

use crate::everything;

#[tokio::test]
async fn life_01_nothing_but_ping_is_served_before_the_handshake() {
    let mut client = Client::connect(&fixture::server());
    for (method, params) in crate::requests().into_iter().filter(|(method, _)| *method != "initialize") {
        let answer = client.call(method, params).await;
        match method {
            "ping" => assert_eq!(answer["result"], json!({})),
            _ => assert_eq!(answer["error"]["code"], -32602, "{method}: {answer}"),
        }
    }
    client.initialize("2025-11-25", json!({})).await;
    assert!(client.call("tools/list", json!({})).await["result"]["tools"].is_array());
}

#[tokio::test]
async fn life_04_the_handshake_says_all_that_it_has_to() {
    for version in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        let mut client = Client::connect(&fixture::server());
        let result = client.call("initialize", initialize_params(version, json!({}))).await["result"].take();
        let keys: Vec<_> = result.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["capabilities", "instructions", "protocolVersion", "serverInfo"]);
        assert_eq!(result["serverInfo"], json!({"name": "fixture", "version": "1.0.0"}));
        assert_eq!(result["protocolVersion"], version);
    }
}

#[tokio::test]
async fn life_05_an_unknown_version_is_answered_with_the_newest_legacy_one() {
    for version in ["2026-07-28", "2099-01-01", "1.0", ""] {
        let mut client = Client::connect(&fixture::server());
        let answer = client.call("initialize", initialize_params(version, json!({}))).await;
        assert_eq!(answer["result"]["protocolVersion"], "2025-11-25", "{version}");
    }
}

#[tokio::test]
async fn life_09_a_client_that_is_not_ready_is_not_disturbed() {
    let server = fixture::server();
    let mut client = Client::connect(&server);
    client.call("initialize", initialize_params("2025-11-25", json!({}))).await;
    assert!(server.remove_tool("add"));
    assert_eq!(client.sync().await, Vec::<Value>::new());
    client.notify("notifications/initialized", json!({})).await;
    assert_eq!(client.sync().await, Vec::<Value>::new());
    assert!(server.remove_tool("echo"));
    assert_eq!(client.next().await["method"], "notifications/tools/list_changed");
}

#[tokio::test]
async fn life_10_only_what_was_agreed_on_is_used() {
    for (version, tool, declared) in [
        ("2025-11-25", "ask", json!({})),
        ("2025-11-25", "visit", json!({"elicitation": {}})),
        ("2025-06-18", "visit", everything()),
        ("2025-03-26", "ask", everything()),
        ("2025-03-26", "sample", json!({"roots": {}})),
        ("2024-11-05", "roots", json!({"sampling": {}})),
    ] {
        let mut client = Client::legacy(&fixture::server(), version, declared.clone()).await;
        let answer = client.legacy_tool(tool, json!({"question": "?"})).await;
        assert_eq!(answer["error"]["code"], -32602, "{version} {tool} {declared}: {answer}");
    }
}

#[tokio::test]
async fn life_12_a_handshake_that_fails_is_answered_and_may_be_tried_again() {
    let mut client = Client::connect(&fixture::server());
    for params in [
        json!({}),
        json!({"protocolVersion": 1, "capabilities": {}, "clientInfo": {"name": "x", "version": "0"}}),
        json!({"protocolVersion": "2025-11-25", "capabilities": [], "clientInfo": {"name": "x", "version": "0"}}),
        json!({"protocolVersion": "2025-11-25", "capabilities": {}}),
    ] {
        assert_eq!(client.call("initialize", params.clone()).await["error"]["code"], -32602, "{params}");
    }
    client.initialize("2025-11-25", json!({})).await;
    // Only one handshake holds.
    let again = client.call("initialize", initialize_params("2024-11-05", json!({}))).await;
    assert_eq!(again["error"]["code"], -32600);
    assert!(client.call("tools/list", json!({})).await["result"]["tools"][0].get("inputSchema").is_some());
}

/// Holds LIFE-14, CANC-02.
#[tokio::test]
async fn life_13_a_request_to_the_client_is_given_up_and_cancelled_after_its_time() {
    let server = fixture::limited(|limits| limits.client_answer_timeout = Duration::from_millis(50));
    let mut client = Client::legacy(&server, "2025-11-25", everything()).await;
    let asked = client.legacy_tool("roots", json!({})).await;
    assert_eq!(asked["method"], "roots/list");
    let cancelled = client.next().await;
    assert_eq!(cancelled["method"], "notifications/cancelled");
    assert_eq!(cancelled["params"]["requestId"], asked["id"]);
    assert_eq!(client.next().await["error"]["code"], 503);
    // The answer comes too late and is dropped; an answered request is not cancelled.
    client.answer(&asked, json!({"roots": []})).await;
    let asked = client.legacy_tool("roots", json!({})).await;
    client.answer(&asked, json!({"roots": []})).await;
    assert_eq!(client.next().await["result"]["content"][0]["text"], "");
    assert_eq!(client.sync().await, Vec::<Value>::new());
}

#[tokio::test]
async fn life_15_ping_is_answered_with_nothing() {
    let mut client = Client::legacy(&fixture::server(), "2025-06-18", json!({})).await;
    let slow = json!({"name": "wait", "arguments": {"ms": 300}});
    client.send(&json!({"jsonrpc": "2.0", "id": "slow", "method": "tools/call", "params": slow})).await;
    client.send(&json!({"jsonrpc": "2.0", "id": "ping", "method": "ping"})).await;
    assert_eq!(client.next().await, json!({"jsonrpc": "2.0", "id": "ping", "result": {}}));
    assert_eq!(client.next().await["id"], "slow");
}
