//! How a server is tested, from the inside out; the guide on testing shows these.

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use turbomcp::prelude::*;
use turbomcp::transport::memory;

struct Calculator;

#[server(name = "calculator", version = "1.0.0")]
impl Calculator {
    /// Divides one number by another.
    #[tool]
    async fn divide(&self, dividend: i64, #[arg(range = 1..=1000)] divisor: i64) -> i64 {
        dividend / divisor
    }
}

// ANCHOR: method
#[tokio::test]
async fn divides_towards_zero() {
    assert_eq!(Calculator.divide(7, 2).await, 3);
    assert_eq!(Calculator.divide(-7, 2).await, -3);
}
// ANCHOR_END: method

// ANCHOR: ask
/// Sends one request of the modern era over a connection of its own, and returns the response.
async fn ask(server: &McpServer, method: &str, mut params: Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let (mut client, stream) = tokio::io::duplex(64 << 10);
    let serving = tokio::spawn(server.serve(memory::over(stream)));
    client.write_all(format!("{request}\n").as_bytes()).await.unwrap();
    let mut line = String::new();
    BufReader::new(&mut client).read_line(&mut line).await.unwrap();
    drop(client);
    serving.await.unwrap().unwrap();
    serde_json::from_str(&line).unwrap()
}
// ANCHOR_END: ask

// ANCHOR: conversation
#[tokio::test]
async fn tells_the_model_which_argument_does_not_fit() {
    let server = Calculator.into_server();
    let call = |divisor: i64| json!({"name": "divide", "arguments": {"dividend": 7, "divisor": divisor}});
    let answer = ask(&server, "tools/call", call(2)).await;
    assert_eq!(answer["result"]["content"][0]["text"], "3");
    let refused = ask(&server, "tools/call", call(0)).await;
    assert_eq!(refused["result"]["isError"], true);
    assert!(refused["result"]["content"][0]["text"].as_str().unwrap().contains("`divisor`"));
}
// ANCHOR_END: conversation

// ANCHOR: definition
#[tokio::test]
async fn announces_its_tools_as_they_were_agreed() {
    let listed = ask(&Calculator.into_server(), "tools/list", json!({})).await;
    let tool = &listed["result"]["tools"][0];
    assert_eq!(tool["name"], "divide");
    assert_eq!(tool["inputSchema"]["required"], json!(["dividend", "divisor"]));
}
// ANCHOR_END: definition
