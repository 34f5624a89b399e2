//! The server the benchmarks drive: `cargo run --release --example bench_server -- --stdio`
//!
//! 100 tools, default settings. Each binding is a feature of its package, so that a program with one alone can be
//! measured as well.

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
    let server = server()?;
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        #[cfg(feature = "stdio")]
        ["--stdio"] => server.run_stdio().await,
        #[cfg(all(unix, feature = "unix"))]
        ["--unix", path] => server.run_unix(path).await,
        #[cfg(feature = "tcp")]
        ["--tcp", address] => server.run_tcp(address).await,
        #[cfg(feature = "tls")]
        ["--tls", address, certificate, key] => server.run_tls(address, certificate, key).await,
        #[cfg(feature = "websocket")]
        ["--websocket", address] => server.run_websocket(address).await,
        #[cfg(feature = "http")]
        ["--http", address] => server.run_http(address).await,
        _ => {
            eprintln!(
                "usage: bench_server --stdio | --{{tcp,websocket,http}} ADDRESS:PORT | --unix PATH | --tls ADDRESS:PORT CERTIFICATE KEY"
            );
            std::process::exit(2)
        }
    }
}
