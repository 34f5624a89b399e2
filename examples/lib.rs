//! The examples of TurboMCP live beside this file; run one with `cargo run --example NAME`.

use turbomcp::transport::tls::TlsConfig;
use turbomcp::{Error, McpServer};

/// Serves on the binding that the command line names: `--stdio`, `--http ADDRESS:PORT` for `/mcp` on that address,
/// `--sse ADDRESS:PORT` for `/sse` and `/messages` beside it, `--websocket ADDRESS:PORT` for `/` on that address, `--tcp ADDRESS:PORT`, `--unix PATH`, or, with files in PEM,
/// `--tls ADDRESS:PORT CERTIFICATE KEY` and `--https ADDRESS:PORT CERTIFICATE KEY`.
///
/// # Errors
///
/// If the streams or the address cannot be taken.
pub async fn serve(server: McpServer) -> Result<(), Error> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--stdio"] => server.run_stdio().await,
        ["--http", address] => server.run_http(address).await,
        ["--sse", address] => server.http().sse("/sse", "/messages").run(address).await,
        ["--websocket", address] => server.run_websocket(address).await,
        ["--tcp", address] => server.run_tcp(address).await,
        ["--tls", address, certificate, key] => server.run_tls(address, certificate, key).await,
        ["--https", address, certificate, key] => {
            server.http().tls(TlsConfig::new(certificate, key)).run(address).await
        }
        #[cfg(unix)]
        ["--unix", path] => server.run_unix(path).await,
        _ => {
            let bindings = "--stdio | --{http,sse,websocket,tcp} ADDRESS:PORT | --unix PATH | \
                --{tls,https} ADDRESS:PORT CERTIFICATE KEY";
            eprintln!("usage: {} {bindings}", server.implementation().name);
            std::process::exit(2)
        }
    }
}
