//! Who may use a server over HTTP, and how much: `cargo run --example http_settings -- 127.0.0.1:8080`
//!
//! This is a server behind a reverse proxy, at `https://mcp.example.com/orders`.

use std::time::Duration;

use turbomcp::prelude::*;
use turbomcp::{Error, HttpServer, Limits};

struct Orders;

#[server(name = "orders", version = "1.0.0")]
impl Orders {
    /// Says where a request comes from.
    #[tool]
    async fn origin(&self, ctx: &Context) -> String {
        // Behind a proxy the address is the proxy's, and the header is what the proxy says: trust it only if no client
        // can reach this port past the proxy.
        let client = ctx.header("x-forwarded-for").unwrap_or("an unknown client");
        let proxy = ctx.peer_addr().map_or_else(|| "nowhere".to_owned(), |address| address.ip().to_string());
        format!("{client} by way of {proxy}")
    }
}

// ANCHOR: limits
fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.body_bytes = 64 << 10;
    limits.request_timeout = Duration::from_secs(30);
    limits.connections = 500;
    limits.sessions = 1000;
    limits.session_idle = Duration::from_secs(5 * 60);
    limits
}
// ANCHOR_END: limits

// ANCHOR: settings
fn server() -> HttpServer {
    Orders
        .into_builder()
        .limits(limits())
        .build()
        .http()
        .path("/orders")
        .allow_hosts(["mcp.example.com"])
        .allow_origins(["https://app.example.com"])
}
// ANCHOR_END: settings

#[tokio::main]
async fn main() -> Result<(), Error> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    server().run(address).await
}
