//! Sessions that any replica serves: `cargo run --example redis_sessions -- 127.0.0.1:8080 redis://127.0.0.1:6379`
//!
//! Run it twice, on two ports: what was opened at one is served by the other, and goes on when both are started again.

use std::time::Duration;

use turbomcp::prelude::*;
use turbomcp::sessions::{self, SessionConfig, SessionManager};

struct Replica {
    address: String,
}

#[server(name = "replica", version = "1.0.0")]
impl Replica {
    /// Says who asks, and who answers.
    #[tool]
    async fn who(&self, ctx: Context) -> String {
        let client = ctx.client_info().map_or_else(|| "somebody".to_owned(), |info| info.name);
        format!("{client} is answered by {}", self.address)
    }
}

// ANCHOR: server
async fn server(address: &str, redis: &str) -> Result<McpServer, Box<dyn std::error::Error>> {
    let store = sessions::redis(redis).await?;
    let config = SessionConfig::new().ttl(Duration::from_secs(3600)).max_sessions(10_000);
    let manager = SessionManager::new(config, store)?;
    let replica = Replica { address: address.to_owned() };
    Ok(replica.into_builder().with_session_management(manager).build())
}
// ANCHOR_END: server

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let redis = arguments.next().unwrap_or_else(|| "redis://127.0.0.1:6379".to_owned());
    server(&address, &redis).await?.run_http(&address).await?;
    Ok(())
}
