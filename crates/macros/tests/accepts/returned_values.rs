//! What handlers may return.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;
use turbomcp::prelude::*;
use turbomcp::types::{CallToolResult, Completion, ContentBlock, GetPromptResult, PromptMessage, ReadResourceResult};
use turbomcp::{Json, McpError};

#[derive(Serialize, JsonSchema)]
struct User {
    name: String,
}

#[derive(Serialize)]
struct Plain {
    name: String,
}

#[derive(Debug)]
struct Failure;

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it failed")
    }
}

impl std::error::Error for Failure {}

/// Converts into a boxed error without being one, as some error types do.
#[derive(Debug)]
struct Anything(Failure);

impl From<Anything> for Box<dyn std::error::Error + Send + Sync> {
    fn from(error: Anything) -> Self {
        Box::new(error.0)
    }
}

impl From<Failure> for Anything {
    fn from(error: Failure) -> Self {
        Self(error)
    }
}

type Outcome<T> = Result<T, Anything>;

struct Demo;

#[server]
impl Demo {
    #[tool]
    fn nothing(&self) {}

    #[tool]
    fn text(&self) -> &'static str {
        "text"
    }

    #[tool]
    fn cow(&self) -> Cow<'static, str> {
        "text".into()
    }

    #[tool]
    fn user(&self) -> User {
        User { name: String::new() }
    }

    #[tool]
    fn json(&self) -> Json<User> {
        Json(self.user())
    }

    #[tool]
    fn users(&self) -> Vec<User> {
        vec![self.user()]
    }

    #[tool]
    fn map(&self) -> BTreeMap<String, User> {
        BTreeMap::new()
    }

    #[tool]
    fn content(&self) -> Vec<ContentBlock> {
        Vec::new()
    }

    #[tool(output_schema = turbomcp::schema::output_schema_of::<User>())]
    fn result(&self) -> CallToolResult {
        CallToolResult::text("text")
    }

    #[tool]
    fn fallible_text(&self) -> Result<String, Failure> {
        Err(Failure)
    }

    #[tool]
    fn fallible_user(&self) -> McpResult<User> {
        Err(McpError::invalid_params("no"))
    }

    #[tool]
    async fn anything(&self) -> Outcome<User> {
        Err(Failure)?
    }

    #[tool]
    async fn anything_else(&self) -> Outcome<()> {
        Err(Failure)?
    }

    #[tool]
    fn boxed(&self) -> Result<Vec<User>, Box<dyn std::error::Error + Send + Sync>> {
        Err("a text is an error".into())
    }

    #[tool]
    fn texts_as_errors(&self) -> Result<u8, String> {
        Err("a text is an error".to_owned())
    }

    #[resource("app://text")]
    fn text_resource(&self) -> &'static str {
        "text"
    }

    #[resource("app://bytes")]
    fn bytes_resource(&self) -> Result<Vec<u8>, Failure> {
        Err(Failure)
    }

    #[resource("app://plain")]
    fn plain_resource(&self) -> Plain {
        Plain { name: String::new() }
    }

    #[resource("app://fallible")]
    fn fallible_resource(&self) -> Outcome<Plain> {
        Err(Failure)?
    }

    #[resource("app://result/{name}")]
    fn result_resource(&self, name: &str) -> ReadResourceResult {
        ReadResourceResult::text(format!("app://result/{name}"), "text")
    }

    #[prompt]
    fn text_prompt(&self, name: String) -> String {
        name
    }

    #[prompt]
    fn messages_prompt(&self) -> Outcome<Vec<PromptMessage>> {
        Ok(vec![PromptMessage::user("hello")])
    }

    #[prompt]
    fn result_prompt(&self) -> GetPromptResult {
        GetPromptResult::new([PromptMessage::user("hello")])
    }

    #[completion(prompt = "text_prompt", argument = "name")]
    fn names(&self, typed: &str) -> Completion {
        Completion::new([typed])
    }
}

#[test]
fn is_accepted() {
    let _ = Demo.into_server();
}
