//! The server the benchmarks drive: `cargo run --release --example bench_server -- --stdio`
//!
//! 100 tools, default settings.

#[path = "../lib.rs"]
mod binding;

use schemars::JsonSchema;
use serde::Deserialize;
use turbomcp::prelude::*;
use turbomcp::{Error, FnTool};

#[derive(Deserialize, JsonSchema)]
struct Add {
    /// The first number
    a: i64,
    /// The second number
    b: i64,
}

#[derive(Deserialize, JsonSchema)]
struct Echo {
    /// The text to return
    text: String,
}

#[derive(Deserialize, JsonSchema)]
struct Query {
    /// What to search for
    query: String,
    /// At most this many results
    limit: Option<u32>,
    /// Whether to explain each result
    verbose: Option<bool>,
}

fn server() -> Result<McpServer, Error> {
    let add = FnTool::new(|Add { a, b }: Add, _: Context| async move { a.wrapping_add(b) });
    let echo = FnTool::new(|Echo { text }: Echo, _: Context| async move { text });
    let mut builder = ServerBuilder::new()
        .name("bench")
        .version("1.0.0")
        .tool("add", add.description("Adds two integers and returns the sum as text."))?
        .tool("echo", echo.description("Returns its text unchanged."))?;
    for number in 0..98 {
        let dummy = FnTool::new(|query: Query, _: Context| async move {
            format!("{} {:?} {:?}", query.query, query.limit, query.verbose)
        });
        let text = "A tool that stands for one of many: it searches and returns what it was given.";
        builder = builder.tool(format!("dummy_{number:02}"), dummy.description(text))?;
    }
    Ok(builder.build())
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    binding::serve(server()?).await
}
