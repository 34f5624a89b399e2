//! Resources, prompts, and the completion of a prompt's argument.

use serde::Serialize;
use turbomcp::prelude::*;
use turbomcp::types::{
    ContentBlock, ElicitAction, ElicitationSchema, PromptMessage, ResourceContents, StringSchema, TextContent,
};

use crate::content::{PIXEL, pixel};

/// What can be read and asked for.
pub struct Documents;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Filled {
    id: String,
    template_test: bool,
    data: String,
}

#[server(name = "conformance", version = "1.0.0")]
impl Documents {
    /// A text that never changes.
    #[resource("test://static-text", mime_type = "text/plain")]
    async fn static_text(&self) -> &'static str {
        "This is the content of the static text resource."
    }

    /// An image that never changes.
    #[resource("test://static-binary", mime_type = "image/png")]
    async fn static_binary(&self) -> Vec<u8> {
        PIXEL.to_vec()
    }

    /// A text that clients may subscribe to.
    #[resource("test://watched-resource", mime_type = "text/plain")]
    async fn watched_resource(&self) -> &'static str {
        "This is the content of the watched resource."
    }

    /// Data about whatever the URI names.
    #[resource("test://template/{id}/data", mime_type = "application/json")]
    async fn template(&self, id: String) -> Json<Filled> {
        Json(Filled { data: format!("Data for ID: {id}"), id, template_test: true })
    }

    /// A prompt without arguments.
    #[prompt]
    async fn test_simple_prompt(&self) -> &'static str {
        "This is a simple prompt for testing."
    }

    /// A prompt with two arguments.
    #[prompt]
    async fn test_prompt_with_arguments(
        &self,
        #[arg(description = "The first argument")] arg1: String,
        #[arg(description = "The second argument")] arg2: String,
    ) -> String {
        format!("Prompt with arguments: arg1='{arg1}', arg2='{arg2}'")
    }

    #[completion(prompt = "test_prompt_with_arguments", argument = "arg1")]
    async fn complete_arg1(&self, typed: String) -> Vec<String> {
        ["testValue1", "testing", "other"]
            .into_iter()
            .filter(|value| value.starts_with(&typed))
            .map(str::to_owned)
            .collect()
    }

    /// A prompt that brings a resource along.
    #[prompt]
    async fn test_prompt_with_embedded_resource(
        &self,
        #[arg(name = "resourceUri", description = "The URI of the resource")] uri: String,
    ) -> Vec<PromptMessage> {
        let resource = ResourceContents::text(uri, "Embedded resource content for testing.");
        vec![
            PromptMessage::user(ContentBlock::resource(resource.with_mime_type("text/plain"))),
            PromptMessage::user(TextContent::new("Please process the embedded resource above.")),
        ]
    }

    /// A prompt that brings an image along.
    #[prompt]
    async fn test_prompt_with_image(&self) -> Vec<PromptMessage> {
        vec![PromptMessage::user(pixel()), PromptMessage::user(TextContent::new("Please analyze the image above."))]
    }

    /// A prompt that asks the user before it is made.
    #[prompt]
    async fn test_input_required_result_prompt(&self, ctx: Context) -> McpResult<String> {
        let form = ElicitationSchema::new().string("context", StringSchema::new()).required("context");
        let answer = ctx.elicit("What context should the prompt use?", form).key("user_context").await?;
        let content = answer.content.filter(|_| answer.action == ElicitAction::Accept).unwrap_or_default();
        let context = content.get("context").and_then(|context| context.as_str()).unwrap_or("none");
        Ok(format!("Answer in this context: {context}"))
    }
}
