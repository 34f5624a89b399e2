//! What is said to and by a sampled model.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::types::{AudioContent, ContentBlock, ImageContent, JsonObject, Meta, Role, TextContent, wire};

/// A message to or from a sampled model.
///
/// # On the wire
///
/// `{"role": "user", "content": {"type": "text", "text": "Title?"}}`; since 2025-11-25 `content` may be an array
///
/// # Specification
///
/// [Sampling](https://modelcontextprotocol.io/specification/2026-07-28/client/sampling)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SamplingMessage {
    /// Who says it.
    pub role: Role,
    /// What is said.
    pub content: OneOrMany<SamplingMessageContentBlock>,
    /// What the message says beside its members (since 2025-11-25).
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl SamplingMessage {
    /// Creates a message.
    pub fn new(role: Role, content: impl Into<OneOrMany<SamplingMessageContentBlock>>) -> Self {
        Self { role, content: content.into(), meta: None }
    }

    /// Creates a message from the user.
    pub fn user(content: impl Into<OneOrMany<SamplingMessageContentBlock>>) -> Self {
        Self::new(Role::User, content)
    }

    /// Creates a message from the model.
    pub fn assistant(content: impl Into<OneOrMany<SamplingMessageContentBlock>>) -> Self {
        Self::new(Role::Assistant, content)
    }

    with_methods! {
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }
}

/// A value, or an array of such values.
///
/// # Specification
///
/// [`SamplingMessage`](https://modelcontextprotocol.io/specification/2026-07-28/schema#samplingmessage)
#[expect(clippy::exhaustive_enums, reason = "there is one, or there are many")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum OneOrMany<T> {
    /// The value itself.
    One(T),
    /// An array.
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    /// Returns the values.
    pub fn as_slice(&self) -> &[T] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }

    /// Turns it into the values.
    pub fn into_vec(self) -> Vec<T> {
        match self {
            Self::One(value) => vec![value],
            Self::Many(values) => values,
        }
    }
}

impl<T> From<Vec<T>> for OneOrMany<T> {
    fn from(values: Vec<T>) -> Self {
        Self::Many(values)
    }
}

impl<T, const N: usize> From<[T; N]> for OneOrMany<T> {
    fn from(values: [T; N]) -> Self {
        Self::Many(values.into())
    }
}

impl<B: Into<SamplingMessageContentBlock>> From<B> for OneOrMany<SamplingMessageContentBlock> {
    fn from(block: B) -> Self {
        Self::One(block.into())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Content<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Content<T> {
            type Value = OneOrMany<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object or an array of objects")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(OneOrMany::One)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(seq)).map(OneOrMany::Many)
            }
        }

        deserializer.deserialize_any(Content(PhantomData))
    }
}

/// A piece of a message to or from a sampled model.
///
/// # On the wire
///
/// `{"type": "text", "text": "…"}`; `type` says which piece it is
///
/// # Specification
///
/// [Schema](https://modelcontextprotocol.io/specification/2026-07-28/schema#samplingmessagecontentblock)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, from = "Tagged")]
#[non_exhaustive]
pub enum SamplingMessageContentBlock {
    /// Text.
    Text(TextContent),
    /// A picture.
    Image(ImageContent),
    /// A recording (since 2025-03-26).
    Audio(AudioContent),
    /// The model wants a tool to be called (since 2025-11-25).
    ToolUse(ToolUseContent),
    /// What the tool answered (since 2025-11-25).
    ToolResult(ToolResultContent),
}

/// Only reads: each of the structs writes its own `type`.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Tagged {
    Text(TextContent),
    Image(ImageContent),
    Audio(AudioContent),
    ToolUse(ToolUseContent),
    ToolResult(ToolResultContent),
}

impl From<Tagged> for SamplingMessageContentBlock {
    fn from(block: Tagged) -> Self {
        match block {
            Tagged::Text(text) => Self::Text(text),
            Tagged::Image(image) => Self::Image(image),
            Tagged::Audio(audio) => Self::Audio(audio),
            Tagged::ToolUse(tool_use) => Self::ToolUse(tool_use),
            Tagged::ToolResult(tool_result) => Self::ToolResult(tool_result),
        }
    }
}

impl SamplingMessageContentBlock {
    /// Creates a block of text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(TextContent::new(text))
    }

    /// Returns the text, if this is a block of text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(content) => Some(&content.text),
            _ => None,
        }
    }
}

