//! The examples of TurboMCP live beside this file; run one with `cargo run --example NAME`.

use turbomcp::{Error, McpServer};

/// Serves on the binding that the command line names: `--stdio`, or `--http ADDRESS:PORT` for `/mcp` on that address.
///
/// # Errors
///
/// If the streams or the address cannot be taken.
pub async fn serve(server: McpServer) -> Result<(), Error> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--stdio"] => server.run_stdio().await,
        ["--http", address] => server.run_http(address).await,
        _ => {
            eprintln!("usage: {} --stdio | --http ADDRESS:PORT", server.implementation().name);
            std::process::exit(2)
        }
    }
}
