//! A server with one tool, and a conversation with it: `cargo run --example quickstart`
//!
//! Both ends live in this process, so nothing has to be set up. To serve a real client, replace `main` by
//! `Calculator.run_stdio().await`.

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use turbomcp::prelude::*;
use turbomcp::transport::memory;

struct Calculator;

#[server(name = "calculator", version = "1.0.0")]
impl Calculator {
    /// Adds two numbers.
    #[tool]
    async fn add(&self, a: i64, b: i64) -> i64 {
        a + b
    }
}

/// What a client sends: the handshake of 2025-11-25, then a request of 2026-07-28, which needs none.
const CONVERSATION: [&str; 4] = [
    r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"quickstart","version":"1"}}}"#,
    r#"{"jsonrpc":"2.0","id":2,"method":"tools/list"}"#,
    r#"{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"add","arguments":{"a":2,"b":40}}}"#,
    r#"{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"add","arguments":{"a":2},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}"#,
];

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (client, server) = tokio::io::duplex(64 << 10);
    let serving = tokio::spawn(async move { Calculator.into_server().serve(memory::over(server)).await });

    let (reader, mut writer) = tokio::io::split(client);
    let mut answers = BufReader::new(reader).lines();
    for request in CONVERSATION {
        eprintln!("client: {request}");
        writer.write_all(format!("{request}\n").as_bytes()).await?;
        eprintln!("server: {}\n", answers.next_line().await?.ok_or("the server ended early")?);
    }
    writer.shutdown().await?;
    serving.await??;
    Ok(())
}
