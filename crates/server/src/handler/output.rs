//! What handlers may return.

use std::borrow::Cow;

use bytes::Bytes;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use turbomcp_protocol::types::{
    AudioContent, CallToolResult, ContentBlock, EmbeddedResource, GetPromptResult, ImageContent, PromptMessage,
    ReadResourceResult, ResourceContents, ResourceLink, TextContent,
};
use turbomcp_protocol::{McpError, McpResult};

use super::tool::failure;
use crate::schema::output_schema_of;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A value sent as JSON: structured content of a tool, or the text of a resource.
///
/// Methods under `#[tool]` and `#[resource]` return the value itself.
///
/// # Examples
///
/// ```
/// use schemars::JsonSchema;
/// use serde::{Deserialize, Serialize};
/// use turbomcp_server::{Context, FnTool, IntoCallToolResult, Json};
///
/// #[derive(Deserialize, Serialize, JsonSchema)]
/// struct Point {
///     x: i32,
///     y: i32,
/// }
///
/// let mirror = FnTool::new(|Point { x, y }: Point, _: Context| async move { Json(Point { x: -x, y }) });
/// # drop(mirror);
///
/// let result = Json(Point { x: 1, y: 2 }).into_call_tool_result()?;
/// assert_eq!(result.structured_content.unwrap().get(), r#"{"x":1,"y":2}"#);
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Json<T>(pub T);

/// What a tool may return.
#[diagnostic::on_unimplemented(
    message = "a tool cannot return `{Self}`",
    note = "return a number, a `String`, content blocks, a `CallToolResult`, or `Json<T>` where `T: Serialize + JsonSchema`; or a `Result` of one of them"
)]
pub trait IntoCallToolResult {
    /// Makes the result of the call.
    ///
    /// # Errors
    ///
    /// If the call is to be answered with a protocol error.
    fn into_call_tool_result(self) -> McpResult<CallToolResult>;

    /// Returns the schema of its structured content, if it has any.
    #[must_use]
    fn output_schema() -> Option<Value> {
        None
    }
}

impl IntoCallToolResult for CallToolResult {
    fn into_call_tool_result(self) -> McpResult<CallToolResult> {
        Ok(self)
    }
}

impl IntoCallToolResult for () {
    fn into_call_tool_result(self) -> McpResult<CallToolResult> {
        Ok(CallToolResult::new(Vec::new()))
    }
}

macro_rules! as_text {
    ($($type:ty),*) => {$(
        impl IntoCallToolResult for $type {
            fn into_call_tool_result(self) -> McpResult<CallToolResult> {
                Ok(CallToolResult::text(self.to_string()))
            }
        }
    )*};
}

as_text!(i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize, f32, f64, bool, char);

macro_rules! as_owned_text {
    ($($type:ty),*) => {$(
        impl IntoCallToolResult for $type {
            fn into_call_tool_result(self) -> McpResult<CallToolResult> {
                Ok(CallToolResult::text(String::from(self)))
            }
        }
    )*};
}

as_owned_text!(String, &'static str, Box<str>, Cow<'static, str>);

macro_rules! as_block {
    ($($type:ty),*) => {$(
        impl IntoCallToolResult for $type {
            fn into_call_tool_result(self) -> McpResult<CallToolResult> {
                Ok(CallToolResult::new(vec![ContentBlock::from(self)]))
            }
        }
    )*};
}

as_block!(ContentBlock, TextContent, ImageContent, AudioContent, ResourceLink, EmbeddedResource);

impl IntoCallToolResult for Vec<ContentBlock> {
    fn into_call_tool_result(self) -> McpResult<CallToolResult> {
        Ok(CallToolResult::new(self))
    }
}

impl<T: Serialize + JsonSchema> IntoCallToolResult for Json<T> {
    fn into_call_tool_result(self) -> McpResult<CallToolResult> {
        CallToolResult::structured(&self.0).map_err(McpError::internal)
    }

    fn output_schema() -> Option<Value> {
        Some(output_schema_of::<T>())
    }
}

impl<T: IntoCallToolResult, E: Into<BoxError>> IntoCallToolResult for Result<T, E> {
    fn into_call_tool_result(self) -> McpResult<CallToolResult> {
        match self {
            Ok(value) => value.into_call_tool_result(),
            Err(error) => failure(error.into()),
        }
    }

    fn output_schema() -> Option<Value> {
        T::output_schema()
    }
}

/// What a resource may return.
#[diagnostic::on_unimplemented(
    message = "a resource cannot return `{Self}`",
    note = "return a `String`, `Vec<u8>`, `ResourceContents`, a `ReadResourceResult`, or `Json<T>` where `T: Serialize`; or a `Result` of one of them"
)]
pub trait IntoReadResourceResult {
    /// Makes the result of reading `uri`.
    ///
    /// # Errors
    ///
    /// If the reading is to be answered with an error.
    fn into_read_resource_result(self, uri: &str, mime_type: Option<&str>) -> McpResult<ReadResourceResult>;
}

