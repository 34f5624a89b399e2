//! A client over HTTP that hears of progress and changes: `cargo run --example client_http`
//!
//! The server lives in the same program, on a free port. Name another: `cargo run --example client_http -- URL`

use std::time::Duration;

use turbomcp::client::{Client, Error};
use turbomcp::prelude::*;
use turbomcp::types::SubscriptionFilter;

struct Kitchen;

#[server(name = "kitchen", version = "1.0.0")]
impl Kitchen {
    /// Boils water.
    #[tool]
    async fn boil(&self, ctx: Context) -> &'static str {
        for degrees in [40, 70, 100] {
            ctx.progress(f64::from(degrees)).total(100.0).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        "boiling"
    }
}

async fn talk(client: &Client, server: Option<&McpServer>) -> Result<(), Error> {
    println!("connected, {}", client.revision());
    // ANCHOR: call
    let boiled = client
        .call_tool("boil", ())
        .timeout(Duration::from_secs(10))
        .on_progress(|progress| println!("  {} degrees", progress.progress))
        .await?;
    println!("{:?}", boiled.as_text());
    // ANCHOR_END: call

    // ANCHOR: changes
    let mut changes = client.subscribe(SubscriptionFilter::new().with_tools_list_changed(true)).await?;
    if let Some(server) = server {
        let _ = server.remove_tool("boil");
        println!("changed: {:?}", changes.next().await.transpose()?);
    }
    changes.close().await;
    // ANCHOR_END: changes
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = Kitchen.into_server();
    let (url, own) = match std::env::args().nth(1) {
        Some(url) => (url, None),
        None => {
            let listener = server.http().bind("127.0.0.1:0").await?;
            let url = format!("http://{}/mcp", listener.local_addr());
            tokio::spawn(listener.serve());
            (url, Some(&server))
        }
    };
    let client = Client::connect(url).await?;
    talk(&client, own).await?;
    client.close().await;
    Ok(())
}
