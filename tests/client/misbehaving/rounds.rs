//! Questions in results: how they are answered, and when they are not any more.

use serde_json::{Value, json};
use turbomcp::client::Era;

use super::{agreeing, builder};
use crate::peer::{connected, failure, soon, text};

fn asks(key: &str, state: Option<&str>) -> Value {
    let schema = json!({"type": "object", "properties": {"ok": {"type": "boolean"}}});
    let params = json!({"mode": "form", "message": "Sure?", "requestedSchema": schema});
    let mut result = json!({"resultType": "input_required",
        "inputRequests": {key: {"method": "elicitation/create", "params": params}}});
    if let Some(state) = state {
        result["requestState"] = json!(state);
    }
    result
}

/// Holds MRTR-10, MRTR-12, MRTR-13, MRTR-15, TOOL-24, BASE-38.
#[tokio::test]
async fn mrtr_11_rounds_repeat_the_request_with_the_answers_and_the_latest_state() {
    let (client, mut peer) = connected(agreeing(), Era::Modern).await;
    let call = tokio::spawn(client.call_tool("x", json!({"a": [1, {"b": null}]})).into_future());
    let state = "v1.\u{e4}\"\\\n\u{1F600}opaque==";
    let first = peer.serve("tools/call", asks("one", Some(state))).await;
    let second = peer.serve("tools/call", asks("two", Some("other"))).await;
    let third = peer.serve("tools/call", asks("three", None)).await;
    let fourth = peer.serve("tools/call", text("done")).await;
    assert_eq!(soon(call).await.unwrap().unwrap().content[0].as_text(), Some("done"));
    assert!(first["params"].get("inputResponses").is_none() && first["params"].get("requestState").is_none());
    let answered = json!({"action": "accept", "content": {"ok": true}});
    assert_eq!(second["params"]["inputResponses"], json!({"one": answered}));
    assert_eq!(second["params"]["requestState"], state);
    assert_eq!(third["params"]["inputResponses"], json!({"two": answered}));
    assert_eq!(third["params"]["requestState"], "other");
    assert!(fourth["params"].get("requestState").is_none());
    let mut ids: Vec<_> = [&first, &second, &third, &fourth].iter().map(|m| m["id"].as_u64().unwrap()).collect();
    ids.dedup();
    assert_eq!(ids.len(), 4);
    for request in [&second, &third, &fourth] {
        for member in ["name", "arguments"] {
            assert_eq!(request["params"][member], first["params"][member]);
        }
    }
}

#[tokio::test]
async fn mrtr_10_a_state_alone_is_given_back_at_once() {
    let (client, mut peer) = connected(builder(), Era::Modern).await;
    let call = tokio::spawn(client.read_resource("x://y").into_future());
    peer.serve("resources/read", json!({"resultType": "input_required", "requestState": "s"})).await;
    let again = peer.serve("resources/read", json!({"contents": [], "ttlMs": 60_000})).await;
    assert_eq!(again["params"]["requestState"], "s");
    assert!(again["params"].get("inputResponses").is_none());
    soon(call).await.unwrap().unwrap();
    // Holds CACHE-06: what a state went into is not kept.
    let call = tokio::spawn(client.read_resource("x://y").into_future());
    peer.serve("resources/read", json!({"contents": []})).await;
    soon(call).await.unwrap().unwrap();
}

#[tokio::test]
async fn endless_rounds_are_given_up() {
    let (client, mut peer) = connected(agreeing().max_rounds(10), Era::Modern).await;
    let call = tokio::spawn(client.call_tool("x", ()).into_future());
    for _ in 0..11 {
        peer.serve("tools/call", asks("k", Some("s"))).await;
    }
    assert!(failure(async { call.await.unwrap() }).await.is_protocol());
}

/// Holds MRTR-17.
#[tokio::test]
async fn mrtr_17_a_question_nobody_answers_ends_the_call_and_nothing_is_sent() {
    let (client, mut peer) = connected(builder(), Era::Modern).await;
    let call = tokio::spawn(client.call_tool("x", ()).into_future());
    peer.serve("tools/call", asks("k", Some("s"))).await;
    assert!(failure(async { call.await.unwrap() }).await.is_refused());
    client.close().await;
    assert!(peer.drain().await.is_empty());
}

#[tokio::test]
async fn questions_that_are_none_are_protocol_errors() {
    for result in [
        json!({"resultType": "input_required"}),
        json!({"resultType": "input_required", "inputRequests": 3}),
        json!({"resultType": "input_required", "inputRequests": {"k": {"method": "x/y"}}}),
        json!({"resultType": "input_required", "inputRequests": {"k": {"method": "elicitation/create"}}}),
        json!({"resultType": "input_required", "requestState": 3}),
        json!({"resultType": "input_required", "inputRequests":
            (0..100).map(|n| (n.to_string(), json!({"method": "roots/list"}))).collect::<serde_json::Map<_, _>>()}),
    ] {
        let (client, mut peer) = connected(agreeing(), Era::Modern).await;
        let call = tokio::spawn(client.call_tool("x", ()).into_future());
        peer.serve("tools/call", result.clone()).await;
        let error = failure(async { call.await.unwrap() }).await;
        assert!(error.is_protocol(), "{result}: {error}");
    }
}

#[tokio::test]
async fn lists_may_not_ask_for_input() {
    let (client, mut peer) = connected(agreeing(), Era::Modern).await;
    let listing = tokio::spawn(async move { client.list_all_tools().await });
    peer.serve("tools/list", asks("k", None)).await;
    assert!(failure(async { listing.await.unwrap() }).await.is_protocol());
}

#[tokio::test]
async fn a_server_that_asks_too_much_at_a_time_is_given_up() {
    let (client, mut peer) = connected(agreeing(), Era::Modern).await;
    let call = tokio::spawn(client.call_tool("x", ()).into_future());
    let mut result = asks("k0", None);
    let question = result["inputRequests"]["k0"].clone();
    for number in 1..=64 {
        result["inputRequests"][format!("k{number}")] = question.clone();
    }
    peer.serve("tools/call", result).await;
    assert!(failure(async { call.await.unwrap() }).await.is_protocol());
}
