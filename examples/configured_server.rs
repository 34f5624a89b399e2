//! A server that files and variables configure: `cargo run --example configured_server -- examples/configured_server.toml`
//!
//! `TURBOMCP_SERVE__ADDRESS=127.0.0.1:3000` has it listen elsewhere; `kill -HUP` has it read its file again. With
//! `reference` in the place of a file, it prints every key.

use std::time::Duration;

use turbomcp::Response;
use turbomcp::layers::ErrorHandler;
use turbomcp::prelude::*;
use turbomcp::settings::Settings;

struct Library;

#[server(name = "library", version = "1.0.0")]
impl Library {
    /// Finds a book.
    #[tool(read_only, idempotent)]
    async fn find(&self, title: String) -> String {
        format!("`{title}` is on shelf {}", title.len())
    }

    /// Counts all books, which takes a while.
    #[tool]
    async fn count(&self, #[arg(range = 0..=60_000)] milliseconds: u64) -> &'static str {
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        "12 million"
    }

    /// Throws a book away.
    #[tool]
    async fn discard(&self, title: String) -> String {
        format!("`{title}` is gone")
    }
}

/// What clients are told when something fails that is none of their business.
fn errors() -> ErrorHandler {
    ErrorHandler::new().handle_internal_error(|_| async { Response::error(McpError::unavailable("try again later")) })
}

// ANCHOR: server
fn server(file: &str) -> Result<McpServer, turbomcp::Error> {
    let mut settings = Settings::load().file(file).environment("TURBOMCP").read()?;
    // What only code can say.
    settings.middleware = settings.middleware.with_error_handler(errors());
    Ok(Library.into_builder().settings(settings)?.build())
}
// ANCHOR_END: server

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    match std::env::args().nth(1).as_deref() {
        Some("reference") => print!("{}", Settings::reference()),
        Some(file) => {
            tracing_subscriber::fmt().with_writer(std::io::stderr).init();
            server(file)?.run_configured().await?;
        }
        None => eprintln!("usage: configured_server FILE"),
    }
    Ok(())
}
