//! LOG: messages to the client's log.

use serde_json::{Value, json};
use turbomcp_tests::{Client, fixture, modern};

const LEVELS: [&str; 8] = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];

/// What the tool `log` sends on, by level: how many of its four messages are at least this grave.
const WANTED: [usize; 8] = [4, 3, 2, 2, 1, 0, 0, 0];

async fn logged(client: &mut Client, level: Option<&str>) -> Vec<Value> {
    let mut params = json!({"name": "log"});
    if let Some(level) = level {
        params["_meta"] = json!({"io.modelcontextprotocol/logLevel": level});
    }
    client.send(&modern("log", "tools/call", params, json!({}))).await;
    let mut messages = Vec::new();
    loop {
        let message = client.next().await;
        if message["id"] == "log" {
            assert_eq!(message["result"]["content"][0]["text"], "logged");
            return messages;
        }
        assert_eq!(message["method"], "notifications/message");
        messages.push(message["params"].clone());
    }
}

#[tokio::test]
async fn log_02_a_request_that_names_no_level_gets_no_log() {
    let mut client = Client::connect(&fixture::server());
    assert_eq!(logged(&mut client, None).await, Vec::<Value>::new());
    assert_eq!(logged(&mut client, Some("debug")).await.len(), 4);
    assert_eq!(logged(&mut client, None).await, Vec::<Value>::new());
}

#[tokio::test]
async fn log_03_the_log_of_a_request_comes_before_its_answer_and_nowhere_else() {
    let server = fixture::server();
    let mut listening = Client::connect(&server);
    let all = json!({"toolsListChanged": true, "promptsListChanged": true, "resourcesListChanged": true});
    listening.send(&modern(1, "subscriptions/listen", json!({"notifications": all}), json!({}))).await;
    listening.next().await;
    let mut client = Client::connect(&server);
    assert_eq!(logged(&mut client, Some("debug")).await.len(), 4);
    assert_eq!(client.sync().await, Vec::<Value>::new());
    assert_eq!(listening.sync().await, Vec::<Value>::new());
    // What a handler leaves behind has nothing to log to.
    let params = json!({"name": "linger", "_meta": {"io.modelcontextprotocol/logLevel": "debug"}});
    client.send(&modern(2, "tools/call", params, json!({}))).await;
    while client.next().await["id"] != 2 {}
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert_eq!(client.sync().await, Vec::<Value>::new());
}

#[tokio::test]
async fn log_04_the_level_is_the_least_that_is_sent() {
    let mut client = Client::connect(&fixture::server());
    for (level, wanted) in LEVELS.into_iter().zip(WANTED) {
        let messages = logged(&mut client, Some(level)).await;
        assert_eq!(messages.len(), wanted, "{level}: {messages:?}");
    }
    let messages = logged(&mut client, Some("info")).await;
    assert_eq!(messages[0], json!({"level": "info", "data": {"step": 1}}));
}

#[tokio::test]
async fn log_05_an_unknown_level_is_refused() {
    let mut client = Client::connect(&fixture::server());
    for level in [json!("verbose"), json!("INFO"), json!(""), json!(3), json!(null)] {
        let params = json!({"name": "log", "_meta": {"io.modelcontextprotocol/logLevel": level}});
        let answer = client.modern("tools/call", params, json!({})).await;
        assert_eq!(answer["error"]["code"], -32602, "{level}: {answer}");
    }
}

#[tokio::test]
async fn log_06_a_legacy_client_sets_the_level_of_its_session() {
    let server = fixture::server();
    let mut client = Client::legacy(&server, "2025-06-18", json!({})).await;
    for (level, wanted) in LEVELS.into_iter().zip(WANTED) {
        assert_eq!(client.call("logging/setLevel", json!({"level": level})).await["result"], json!({}));
        client.send(&json!({"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": {"name": "log"}})).await;
        let before = client.sync().await;
        assert_eq!(before.len(), wanted + 1, "{level}: {before:?}");
    }
    for level in [json!("verbose"), json!(1), json!(null)] {
        assert_eq!(client.call("logging/setLevel", json!({"level": level})).await["error"]["code"], -32602);
    }
    assert_eq!(client.call("logging/setLevel", json!({})).await["error"]["code"], -32602);
    // Another client's level is its own.
    let mut other = Client::legacy(&server, "2025-06-18", json!({})).await;
    other.send(&json!({"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": {"name": "log"}})).await;
    assert_eq!(other.sync().await.len(), 4, "from `info` on, unless it says otherwise");
}
