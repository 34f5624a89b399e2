//! A client that answers what its server asks, in the terminal: `cargo run --example client_handlers`
//!
//! The server lives in the same program. It asks the same way in every revision.

use std::io::{BufRead, Write};

use turbomcp::client::{Client, ClientHandler, Era};
use turbomcp::prelude::*;
use turbomcp::types::{
    ClientCapabilities, ElicitAction, ElicitRequestParams, ElicitResult, ElicitationCapability, ElicitationSchema,
    JsonObject, ListRootsResult, LoggingMessageNotificationParams, Root, RootsCapability, StringSchema,
};

// ANCHOR: host
struct Host;

impl ClientHandler for Host {
    fn capabilities(&self) -> ClientCapabilities {
        ClientCapabilities::new().with_elicitation(ElicitationCapability::new()).with_roots(RootsCapability::new())
    }

    async fn elicit(&self, params: ElicitRequestParams) -> McpResult<ElicitResult> {
        let ElicitRequestParams::Form(form) = params else { return Ok(ElicitResult::cancel()) };
        let answer = tokio::task::spawn_blocking(move || ask(&form.message)).await??;
        Ok(match answer.as_str() {
            "" => ElicitResult::decline(),
            name => ElicitResult::accept([("name".to_owned(), name.into())].into_iter().collect::<JsonObject>()),
        })
    }

    async fn list_roots(&self) -> McpResult<ListRootsResult> {
        Ok(ListRootsResult::new([Root::new("file:///home/ada/notes")]))
    }

    fn log(&self, message: LoggingMessageNotificationParams) {
        eprintln!("  [{}] {}", message.level, message.data);
    }
}
// ANCHOR_END: host

/// Asks on the terminal; an empty line declines.
fn ask(question: &str) -> std::io::Result<String> {
    print!("The server asks: {question} ");
    std::io::stdout().flush()?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim().to_owned())
}

struct Receptionist;

#[server(name = "receptionist", version = "1.0.0")]
impl Receptionist {
    /// Greets whoever is there.
    #[tool]
    async fn greet(&self, ctx: Context) -> McpResult<String> {
        let schema = ElicitationSchema::new().string("name", StringSchema::new()).required("name");
        let answer = ctx.elicit("What is your name?", schema).await?;
        let roots = ctx.list_roots().await?.roots.len();
        ctx.info(format!("the client has {roots} roots")).await?;
        let name = answer.content.and_then(|content| Some(content.get("name")?.as_str()?.to_owned()));
        Ok(match (answer.action, name) {
            (ElicitAction::Accept, Some(name)) => format!("Hello, {name}!"),
            _ => "Hello, whoever you are!".to_owned(),
        })
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = Receptionist.into_server();
    // ANCHOR: connect
    for era in [Era::Modern, Era::Legacy] {
        let builder = Client::builder().era(era).log_level(turbomcp::types::LoggingLevel::Info).handler(Host);
        let client = builder.connect(&server).await?;
        let greeting = client.call_tool("greet", ()).await?;
        println!("{}: {}", client.revision(), greeting.as_text().unwrap_or_default());
        client.close().await;
    }
    // ANCHOR_END: connect
    Ok(())
}
