//! The fixture in a process of its own: over standard input and output; with `--http` on a port that it prints; with
//! `--web ADDRESS [ORIGIN]` over HTTP and, at `/ws`, WebSocket, for pages of that origin.

use turbomcp::CorsConfig;

#[tokio::main]
async fn main() -> Result<(), turbomcp::Error> {
    let server = turbomcp_tests::fixture::server();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--http"] => {
            let listener = server.http().bind("127.0.0.1:0").await?;
            println!("{}", listener.local_addr());
            listener.serve().await
        }
        ["--web", address, ref origins @ ..] => {
            let cors = CorsConfig::new().allowed_origins(origins.iter().copied());
            server.http().websocket("/ws").cors(cors).run(address).await
        }
        _ => server.run_stdio().await,
    }
}
