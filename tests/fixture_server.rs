//! The fixture in a process of its own: over standard input and output, with `--http` on a port that it prints; with
//! `--tls` or `--https` on an address, with a certificate and its key; with `--web ADDRESS [ORIGIN]` over HTTP and, at
//! `/ws`, WebSocket, for pages of that origin. With `--stage ADDRESS PLAN` it is the server of the suite over all
//! bindings, over standard input and output. With `--auth CONFIG` it lets in whom that says, over standard input and output.
//! With `--until-signal BINDING ADDRESS MANAGEMENT MS` it serves until a signal asks it to end, and gives what runs so many
//! milliseconds; operators find it at the other address.

use std::time::Duration;

use turbomcp::auth::AuthManager;
use turbomcp::transport::tls::TlsConfig;
use turbomcp::{CorsConfig, Limits};
use turbomcp_tests::{fixture, stage::Stage};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--auth", config] => {
            let auth = AuthManager::new(serde_json::from_str(config)?)?;
            if let Err(error) = fixture::builder().auth(auth).build().run_stdio().await {
                let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                return Err(format!("{error}: {source}").into());
            }
        }
        ["--stage", address, plan] => {
            let stage = Stage::new(&serde_json::from_str(plan)?);
            let (server, address) = (stage.server.clone(), address.to_owned());
            tokio::spawn(async move { stage.take_orders(&address).await });
            server.run_stdio().await?;
        }
        ["--tls", address, certificate, key] => fixture::server().run_tls(address, certificate, key).await?,
        ["--https", address, certificate, key] => {
            fixture::server().http().tls(TlsConfig::new(certificate, key)).run(address).await?;
        }
        ["--web", address, ref origins @ ..] => {
            let cors = CorsConfig::new().allowed_origins(origins.iter().copied());
            fixture::server().http().websocket("/ws").cors(cors).run(address).await?;
        }
        ["--until-signal", binding, address, management, ms] => {
            let mut limits = Limits::default();
            limits.shutdown = Duration::from_millis(ms.parse()?);
            let server = fixture::builder().limits(limits).with_health_check("flag", || async { true })?.build();
            tokio::spawn(server.management().bind(management).await?.serve());
            match binding {
                "tcp" => server.run_tcp(address).await?,
                "websocket" => server.run_websocket(address).await?,
                _ => server.run_http(address).await?,
            }
        }
        ["--http"] => {
            let listener = fixture::server().http().bind("127.0.0.1:0").await?;
            println!("{}", listener.local_addr());
            listener.serve().await?;
        }
        _ => fixture::server().run_stdio().await?,
    }
    Ok(())
}
