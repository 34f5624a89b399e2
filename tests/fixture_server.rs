//! The fixture in a process of its own: over standard input and output, with `--http` on a port that it prints, or with
//! `--tls` or `--https` on an address, with a certificate and its key.

use turbomcp::transport::tls::TlsConfig;

#[tokio::main]
async fn main() -> Result<(), turbomcp::Error> {
    let server = turbomcp_tests::fixture::server();
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if let [how @ ("--tls" | "--https"), address, certificate, key] =
        &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..]
    {
        return match *how {
            "--tls" => server.run_tls(*address, *certificate, *key).await,
            _ => server.http().tls(TlsConfig::new(*certificate, *key)).run(*address).await,
        };
    }
    if arguments.iter().any(|argument| argument == "--http") {
        let listener = server.http().bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr());
        return listener.serve().await;
    }
    server.run_stdio().await
}
