//! A server on a developer's machine: `cargo run --example dev_server`
//!
//! Everything that is asked of it is written to standard error, with its arguments, and nothing ends before one has looked at
//! it with a debugger.

use turbomcp::layers::MiddlewareStack;
use turbomcp::prelude::*;
use turbomcp::{Error, ServerConfig};

struct Calculator;

#[server(name = "calculator", version = "1.0.0")]
impl Calculator {
    /// Adds two numbers.
    #[tool]
    async fn add(&self, a: i64, b: i64) -> i64 {
        a + b
    }
}

// ANCHOR: server
fn server() -> Result<McpServer, Error> {
    let mut config = ServerConfig::development();
    (config.name, config.version) = ("calculator".to_owned(), "1.0.0".to_owned());
    Ok(Calculator.into_builder().config(config).with_middleware_stack(MiddlewareStack::development())?.build())
}
// ANCHOR_END: server

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    server()?.run_stdio().await
}
