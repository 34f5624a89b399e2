//! A server that clients reach over the network: `cargo run --example hello_http -- 127.0.0.1:8080`
//!
//! Clients of every protocol revision use one URL, <http://127.0.0.1:8080/mcp>.

use turbomcp::prelude::*;

struct Hello;

#[server(name = "hello", version = "1.0.0")]
impl Hello {
    // ANCHOR: header
    /// Greets someone, in the language that the client prefers.
    #[tool]
    async fn hello(&self, ctx: &Context, #[arg(length = 1..=40)] name: String) -> String {
        match ctx.header("accept-language") {
            Some(language) if language.starts_with("de") => format!("Hallo, {name}!"),
            _ => format!("Hello, {name}!"),
        }
    }
    // ANCHOR_END: header
}

// ANCHOR: run
fn server() -> McpServer {
    Hello.into_server()
}

#[tokio::main]
async fn main() -> Result<(), turbomcp::Error> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    server().run_http(address).await
}
// ANCHOR_END: run
