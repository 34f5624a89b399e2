//! Answers that are compressed: `cargo run --example compression -- 127.0.0.1:8080`
//!
//! And a client of it: `cargo run --example compression -- call http://127.0.0.1:8080/mcp`

use turbomcp::client::Client;
use turbomcp::client::http::HttpTarget;
use turbomcp::prelude::*;
use turbomcp::transport::compression::CompressionAlgorithm::{Brotli, Gzip};
use turbomcp::transport::compression::CompressionConfig;

struct Archive;

#[server(name = "archive", version = "1.0.0")]
impl Archive {
    /// Reads a long text.
    #[tool]
    async fn read(&self) -> String {
        (1..=2000).map(|line| format!("{line}: so it was, and so it is\n")).collect()
    }
}

// ANCHOR: config
fn config() -> CompressionConfig {
    CompressionConfig::adaptive()
        .algorithms([Brotli, Gzip])
        .min_size(1024)
        .quality_level(6)
        .streaming_threshold(64 << 10)
}
// ANCHOR_END: config

// ANCHOR: serve
async fn serve(address: &str) -> Result<(), turbomcp::Error> {
    Archive.into_server().http().compression(config()).run(address).await
}
// ANCHOR_END: serve

// ANCHOR: call
async fn call(url: &str) -> Result<(), turbomcp::client::Error> {
    let config = config();
    let client = Client::connect(HttpTarget::new(url).compression(config.clone())).await?;
    let answer = client.call_tool("read", serde_json::json!({})).await?;
    let text = answer.as_text().unwrap_or_default();
    println!("{} bytes of text, {} on the way", text.len(), config.stats().received_bytes);
    client.close().await;
    Ok(())
}
// ANCHOR_END: call

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["call", url] => call(url).await?,
        [address] => serve(address).await?,
        _ => return Err("ADDRESS:PORT | call URL".into()),
    }
    Ok(())
}
