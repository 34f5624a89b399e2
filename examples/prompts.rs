//! Prompts: messages that a user asks for by name: `cargo run --example prompts`

use serde::Deserialize;
use turbomcp::Error;
use turbomcp::prelude::*;
use turbomcp::types::{ContentBlock, GetPromptResult, PromptMessage, ResourceContents};

/// On the wire an argument of a prompt is a text; it is read into the type of the parameter.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Tone {
    Friendly,
    Strict,
}

const LANGUAGES: [(&str, &str); 3] = [("python", "asyncio"), ("rust", "axum"), ("rust", "tokio")];

struct Reviews;

#[server(name = "reviews", version = "1.0.0")]
impl Reviews {
    // ANCHOR: typed
    /// Asks for a review.
    #[prompt]
    async fn review(
        &self,
        /// The code to read
        code: String,
        tone: Option<Tone>,
        #[arg(default = 3, description = "How many remarks to make")] remarks: u8,
    ) -> String {
        let tone = match tone {
            Some(Tone::Strict) => "Spare no one.",
            Some(Tone::Friendly) | None => "Be kind.",
        };
        format!("Make {remarks} remarks on this code. {tone}\n\n{code}")
    }
    // ANCHOR_END: typed

    // ANCHOR: messages
    /// Starts a conversation about a framework.
    #[prompt(title = "Explain a framework")]
    async fn explain(&self, language: String, framework: String) -> GetPromptResult {
        let manual = ResourceContents::text(format!("docs://{language}/{framework}"), format!("# {framework}\n…"));
        GetPromptResult::new([
            PromptMessage::user(format!("I know {language} and want to learn {framework}.")),
            PromptMessage::user(ContentBlock::resource(manual)),
            PromptMessage::assistant("I have read the manual. Where shall we begin?"),
        ])
        .with_description(format!("A conversation about {framework}"))
    }
    // ANCHOR_END: messages

    // ANCHOR: completion
    /// Completes the framework, among those of the language if the user has chosen one already.
    #[completion(prompt = "explain", argument = "framework")]
    async fn frameworks(&self, typed: &str, language: Option<String>) -> Vec<&'static str> {
        let of_language = |known: &str| language.as_deref().is_none_or(|chosen| chosen == known);
        let fits = |(known, name): &(&str, &str)| of_language(known) && name.starts_with(typed);
        LANGUAGES.into_iter().filter(fits).map(|(_, name)| name).collect()
    }
    // ANCHOR_END: completion
}

fn server() -> McpServer {
    Reviews.into_server()
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    server().run_stdio().await
}
