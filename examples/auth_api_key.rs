//! Callers with an API key. Make one: `cargo run --example auth_api_key -- new ada`
//!
//! It prints the key, which is not kept, and what to keep of it. Then serve those who have it:
//! `cargo run --example auth_api_key -- serve 127.0.0.1:8080 ada ID SHA256`, and call it with the key:
//!
//! ```sh
//! curl http://127.0.0.1:8080/mcp -H "X-API-Key: $KEY" -H 'Content-Type: application/json' \
//!     -H 'Accept: application/json, text/event-stream' -H 'MCP-Protocol-Version: 2026-07-28' \
//!     -H 'Mcp-Method: tools/call' -H 'Mcp-Name: who' -d '{"jsonrpc": "2.0", "id": 1, "method": "tools/call",
//!     "params": {"name": "who", "_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28",
//!     "io.modelcontextprotocol/clientCapabilities": {}}}}'
//! ```
//!
//! With `stdio` in place of `serve ADDRESS`, the key is taken from the environment variable `NOTES_KEY`.

use turbomcp::auth::server::{ApiKey, ApiKeyConfig, EnvironmentConfig, Holder};
use turbomcp::auth::{self, AuthManager};
use turbomcp::prelude::*;

struct Notes;

#[server(name = "notes", version = "1.0.0")]
impl Notes {
    /// Says who is calling.
    #[tool]
    async fn who(&self, ctx: &Context) -> String {
        ctx.principal().map_or_else(|| "nobody".to_owned(), |principal| principal.subject().to_owned())
    }

    /// Erases all notes, for those who may write them.
    #[tool]
    async fn erase(&self, ctx: &Context) -> McpResult<&'static str> {
        ctx.check_scopes(&["notes.write"])?;
        Ok("erased")
    }
}

// ANCHOR: generate
/// Makes up a key, and shows it with what is kept of it.
fn generate(owner: &str) {
    let (key, entry) = ApiKey::generate("notes", Holder::new(owner));
    println!("key: {}\nid: {}\nsha256: {}", key.expose(), entry.id(), entry.sha256());
}
// ANCHOR_END: generate

// ANCHOR: server
fn protected(owner: &str, id: &str, sha256: &str) -> Result<McpServer, auth::Error> {
    let holder = Holder::new(owner).scopes(["notes.read"]);
    let keys = ApiKeyConfig::default().prefix("notes").key(ApiKey::from_hash(id, sha256, holder)?);
    let auth = AuthManager::builder().api_keys(keys).environment(EnvironmentConfig::credential("NOTES_KEY")).build()?;
    Ok(Notes.into_builder().auth(auth).build())
}
// ANCHOR_END: server

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["new", owner] => generate(owner),
        ["serve", address, owner, id, sha256] => protected(owner, id, sha256)?.run_http(address).await?,
        ["stdio", owner, id, sha256] => protected(owner, id, sha256)?.run_stdio().await?,
        _ => return Err("new OWNER | serve ADDRESS:PORT OWNER ID SHA256 | stdio OWNER ID SHA256".into()),
    }
    Ok(())
}
