//! What a handler may ask of the request it answers: `cargo run --example context`

use turbomcp::prelude::*;
use turbomcp::types::LoggingLevel;
use turbomcp::{Error, FromContext};

// ANCHOR: from_context
/// The client's name, as it gives it: for display and logs, never for decisions.
struct ClientName(String);

impl FromContext for ClientName {
    fn from_context(ctx: &Context) -> McpResult<Self> {
        Ok(Self(ctx.client_info().map_or_else(|| "somebody".to_owned(), |client| client.name)))
    }
}
// ANCHOR_END: from_context

struct Reception;

#[server(name = "reception", version = "1.0.0")]
impl Reception {
    // ANCHOR: ask
    /// Says what is known of a request.
    #[tool(read_only)]
    async fn introduce(&self, client: ClientName, ctx: &Context) -> String {
        let forms = if ctx.client_capabilities().elicitation.is_some() { "fills in forms" } else { "asks nobody" };
        format!("{} speaks {} and {forms}", client.0, ctx.revision())
    }
    // ANCHOR_END: ask

    // ANCHOR: log
    /// Takes a guest's luggage.
    #[tool]
    async fn luggage(&self, pieces: u32, ctx: Context) -> McpResult<String> {
        ctx.debug("somebody is here").await?;
        if pieces > 10 {
            ctx.log(LoggingLevel::Warning, serde_json::json!({"pieces": pieces, "room": "none"})).await?;
        }
        Ok(format!("took {pieces}"))
    }
    // ANCHOR_END: log
}

fn server() -> McpServer {
    Reception.into_server()
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    server().run_stdio().await
}
