//! A server for any host that starts it: `cargo run --example hello_stdio`
//!
//! It reads requests from standard input, one a line, and ends when the input does.

use turbomcp::prelude::*;

struct Hello;

#[server(name = "hello", version = "1.0.0")]
impl Hello {
    /// Greets someone.
    #[tool]
    async fn hello(&self, #[arg(description = "Who is greeted", length = 1..=40)] name: String) -> String {
        // Standard output belongs to the protocol, so this goes to standard error.
        println!("somebody greets {name}");
        format!("Hello, {name}!")
    }
}

fn server() -> McpServer {
    Hello.into_server()
}

#[tokio::main]
async fn main() -> Result<(), turbomcp::Error> {
    server().run_stdio().await
}
