//! The fixture in a process of its own: over standard input and output, or with `--http` on a port that it prints.

#[tokio::main]
async fn main() -> Result<(), turbomcp::Error> {
    let server = turbomcp_tests::fixture::server();
    if std::env::args().any(|argument| argument == "--http") {
        let listener = server.http().bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr());
        return listener.serve().await;
    }
    server.run_stdio().await
}
