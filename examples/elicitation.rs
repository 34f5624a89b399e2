//! Asking the client while a tool runs: its user, its model, its roots: `cargo run --example elicitation`
//!
//! Every question is written once. A legacy client is sent a request and the handler waits; a modern client is sent the
//! question as the answer to its call, and the handler runs again when the call is repeated with what was asked for.

use serde::Deserialize;
use turbomcp::Error;
use turbomcp::prelude::*;
use turbomcp::types::{CreateMessageRequestParams, SamplingMessage};
use turbomcp::types::{ElicitAction, ElicitRequestUrlParams, ElicitationSchema, NumberSchema};

#[derive(Deserialize)]
struct Table {
    guests: u32,
    place: String,
}

struct Restaurant;

#[server(name = "restaurant", version = "1.0.0")]
impl Restaurant {
    // ANCHOR: form
    /// Books a table.
    #[tool]
    async fn book(&self, ctx: &Context) -> McpResult<String> {
        let form = ElicitationSchema::new()
            .integer("guests", NumberSchema::new().with_minimum(1).with_maximum(12))
            .select("place", [("in", "Inside"), ("out", "On the terrace")])
            .required("guests")
            .required("place");
        let answer = ctx.elicit("How many are you, and where would you like to sit?", form).await?;
        match answer.action {
            ElicitAction::Accept => {
                let Table { guests, place } = answer.parse()?;
                Ok(format!("A table for {guests}, {place}side."))
            }
            ElicitAction::Decline => Ok("No table, then.".to_owned()),
            _ => Ok("Nothing was decided; ask again later.".to_owned()),
        }
    }
    // ANCHOR_END: form

    // ANCHOR: url
    /// Takes a deposit on a page of ours, so that the card's number passes neither client nor model.
    #[tool]
    async fn deposit(&self, ctx: &Context) -> McpResult<&'static str> {
        let page = ElicitRequestUrlParams::new("Pay the deposit", "https://restaurant.example/deposit");
        match ctx.elicit_url(page).await?.action {
            ElicitAction::Accept => Ok("The user is on the page."),
            _ => Ok("No deposit."),
        }
    }
    // ANCHOR_END: url

    // ANCHOR: client
    /// Describes the project of the user, in the words of the user's model.
    #[tool]
    async fn describe(&self, ctx: &Context) -> McpResult<String> {
        let roots = ctx.list_roots().await?.roots;
        let uris: Vec<_> = roots.iter().map(|root| root.uri.as_str()).collect();
        let question = SamplingMessage::user(format!("What may be in {}?", uris.join(" and ")));
        let answer = ctx.sample(CreateMessageRequestParams::new([question], 100)).await?;
        Ok(answer.as_text().unwrap_or("The model is speechless.").to_owned())
    }
    // ANCHOR_END: client
}

fn server() -> McpServer {
    Restaurant.into_server()
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    server().run_stdio().await
}
