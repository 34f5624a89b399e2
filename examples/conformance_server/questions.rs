//! Tools that ask the client once. They are written once for both eras: a legacy client is sent a request, a modern
//! client gets the question as the answer to its call and repeats the call.

use turbomcp::Error;
use turbomcp::prelude::*;
use turbomcp::types::{
    BooleanSchema, CreateMessageRequestParams, CreateMessageResult, ElicitResult, ElicitationSchema,
    LegacyTitledEnumSchema, NumberSchema, SamplingMessage, SamplingMessageContentBlock, StringFormat, StringSchema,
    UntitledMultiSelectEnumSchema, UntitledSingleSelectEnumSchema,
};

/// Returns the params of a question to the client's model.
pub fn sampling(prompt: &str, max_tokens: i64) -> CreateMessageRequestParams {
    CreateMessageRequestParams::new([SamplingMessage::user(SamplingMessageContentBlock::text(prompt))], max_tokens)
}

/// Returns the text of the model's answer.
pub fn said(answer: &CreateMessageResult) -> String {
    answer.content.as_slice().iter().filter_map(SamplingMessageContentBlock::as_text).collect()
}

fn reported(answer: &ElicitResult) -> McpResult<String> {
    Ok(format!("User response: {}", serde_json::to_string(answer)?))
}

/// Passes a prompt to the client's model.
#[tool]
async fn test_sampling(ctx: Context, #[arg(description = "The prompt")] prompt: String) -> McpResult<String> {
    let answer = ctx.sample(sampling(&prompt, 100)).await?;
    Ok(format!("LLM response: {}", said(&answer)))
}

/// Asks the model without looking whether the client has one.
#[tool]
async fn test_missing_capability(ctx: Context) -> McpResult<String> {
    Ok(said(&ctx.sample(sampling("Is anybody there?", 10)).await?))
}

/// Asks the user for a name and an address.
#[tool]
async fn test_elicitation(
    ctx: Context,
    #[arg(description = "What the user is told")] message: String,
) -> McpResult<String> {
    let form = ElicitationSchema::new()
        .string("username", StringSchema::new().with_description("User's response"))
        .string("email", StringSchema::new().with_description("User's email address").with_format(StringFormat::EMAIL))
        .required("username")
        .required("email");
    reported(&ctx.elicit(message, form).await?)
}

/// Asks the user in the middle of a call.
#[tool]
async fn test_streaming_elicitation(ctx: Context) -> McpResult<String> {
    let form = ElicitationSchema::new().boolean("proceed", BooleanSchema::new()).required("proceed");
    reported(&ctx.elicit("May the call go on?", form).await?)
}

/// Asks the user with a form that is filled in already.
#[tool]
async fn test_elicitation_sep1034_defaults(ctx: Context) -> McpResult<String> {
    let status = UntitledSingleSelectEnumSchema::new(["active", "inactive", "pending"]).with_default("active");
    let form = ElicitationSchema::new()
        .string("name", StringSchema::new().with_default("John Doe"))
        .integer("age", NumberSchema::new().with_default(30))
        .number("score", NumberSchema::new().with_default(95.5))
        .property("status", status)
        .boolean("verified", BooleanSchema::new().with_default(true));
    reported(&ctx.elicit("Please check your details", form).await?)
}

/// Asks the user to choose, in every way there is.
#[tool]
async fn test_elicitation_sep1330_enums(ctx: Context) -> McpResult<String> {
    let options = ["option1", "option2", "option3"];
    let legacy =
        LegacyTitledEnumSchema::new([("opt1", "Option One"), ("opt2", "Option Two"), ("opt3", "Option Three")]);
    let form = ElicitationSchema::new()
        .property("untitledSingle", UntitledSingleSelectEnumSchema::new(options))
        .select("titledSingle", [("value1", "First Option"), ("value2", "Second Option"), ("value3", "Third Option")])
        .property("legacyEnum", legacy)
        .property("untitledMulti", UntitledMultiSelectEnumSchema::new(options))
        .multi_select(
            "titledMulti",
            [("value1", "First Choice"), ("value2", "Second Choice"), ("value3", "Third Choice")],
        );
    reported(&ctx.elicit("Please choose", form).await?)
}

/// Registers the tools of this file.
pub fn tools(builder: ServerBuilder) -> Result<ServerBuilder, Error> {
    builder
        .tool("test_sampling", test_sampling_tool())?
        .tool("test_missing_capability", test_missing_capability_tool())?
        .tool("test_elicitation", test_elicitation_tool())?
        .tool("test_streaming_elicitation", test_streaming_elicitation_tool())?
        .tool("test_elicitation_sep1034_defaults", test_elicitation_sep1034_defaults_tool())?
        .tool("test_elicitation_sep1330_enums", test_elicitation_sep1330_enums_tool())
}
