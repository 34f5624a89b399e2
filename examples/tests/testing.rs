//! How a server is tested, from the inside out; the guide on testing shows these.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use turbomcp::Principal;
use turbomcp::client::{Client, Era};
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

    /// Takes its time.
    #[tool]
    async fn ponder(&self, ctx: Context) -> &'static str {
        for year in [2_500_000.0, 5_000_000.0, 7_500_000.0] {
            tokio::time::sleep(Duration::from_secs(40)).await;
            ctx.progress(year).await;
        }
        "42"
    }
}

// ANCHOR: method
#[tokio::test]
async fn divides_towards_zero() {
    assert_eq!(Calculator.divide(7, 2).await, 3);
    assert_eq!(Calculator.divide(-7, 2).await, -3);
}
// ANCHOR_END: method

// ANCHOR: principal
fn may_erase(ctx: &Context) -> McpResult<()> {
    if ctx.has_any_role(["owner"]) { Ok(()) } else { ctx.check_permission("notes:erase") }
}

#[test]
fn only_owners_and_those_who_may_erase() {
    let ctx = |principal: Principal| Context::new().with_principal(principal);
    assert!(may_erase(&ctx(Principal::new("ada").with_roles(["owner"]))).is_ok());
    assert!(may_erase(&ctx(Principal::new("eve").with_permissions(["notes:erase"]))).is_ok());
    let error = may_erase(&ctx(Principal::new("eve"))).unwrap_err();
    assert_eq!(error.message(), "Permission denied: notes:erase");
    assert!(may_erase(&Context::new()).is_err(), "nobody in particular");
}
// ANCHOR_END: principal

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

// ANCHOR: client
#[tokio::test]
async fn divides_for_clients_of_both_eras() {
    let server = Calculator.into_server();
    for era in [Era::Modern, Era::Legacy] {
        let client = Client::builder().era(era).connect(&server).await.unwrap();
        let quotient: i64 = client.call_tool_as("divide", json!({"dividend": 7, "divisor": 2})).await.unwrap();
        assert_eq!(quotient, 3);
        let refused = client.call_tool("divide", json!({"dividend": 7, "divisor": 0})).await.unwrap();
        assert!(refused.is_error());
        client.close().await;
    }
}
// ANCHOR_END: client

// ANCHOR: time
#[tokio::test(start_paused = true)]
async fn pondering_takes_two_minutes_and_shows_its_progress() {
    let server = Calculator.into_server();
    let client = Client::builder().request_timeout(Duration::from_secs(60)).connect(&server).await.unwrap();
    let started = tokio::time::Instant::now();
    let answer = client.call_tool("ponder", ()).on_progress(|_| {}).await.unwrap();
    assert_eq!(answer.content[0].as_text(), Some("42"));
    assert_eq!(started.elapsed().as_secs(), 120);
    // Without progress to hear, the silence is too long.
    assert!(client.call_tool("ponder", ()).await.unwrap_err().is_timeout());
}
// ANCHOR_END: time
