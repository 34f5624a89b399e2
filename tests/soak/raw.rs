//! Clients that are only bytes, and do with them what no client would.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use turbomcp_tests::{initialize_params, modern};

use crate::site::Site;

/// Writes a request of HTTP.
pub fn post(body: &Value, headers: &str) -> String {
    let (body, method) = (body.to_string(), body["method"].as_str().unwrap_or_default().to_owned());
    let name = match method.as_str() {
        "tools/call" => "mcp-name: steps\r\n",
        _ => "",
    };
    format!(
        "POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         accept: application/json, text/event-stream\r\nmcp-method: {method}\r\n{name}{headers}\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Opens a legacy session and returns its id; nobody ends it.
pub async fn session(site: &Site) -> (TcpStream, String) {
    let mut stream = site.http().await;
    let params = initialize_params("2025-11-25", json!({"elicitation": {}}));
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params});
    stream.write_all(post(&body, "").as_bytes()).await.unwrap();
    let head = read_until(&mut stream, "\"serverInfo\"").await;
    let id = head.lines().find_map(|line| line.strip_prefix("mcp-session-id: ")).expect("a session").to_owned();
    (stream, id)
}

/// Calls the tool that goes on reporting progress, and returns once it has begun to.
pub async fn stream(site: &Site) -> TcpStream {
    let mut stream = site.http().await;
    let params = json!({"name": "steps", "arguments": {}, "_meta": {"progressToken": 1}});
    let body = modern(1, "tools/call", params, json!({}));
    stream.write_all(post(&body, "mcp-protocol-version: 2026-07-28\r\n").as_bytes()).await.unwrap();
    read_until(&mut stream, "notifications/progress").await;
    stream
}

pub async fn read_until(stream: &mut TcpStream, text: &str) -> String {
    let mut read = Vec::new();
    loop {
        let so_far = String::from_utf8_lossy(&read).into_owned();
        if so_far.contains(text) {
            return so_far;
        }
        assert!(stream.read_buf(&mut read).await.unwrap() > 0, "the server ended before {text:?}: {so_far}");
    }
}

/// Waits until the server ends a connection.
pub async fn outlive(mut stream: TcpStream) {
    let mut scrap = vec![0; 16 << 10];
    while !matches!(stream.read(&mut scrap).await, Ok(0) | Err(_)) {}
}

/// Sends far more than it reads, until the server takes no more, and is gone.
pub async fn never_read(site: &Site) {
    let mut stream = site.tcp().await;
    let text = "x".repeat(10_000);
    let call = modern(1, "tools/call", json!({"name": "echo", "arguments": {"text": text}}), json!({}));
    let line = format!("{call}\n");
    for _ in 0..1000 {
        let writing = tokio::time::timeout(Duration::from_millis(200), stream.write_all(line.as_bytes()));
        if !matches!(writing.await, Ok(Ok(()))) {
            return;
        }
    }
}
