//! Tools for the rounds of a modern call: the questions have the names the suite answers to, and what was answered in
//! earlier rounds travels in a request state that the server seals. With a legacy client they simply ask.

use turbomcp::Error;
use turbomcp::prelude::*;
use turbomcp::types::{BooleanSchema, ElicitAction, ElicitResult, ElicitationSchema, ListRootsResult, StringSchema};

use crate::questions::{said, sampling};

/// Returns a form with one text.
fn one_text(name: &str) -> ElicitationSchema {
    ElicitationSchema::new().string(name, StringSchema::new()).required(name)
}

/// Returns a form with one yes or no.
fn confirmation() -> ElicitationSchema {
    ElicitationSchema::new().boolean("ok", BooleanSchema::new()).required("ok")
}

/// Returns a text of an accepted form.
fn filled_in<'a>(answer: &'a ElicitResult, name: &str) -> Option<&'a str> {
    let content = answer.content.as_ref().filter(|_| answer.action == ElicitAction::Accept)?;
    content.get(name)?.as_str()
}

fn listed(roots: &ListRootsResult) -> String {
    roots.roots.iter().map(|root| root.uri.as_str()).collect::<Vec<_>>().join(", ")
}

/// Asks for a name and greets.
#[tool]
async fn test_input_required_result_elicitation(ctx: Context) -> McpResult<String> {
    let answer = ctx.elicit("What is your name?", one_text("name")).key("user_name").await?;
    Ok(format!("Hello, {}!", filled_in(&answer, "name").unwrap_or("stranger")))
}

/// Asks the client's model.
#[tool]
async fn test_input_required_result_sampling(ctx: Context) -> McpResult<String> {
    let question = sampling("What is the capital of France?", 100);
    Ok(said(&ctx.sample(question).key("capital_question").await?))
}

/// Asks for the client's roots.
#[tool]
async fn test_input_required_result_list_roots(ctx: Context) -> McpResult<String> {
    Ok(listed(&ctx.list_roots().key("client_roots").await?))
}

/// Asks for a confirmation and wants its state back.
#[tool]
async fn test_input_required_result_request_state(ctx: Context) -> McpResult<&'static str> {
    let answer = ctx.elicit("Please confirm", confirmation()).key("confirm").await?;
    Ok(match answer.action {
        ElicitAction::Accept => "state-ok, confirmed",
        _ => "state-ok, not confirmed",
    })
}

/// Asks for a confirmation; a state that was changed on the way is refused before this runs.
#[tool]
async fn test_input_required_result_tampered_state(ctx: Context) -> McpResult<&'static str> {
    let answer = ctx.elicit("Please confirm", confirmation()).key("confirm").await?;
    Ok(if answer.action == ElicitAction::Accept { "confirmed" } else { "not confirmed" })
}

/// Asks three things in one round.
#[tool]
async fn test_input_required_result_multiple_inputs(ctx: Context) -> McpResult<String> {
    let greeting = sampling("Generate a greeting", 50);
    let (name, greeting, roots) = tokio::try_join!(
        ctx.elicit("What is your name?", one_text("name")).key("user_name").into_future(),
        ctx.sample(greeting).key("greeting").into_future(),
        ctx.list_roots().key("client_roots").into_future(),
    )?;
    let name = filled_in(&name, "name").unwrap_or("stranger");
    Ok(format!("{}, {name}! Your roots: {}", said(&greeting), listed(&roots)))
}

/// Asks two things, the second once the first is answered.
#[tool]
async fn test_input_required_result_multi_round(ctx: Context) -> McpResult<String> {
    let name = ctx.elicit("Step 1: What is your name?", one_text("name")).key("step1").await?;
    let color = ctx.elicit("Step 2: What is your favorite color?", one_text("color")).key("step2").await?;
    let (name, color) = (filled_in(&name, "name"), filled_in(&color, "color"));
    Ok(format!("{} likes {}", name.unwrap_or("Somebody"), color.unwrap_or("no color")))
}

/// Asks the model, or the user of a client that has none.
#[tool]
async fn test_input_required_result_capabilities(ctx: Context) -> McpResult<String> {
    if ctx.client_capabilities().sampling.is_some() {
        return Ok(said(&ctx.sample(sampling("Say hello", 50)).key("greeting").await?));
    }
    let answer = ctx.elicit("Say hello", one_text("greeting")).key("greeting").await?;
    Ok(filled_in(&answer, "greeting").unwrap_or("silence").to_owned())
}

/// Registers the tools of this file.
pub fn tools(builder: ServerBuilder) -> Result<ServerBuilder, Error> {
    builder
        .tool("test_input_required_result_elicitation", test_input_required_result_elicitation_tool())?
        .tool("test_input_required_result_sampling", test_input_required_result_sampling_tool())?
        .tool("test_input_required_result_list_roots", test_input_required_result_list_roots_tool())?
        .tool("test_input_required_result_request_state", test_input_required_result_request_state_tool())?
        .tool("test_input_required_result_tampered_state", test_input_required_result_tampered_state_tool())?
        .tool("test_input_required_result_multiple_inputs", test_input_required_result_multiple_inputs_tool())?
        .tool("test_input_required_result_multi_round", test_input_required_result_multi_round_tool())?
        .tool("test_input_required_result_capabilities", test_input_required_result_capabilities_tool())
}
