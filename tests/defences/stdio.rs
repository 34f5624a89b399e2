//! 9–12: standard input and output.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use turbomcp_tests::{Child, Client, fixture, initialize_params, modern};

pub(crate) const SERVER: &str = env!("CARGO_BIN_EXE_fixture-server");

/// Holds STDIO-16.
#[tokio::test]
async fn defence_09_a_line_that_is_too_long_costs_only_itself() {
    let server = fixture::server();
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let (reader, writer) = tokio::io::split(theirs);
    let transport = turbomcp::transport::lines::Lines::new(reader, writer).max_message_bytes(1000);
    tokio::spawn(server.serve(transport));
    let (reader, writer) = tokio::io::split(ours);
    let mut client = Client::over(reader, writer);
    for length in [1001, 5000, 1 << 20] {
        client.send_text(&vec![b'x'; length]).await;
        let refused = client.next().await;
        assert_eq!((&refused["error"]["code"], refused.get("id")), (&json!(-32600), None));
        assert_eq!(client.sync().await, Vec::<Value>::new());
    }
    let exact = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","x":"{}"}}"#, "x".repeat(1000 - 47));
    assert_eq!(exact.len(), 1000);
    client.send_text(exact.as_bytes()).await;
    assert_eq!(client.next().await["result"], json!({}));
    client.send_text(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\r").await;
    assert_eq!(client.next().await["result"], json!({}));
}

#[tokio::test]
async fn defence_10_whatever_comes_first_the_server_stays_up() {
    for first in [
        &b"\xff\xfe\x00"[..],
        b"GET / HTTP/1.1",
        b"{",
        b"[]",
        br#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
        br#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"x"}}"#,
        br#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#,
        br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
        br#"{"jsonrpc":"2.0","method":"no/such"}"#,
        br#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#,
    ] {
        let mut child = Child::start(SERVER);
        child.client.send_text(first).await;
        for message in child.client.sync().await {
            assert!(message.get("error").is_some(), "{message}");
        }
        child.client.initialize("2025-11-25", json!({})).await;
        child.client.end_input().await;
        assert_eq!(child.client.rest().await, Vec::<Value>::new());
        assert_eq!(child.wait().await.code(), Some(0));
    }
}

#[tokio::test]
async fn defence_11_the_end_of_input_finishes_what_was_read_and_no_more() {
    let wait = |id: i64, ms: u64| modern(id, "tools/call", json!({"name": "wait", "arguments": {"ms": ms}}), json!({}));
    let mut child = Child::start(SERVER);
    child.client.send(&wait(1, 200)).await;
    child.client.send(&wait(2, 60_000)).await;
    // The last line may come without its newline.
    child.client.send_bytes(br#"{"jsonrpc":"2.0","method":"notifications/x"}"#).await;
    let started = Instant::now();
    child.client.end_input().await;
    let rest = child.client.rest().await;
    assert_eq!((rest.len(), &rest[0]["result"]["content"][0]["text"]), (1, &json!("done")), "{rest:?}");
    assert_eq!(child.wait().await.code(), Some(0));
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

#[cfg(unix)]
#[tokio::test]
async fn defence_11_a_signal_ends_the_server_as_the_end_of_input_does() {
    for name in ["TERM", "INT"] {
        let mut child = Child::start(SERVER);
        child.client.sync().await;
        let params = json!({"name": "wait", "arguments": {"ms": 300}});
        child.client.send(&modern(1, "tools/call", params, json!({}))).await;
        child.client.sync().await;
        child.signal(name);
        let rest = child.client.rest().await;
        assert_eq!((rest.len(), &rest[0]["result"]["content"][0]["text"]), (1, &json!("done")), "{name}: {rest:?}");
        assert_eq!(child.wait().await.code(), Some(0), "{name}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn defence_11_a_reader_that_is_gone_ends_the_server() {
    let mut command = Command::new(SERVER);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut process = command.spawn().unwrap();
    drop(process.stdout.take());
    let mut stdin = process.stdin.take().unwrap();
    // Its input stays open: that nobody reads any more is enough.
    let ping = b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n";
    let ended = async {
        while stdin.write_all(ping).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), ended).await.expect("it leaves");
    let output = process.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!text.contains("panicked"), "{text}");
}

#[tokio::test]
async fn defence_12_standard_output_belongs_to_the_transport() {
    let mut child = Child::start(SERVER);
    for id in 0..20 {
        child.client.send(&modern(id, "tools/call", json!({"name": "print"}), json!({}))).await;
        let params = json!({"name": "large", "arguments": {"bytes": 100_000}});
        child.client.send(&modern(100 + id, "tools/call", params, json!({}))).await;
    }
    // The client fails at any line that is not a whole message.
    let mut ids: Vec<i64> = Vec::new();
    for _ in 0..40 {
        ids.push(child.client.next().await["id"].as_i64().unwrap());
    }
    ids.sort_unstable();
    assert_eq!(ids, (0..20).chain(100..120).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_handshake_alone_and_then_silence_holds_nothing_up() {
    let mut child = Child::start(SERVER);
    child.client.call("initialize", initialize_params("2025-11-25", json!({}))).await;
    child.client.end_input().await;
    assert_eq!(child.wait().await.code(), Some(0));
}