fn contents(contents: ResourceContents, mime_type: Option<&str>, default: &str) -> ReadResourceResult {
    ReadResourceResult::new(vec![contents.with_mime_type(mime_type.unwrap_or(default))])
}

impl IntoReadResourceResult for String {
    fn into_read_resource_result(self, uri: &str, mime_type: Option<&str>) -> McpResult<ReadResourceResult> {
        Ok(contents(ResourceContents::text(uri, self), mime_type, "text/plain"))
    }
}

impl IntoReadResourceResult for &'static str {
    fn into_read_resource_result(self, uri: &str, mime_type: Option<&str>) -> McpResult<ReadResourceResult> {
        self.to_owned().into_read_resource_result(uri, mime_type)
    }
}

impl IntoReadResourceResult for Vec<u8> {
    fn into_read_resource_result(self, uri: &str, mime_type: Option<&str>) -> McpResult<ReadResourceResult> {
        Ok(contents(ResourceContents::blob(uri, self), mime_type, "application/octet-stream"))
    }
}

impl IntoReadResourceResult for Bytes {
    fn into_read_resource_result(self, uri: &str, mime_type: Option<&str>) -> McpResult<ReadResourceResult> {
        Vec::from(self).into_read_resource_result(uri, mime_type)
    }
}

impl IntoReadResourceResult for ResourceContents {
    fn into_read_resource_result(self, _: &str, _: Option<&str>) -> McpResult<ReadResourceResult> {
        Ok(ReadResourceResult::new(vec![self]))
    }
}

impl IntoReadResourceResult for Vec<ResourceContents> {
    fn into_read_resource_result(self, _: &str, _: Option<&str>) -> McpResult<ReadResourceResult> {
        Ok(ReadResourceResult::new(self))
    }
}

impl IntoReadResourceResult for ReadResourceResult {
    fn into_read_resource_result(self, _: &str, _: Option<&str>) -> McpResult<ReadResourceResult> {
        Ok(self)
    }
}

impl<T: Serialize> IntoReadResourceResult for Json<T> {
    fn into_read_resource_result(self, uri: &str, mime_type: Option<&str>) -> McpResult<ReadResourceResult> {
        let text = serde_json::to_string(&self.0).map_err(McpError::internal)?;
        Ok(contents(ResourceContents::text(uri, text), mime_type, "application/json"))
    }
}

impl<T: IntoReadResourceResult, E: Into<BoxError>> IntoReadResourceResult for Result<T, E> {
    fn into_read_resource_result(self, uri: &str, mime_type: Option<&str>) -> McpResult<ReadResourceResult> {
        match self {
            Ok(value) => value.into_read_resource_result(uri, mime_type),
            Err(error) => Err(McpError::from_boxed(error.into())),
        }
    }
}

/// What a prompt may return.
#[diagnostic::on_unimplemented(
    message = "a prompt cannot return `{Self}`",
    note = "return a `String`, a `PromptMessage` or several, or a `GetPromptResult`; or a `Result` of one of them"
)]
pub trait IntoGetPromptResult {
    /// Makes the result of getting the prompt.
    ///
    /// # Errors
    ///
    /// If the request is to be answered with an error.
    fn into_get_prompt_result(self) -> McpResult<GetPromptResult>;
}

impl IntoGetPromptResult for String {
    fn into_get_prompt_result(self) -> McpResult<GetPromptResult> {
        PromptMessage::user(TextContent::new(self)).into_get_prompt_result()
    }
}

impl IntoGetPromptResult for &'static str {
    fn into_get_prompt_result(self) -> McpResult<GetPromptResult> {
        self.to_owned().into_get_prompt_result()
    }
}

impl IntoGetPromptResult for PromptMessage {
    fn into_get_prompt_result(self) -> McpResult<GetPromptResult> {
        Ok(GetPromptResult::new(vec![self]))
    }
}

impl IntoGetPromptResult for Vec<PromptMessage> {
    fn into_get_prompt_result(self) -> McpResult<GetPromptResult> {
        Ok(GetPromptResult::new(self))
    }
}

impl IntoGetPromptResult for GetPromptResult {
    fn into_get_prompt_result(self) -> McpResult<GetPromptResult> {
        Ok(self)
    }
}

impl<T: IntoGetPromptResult, E: Into<BoxError>> IntoGetPromptResult for Result<T, E> {
    fn into_get_prompt_result(self) -> McpResult<GetPromptResult> {
        match self {
            Ok(value) => value.into_get_prompt_result(),
            Err(error) => Err(McpError::from_boxed(error.into())),
        }
    }
}
