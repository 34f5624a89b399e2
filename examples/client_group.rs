//! Many servers at once, one of them dead: `cargo run --example client_group`
//!
//! Give it a file as hosts have them: `cargo run --example client_group -- servers.json`

use std::time::Duration;

use serde_json::json;
use turbomcp::client::{CircuitBreakerConfig, Client, ClientBuilder, ClientGroup, Error, FailureThreshold};
use turbomcp::client::{Health, ServerConfigs};
use turbomcp::prelude::*;

struct Calculator;

#[server(name = "calculator", version = "1.0.0")]
impl Calculator {
    /// Adds two numbers.
    #[tool]
    async fn add(&self, a: i64, b: i64) -> i64 {
        a + b
    }
}

// ANCHOR: builder
/// What all clients of the group have in common.
fn builder() -> ClientBuilder {
    let breaker = CircuitBreakerConfig::production()
        .failure_threshold(FailureThreshold::Consecutive(3))
        .recovery_timeout(Duration::from_secs(10));
    Client::builder().name("example-host").request_timeout(Duration::from_secs(20)).circuit_breaker(breaker)
}
// ANCHOR_END: builder

// ANCHOR: three
/// A server in this process, a second one of the same kind, and one that is not there.
fn three() -> Result<ClientGroup, Error> {
    let group = ClientGroup::new(builder());
    group.add("here", &Calculator.into_server())?;
    group.add("there", &Calculator.into_server())?;
    group.add("nowhere", "http://127.0.0.1:9/mcp")?;
    Ok(group)
}
// ANCHOR_END: three

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // ANCHOR: configuration
    let group = match std::env::args().nth(1) {
        Some(file) => {
            let configs = ServerConfigs::parse(&std::fs::read_to_string(file)?)?;
            ClientGroup::from_configs(builder(), &configs)?
        }
        None => three()?,
    };
    // ANCHOR_END: configuration
    // ANCHOR: use
    group.connect().await;
    for (name, health) in group.health() {
        match health {
            Health::Up { revision } => println!("{name}: up, {revision}"),
            other => println!("{name}: {other:?}"),
        }
    }
    for tool in group.list_all_tools().await {
        println!("{}: {}", tool.name, tool.description.unwrap_or_default());
    }
    if let Ok(sum) = group.call_tool("there__add", json!({"a": 2, "b": 40})).await {
        println!("{:?}", sum.as_text());
    }
    group.close().await;
    // ANCHOR_END: use
    Ok(())
}
