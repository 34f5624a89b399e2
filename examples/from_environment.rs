//! A server whose environment says how it is reached: `TRANSPORT=http cargo run --example from_environment`

use turbomcp::prelude::*;

struct Hello;

#[server(name = "hello", version = "1.0.0")]
impl Hello {
    /// Greets someone.
    #[tool]
    async fn hello(&self, #[arg(length = 1..=40)] name: String) -> String {
        format!("Hello, {name}!")
    }
}

// ANCHOR: run
fn server() -> McpServer {
    Hello.into_server()
}

#[tokio::main]
async fn main() -> Result<(), turbomcp::Error> {
    server().run_from_env().await
}
// ANCHOR_END: run
