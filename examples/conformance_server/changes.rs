//! Tools that change what the running server offers.

use turbomcp::prelude::*;
use turbomcp::types::Prompt;
use turbomcp::{Error, FnPrompt, IntoGetPromptResult};

const COMES_AND_GOES: &str = "comes_and_goes";

/// Is there after every second change.
#[tool]
fn comes_and_goes() -> &'static str {
    "Here now"
}

fn passing_prompt() -> FnPrompt {
    let definition = Prompt::new(COMES_AND_GOES).with_description("Is there after every second change.");
    FnPrompt::from_request(definition, |_, _| async { "Here now".into_get_prompt_result() })
}

/// Adds a tool, or removes it again.
#[tool]
fn test_trigger_tool_change(ctx: Context) -> Result<&'static str, Error> {
    if ctx.server().remove_tool(COMES_AND_GOES) {
        return Ok("Tool removed");
    }
    ctx.server().register_tool(COMES_AND_GOES, comes_and_goes_tool())?;
    Ok("Tool added")
}

/// Adds a prompt, or removes it again.
#[tool]
fn test_trigger_prompt_change(ctx: Context) -> Result<&'static str, Error> {
    if ctx.server().remove_prompt(COMES_AND_GOES) {
        return Ok("Prompt removed");
    }
    ctx.server().register_prompt(COMES_AND_GOES, passing_prompt())?;
    Ok("Prompt added")
}

/// Registers the tools of this file.
pub fn tools(builder: ServerBuilder) -> Result<ServerBuilder, Error> {
    builder
        .tool("test_trigger_tool_change", test_trigger_tool_change_tool())?
        .tool("test_trigger_prompt_change", test_trigger_prompt_change_tool())
}
