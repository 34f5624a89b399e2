//! Tools that come and go while the server runs: `cargo run --example dynamic_tools`
//!
//! Clients that listen are told that the list has changed.

use schemars::JsonSchema;
use serde::Deserialize;
use turbomcp::prelude::*;
use turbomcp::{Error, FnTool, ToolError};

#[derive(Deserialize, JsonSchema)]
struct Text {
    /// What to translate
    text: String,
}

struct Translator;

#[server(name = "translator", version = "1.0.0")]
impl Translator {
    // ANCHOR: register
    /// Learns a language: a tool of its own translates into it.
    #[tool]
    async fn learn(&self, ctx: &Context, language: String) -> Result<String, Error> {
        let name = format!("into_{language}");
        let description = format!("Translates a text into {language}.");
        let translate = FnTool::new(move |Text { text }: Text, _: Context| {
            let translated = format!("{text}, in {language}");
            async move { translated }
        });
        ctx.server().register_tool(&name, translate.description(description))?;
        Ok(format!("call {name}"))
    }
    // ANCHOR_END: register

    // ANCHOR: remove
    /// Forgets a language.
    #[tool]
    async fn forget(&self, ctx: &Context, language: String) -> Result<&'static str, ToolError> {
        match ctx.server().remove_tool(&format!("into_{language}")) {
            true => Ok("forgotten"),
            false => Err(ToolError::new(format!("{language} was never learned"))),
        }
    }
    // ANCHOR_END: remove
}

fn server() -> McpServer {
    Translator.into_server()
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    server().run_stdio().await
}
