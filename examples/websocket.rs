//! HTTP and WebSocket on one port, and a client: `cargo run --example websocket`
//!
//! To serve others: `cargo run --example websocket -- 127.0.0.1:8080`. WebSockets are opened at <ws://127.0.0.1:8080/ws>.

use std::time::Duration;

use turbomcp::client::{Client, WsConfig};
use turbomcp::prelude::*;

struct Desk;

#[server(name = "desk", version = "1.0.0")]
impl Desk {
    // ANCHOR: header
    /// Says which desk the connection was opened for.
    #[tool]
    async fn desk(&self, ctx: &Context) -> String {
        ctx.header("x-desk").unwrap_or("none").to_owned()
    }
    // ANCHOR_END: header
}

fn server() -> McpServer {
    Desk.into_server()
}

async fn talk(url: &str) -> Result<(), turbomcp::client::Error> {
    // ANCHOR: client
    let target = WsConfig::new().url(url).header("x-desk", "7").ping_interval(Duration::from_secs(10));
    let client = Client::connect(target).await?;
    println!("{:?}", client.call_tool("desk", ()).await?.as_text());
    client.close().await;
    // ANCHOR_END: client
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = server();
    if let Some(address) = std::env::args().nth(1) {
        // ANCHOR: server
        server.http().websocket("/ws").run(address).await?;
        // ANCHOR_END: server
        return Ok(());
    }
    let listener = server.bind_websocket("127.0.0.1:0").await?;
    let url = format!("ws://{}", listener.local_addr());
    tokio::spawn(listener.serve());
    talk(&url).await?;
    server.shutdown_handle().shutdown().await;
    Ok(())
}
