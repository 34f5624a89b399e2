//! STDIO: a server in a process of its own.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use turbomcp_tests::{Child, modern};

const SERVER: &str = env!("CARGO_BIN_EXE_fixture-server");

/// The client of the tests fails at a line that is not one message.
#[tokio::test]
async fn stdio_01_a_message_is_one_line() {
    let mut child = Child::start(SERVER);
    let text = "line\nline\r\nline\u{2028}\t\"\\";
    assert_eq!(child.client.tool("echo", json!({"text": text})).await["result"]["content"][0]["text"], text);
    // JSON that a handler has written with newlines in it.
    let pretty = child.client.tool("pretty", json!({})).await["result"].take();
    assert_eq!(pretty["structuredContent"], json!({"a": "b\n"}));
    assert_eq!(pretty["_meta"]["com.example/note"], "a\nb");
    // Newlines between messages, and a carriage return before one, are no messages.
    child.client.send_bytes(b"\n\r\n  \n").await;
    child.client.send_text(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\r").await;
    assert_eq!(child.client.next().await["result"], json!({}));
}

#[tokio::test]
async fn stdio_02_nothing_but_messages_is_written_to_standard_output() {
    let mut child = Child::spawn(Command::new(SERVER).stderr(std::process::Stdio::piped()));
    assert_eq!(child.client.tool("print", json!({})).await["result"]["content"][0]["text"], "printed");
    assert_eq!(child.client.tool("panic", json!({})).await["error"]["code"], -32603);
    child.client.initialize("2025-11-25", json!({})).await;
    child.client.send(&json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "log"}})).await;
    let before = child.client.sync().await;
    assert_eq!(before.len(), 4);
    child.client.end_input().await;
    assert_eq!(child.client.rest().await, Vec::<Value>::new());
    assert!(child.wait().await.success());
    let mut text = String::new();
    child.stderr().read_to_string(&mut text).await.unwrap();
    assert!(text.contains("not a message"), "{text}");
}

/// Holds STDIO-18.
#[tokio::test]
async fn stdio_06_a_modern_client_is_sent_no_request() {
    let mut child = Child::start(SERVER);
    for (method, params) in crate::requests() {
        let answer = child.client.modern(method, params, crate::everything()).await;
        assert_eq!((answer.get("method"), &answer["id"]), (None, &json!(1)), "{answer}");
    }
    // And nothing it sends as an answer is one.
    child.client.send(&json!({"jsonrpc": "2.0", "id": 1, "result": {"roots": []}})).await;
    child.client.send(&json!({"jsonrpc": "2.0", "id": null, "error": {"code": 1, "message": "x"}})).await;
    assert_eq!(child.client.sync().await, Vec::<Value>::new());
}

#[tokio::test]
async fn stdio_09_nothing_is_sent_for_a_cancelled_request() {
    let mut child = Child::start(SERVER);
    let params = json!({"name": "wait", "arguments": {"ms": 60_000}, "_meta": {"progressToken": "p"}});
    child.client.send(&modern(5, "tools/call", params, json!({}))).await;
    assert_eq!(child.client.next().await["method"], "notifications/progress");
    assert_eq!(child.client.next().await["method"], "notifications/progress");
    child.client.notify("notifications/cancelled", json!({"requestId": 5})).await;
    assert_eq!(child.client.sync().await, Vec::<Value>::new());
    child.client.end_input().await;
    assert_eq!(child.client.rest().await, Vec::<Value>::new());
}

#[tokio::test]
async fn stdio_11_the_end_of_input_ends_the_server() {
    for talk in [false, true] {
        let mut child = Child::start(SERVER);
        if talk {
            child.client.sync().await;
        }
        let started = Instant::now();
        child.client.end_input().await;
        assert_eq!(child.client.rest().await, Vec::<Value>::new());
        assert_eq!(child.wait().await.code(), Some(0));
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    }
}
