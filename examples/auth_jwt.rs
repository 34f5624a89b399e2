//! Callers with a token: `cargo run --example auth_jwt -- 127.0.0.1:8080 ISSUER http://127.0.0.1:8080/mcp`
//!
//! `ISSUER` is the URL of an authorization server that publishes its keys. It has to issue tokens for the last argument,
//! the URL of this server as clients write it. Clients find the issuer by themselves: `cargo run --example client_oauth --
//! http://127.0.0.1:8080/mcp` logs in. Without a client, this shows what they are told:
//!
//! ```sh
//! curl -i -X POST http://127.0.0.1:8080/mcp
//! curl http://127.0.0.1:8080/.well-known/oauth-protected-resource/mcp
//! ```

use turbomcp::auth::{self, AuthManager, JwtConfig};
use turbomcp::prelude::*;

struct Notes;

#[server(name = "notes", version = "1.0.0")]
impl Notes {
    // ANCHOR: principal
    /// Says who is calling, and what they may do.
    #[tool]
    async fn who(&self, ctx: &Context) -> String {
        match ctx.principal() {
            Some(principal) => format!("{} may {}", principal.subject(), principal.scopes().join(" and ")),
            None => "nobody".to_owned(),
        }
    }
    // ANCHOR_END: principal

    // ANCHOR: scopes
    /// Erases all notes.
    #[tool]
    async fn erase(&self, ctx: &Context) -> McpResult<&'static str> {
        ctx.check_scopes(&["notes.write"])?;
        Ok("erased")
    }
    // ANCHOR_END: scopes
}

// ANCHOR: auth
fn protected(issuer: &str, resource: &str) -> Result<McpServer, auth::Error> {
    let auth = AuthManager::builder()
        .resource(resource)
        .jwt(JwtConfig::new(issuer, resource))
        .required_scopes(["notes.read"])
        .scopes_supported(["notes.read", "notes.write"])
        .build()?;
    Ok(Notes.into_builder().auth(auth).build())
}
// ANCHOR_END: auth

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [address, issuer, resource] = &arguments[..] else { return Err("ADDRESS:PORT ISSUER URL".into()) };
    protected(issuer, resource)?.run_http(address).await?;
    Ok(())
}
