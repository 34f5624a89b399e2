//! A server whose file also says who may call: `cargo run --example configured_auth -- examples/configured_auth.toml`
//!
//! Nobody has the key of that file: put in what `cargo run --example auth_api_key -- new ada` prints, and call the server
//! with the header `X-API-Key`.

use turbomcp::auth::{AuthConfig, AuthManager};
use turbomcp::prelude::*;
use turbomcp::settings::Settings;

struct Notes;

#[server(name = "notes", version = "1.0.0")]
impl Notes {
    /// Says who is calling.
    #[tool]
    async fn who(&self, ctx: &Context) -> String {
        ctx.principal().map_or_else(|| "nobody".to_owned(), |principal| principal.subject().to_owned())
    }
}

// ANCHOR: server
fn server(file: &str) -> Result<McpServer, Box<dyn std::error::Error>> {
    let settings = Settings::load().section("auth").file(file).environment("TURBOMCP").read()?;
    // Without the section there is nobody who may call, which `AuthManager` refuses.
    let auth: AuthConfig = settings.section("auth")?.unwrap_or_default();
    Ok(Notes.into_builder().auth(AuthManager::new(auth)?).settings(settings)?.build())
}
// ANCHOR_END: server

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::args().nth(1).ok_or("usage: configured_auth FILE")?;
    Ok(server(&file)?.run_configured().await?)
}