impl From<&str> for SamplingMessageContentBlock {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for SamplingMessageContentBlock {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl From<TextContent> for SamplingMessageContentBlock {
    fn from(text: TextContent) -> Self {
        Self::Text(text)
    }
}

impl From<ImageContent> for SamplingMessageContentBlock {
    fn from(image: ImageContent) -> Self {
        Self::Image(image)
    }
}

impl From<AudioContent> for SamplingMessageContentBlock {
    fn from(audio: AudioContent) -> Self {
        Self::Audio(audio)
    }
}

impl From<ToolUseContent> for SamplingMessageContentBlock {
    fn from(tool_use: ToolUseContent) -> Self {
        Self::ToolUse(tool_use)
    }
}

impl From<ToolResultContent> for SamplingMessageContentBlock {
    fn from(tool_result: ToolResultContent) -> Self {
        Self::ToolResult(tool_result)
    }
}

/// A sampled model wants a tool to be called (since 2025-11-25).
///
/// # On the wire
///
/// `{"type": "tool_use", "id": "c1", "name": "lookup", "input": {"q": "milk"}}`
///
/// # Specification
///
/// [`ToolUseContent`](https://modelcontextprotocol.io/specification/2026-07-28/schema#toolusecontent)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "tool_use", rename_all = "camelCase")]
#[non_exhaustive]
pub struct ToolUseContent {
    /// What the result will refer to it by.
    pub id: String,
    /// The tool to call.
    pub name: String,
    /// Its arguments.
    pub input: JsonObject,
    /// What the block says beside its members.
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl ToolUseContent {
    /// Creates a block from its id, the tool's name and the arguments.
    pub fn new(id: impl Into<String>, name: impl Into<String>, input: impl Into<JsonObject>) -> Self {
        Self { id: id.into(), name: name.into(), input: input.into(), meta: None }
    }

    with_methods! {
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }
}

/// What a tool answered a sampled model (since 2025-11-25).
///
/// # On the wire
///
/// `{"type": "tool_result", "toolUseId": "c1", "content": [{"type": "text", "text": "3"}]}`
///
/// # Specification
///
/// [`ToolResultContent`](https://modelcontextprotocol.io/specification/2026-07-28/schema#toolresultcontent)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "tool_result", rename_all = "camelCase")]
#[non_exhaustive]
pub struct ToolResultContent {
    /// The block that wanted the tool to be called.
    pub tool_use_id: String,
    /// What the tool answered.
    pub content: Vec<ContentBlock>,
    /// The answer as JSON; `null` is a value, not an absence.
    #[serde(default, deserialize_with = "wire::present", skip_serializing_if = "Option::is_none")]
    pub structured_content: Option<Value>,
    /// The tool failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_error: Option<bool>,
    /// What the block says beside its members.
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl ToolResultContent {
    /// Creates a block from the id of the block it answers and from content.
    pub fn new(tool_use_id: impl Into<String>, content: impl Into<Vec<ContentBlock>>) -> Self {
        Self {
            tool_use_id: tool_use_id.into(),
            content: content.into(),
            structured_content: None,
            is_error: None,
            meta: None,
        }
    }

    with_methods! {
        /// Sets the answer as JSON.
        with_structured_content(structured_content: Value);
        /// Says whether the tool failed.
        with_is_error(is_error: bool);
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, blocks: usize) {
        let message: SamplingMessage = serde_json::from_str(json).unwrap();
        assert_eq!(message.content.as_slice().len(), blocks);
        assert_eq!(serde_json::to_string(&message).unwrap(), json);
    }

    #[test]
    fn one_block_and_an_array_of_one_stay_apart() {
        check(r#"{"role":"user","content":{"type":"text","text":"a"}}"#, 1);
        check(r#"{"role":"user","content":[{"type":"text","text":"a"}]}"#, 1);
        check(r#"{"role":"user","content":[]}"#, 0);
    }

    #[test]
    fn a_null_that_a_tool_answered_is_kept() {
        let result = r#"{"type":"tool_result","toolUseId":"c","content":[],"structuredContent":null}"#;
        check(&format!(r#"{{"role":"user","content":[{result}]}}"#), 1);
    }

    #[test]
    fn refuses_content_that_is_neither() {
        let error = serde_json::from_str::<SamplingMessage>(r#"{"role":"user","content":"hi"}"#).unwrap_err();
        assert!(error.to_string().contains("expected an object or an array of objects"), "{error}");
        let error = serde_json::from_str::<SamplingMessage>(r#"{"role":"user","content":{"type":"x"}}"#).unwrap_err();
        assert!(error.to_string().contains("unknown variant `x`"), "{error}");
    }
}
