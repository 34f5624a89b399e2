//! Sessions in PostgreSQL: `cargo run --example postgres_sessions -- 127.0.0.1:8080 postgres://mcp@127.0.0.1/mcp`
//!
//! A database over TLS that a company of your own certifies takes `company.pem` behind its URL.
//!
//! The tables are made when it starts. Operators ask at `/health/ready` whether the database is there, and see by
//! <kbd>Ctrl</kbd>+<kbd>C</kbd> what was done.

use turbomcp::health::checks;
use turbomcp::prelude::*;
use turbomcp::sessions::{PostgresSessions, SessionConfig, SessionManager};
use turbomcp::store::{Postgres, StoreError};
use turbomcp::transport::tls::TlsConfig;

struct Greeter;

#[server(name = "greeter", version = "1.0.0")]
impl Greeter {
    /// Greets whoever asks.
    #[tool]
    async fn greet(&self, ctx: Context) -> String {
        ctx.client_info().map_or_else(|| "Hello!".to_owned(), |info| format!("Hello, {}!", info.name))
    }
}

// ANCHOR: connect
async fn connect(url: &str, authorities: Option<&str>) -> Result<Postgres, StoreError> {
    match authorities {
        Some(path) => Postgres::connect_with_tls(url, &TlsConfig::default().with_ca_bundle(path)).await,
        None => Postgres::connect(url).await,
    }
}
// ANCHOR_END: connect

// ANCHOR: server
async fn server(postgres: Postgres) -> Result<McpServer, Box<dyn std::error::Error>> {
    let store = PostgresSessions::new(postgres.clone()).await?;
    let manager = SessionManager::new(SessionConfig::new(), store)?;
    let database = checks::postgres(&postgres);
    Ok(Greeter.into_builder().with_session_management(manager).with_health_check("database", database)?.build())
}
// ANCHOR_END: server

// ANCHOR: analytics
fn report(manager: &SessionManager) {
    let done = manager.analytics();
    eprintln!("{} sessions were opened, {} have expired", done.opened, done.expired);
    for method in &done.methods {
        eprintln!("{}: {} requests, {} errors, {:?}", method.method, method.requests, method.errors, method.took);
    }
    for session in manager.sessions() {
        eprintln!("{} {}: {} requests", session.client.name, session.client.version, session.requests);
    }
}
// ANCHOR_END: analytics

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let url = arguments.next().unwrap_or_else(|| "postgres://mcp@127.0.0.1/mcp".to_owned());
    let server = server(connect(&url, arguments.next().as_deref()).await?).await?;
    server.run_http(&address).await?;
    if let Some(manager) = server.sessions() {
        report(manager);
    }
    Ok(())
}
