//! Prompts: messages a user picks from a list.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{CacheScope, ContentBlock, Cursor, Icon, InputResponses, Meta, Role, wire};

/// What a server says about one of its prompts.
///
/// # On the wire
///
/// `{"name": "summarize", "arguments": [{"name": "tag", "required": true}]}`
///
/// # Specification
///
/// [Prompts](https://modelcontextprotocol.io/specification/2026-07-28/server/prompts#prompt)
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Prompt {
    /// The name it is asked for by.
    pub name: String,
    /// The name people know it by (since 2025-06-18).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The arguments it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments: Option<Vec<PromptArgument>>,
    /// Pictures for user interfaces (since 2025-11-25).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icons: Option<Vec<Icon>>,
    /// What the prompt says beside its members (since 2025-06-18).
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl Prompt {
    /// Creates a prompt without arguments.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    with_methods! {
        /// Sets the name people know it by.
        with_title(title: String);
        /// Says what it is for.
        with_description(description: String);
        /// Sets the arguments it takes.
        with_arguments(arguments: Vec<PromptArgument>);
        /// Sets the pictures for user interfaces.
        with_icons(icons: Vec<Icon>);
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }

    /// Adds an argument.
    #[must_use]
    pub fn add_argument(mut self, argument: PromptArgument) -> Self {
        self.arguments.get_or_insert_default().push(argument);
        self
    }
}

/// An argument of a [`Prompt`]; its value is always a string.
///
/// # On the wire
///
/// `{"name": "tag", "description": "tag to use", "required": true}`
///
/// # Specification
///
/// [Prompts](https://modelcontextprotocol.io/specification/2026-07-28/server/prompts#prompt)
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PromptArgument {
    /// The name it is given by.
    pub name: String,
    /// The name people know it by (since 2025-06-18).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// It must be given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required: Option<bool>,
}

impl PromptArgument {
    /// Creates an argument that may be left out.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    with_methods! {
        /// Sets the name people know it by.
        with_title(title: String);
        /// Says what it is for.
        with_description(description: String);
    }

    /// Says that it must be given.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = Some(true);
        self
    }
}

/// A message of a prompt.
///
/// # On the wire
///
/// `{"role": "user", "content": {"type": "text", "text": "Summarize my notes."}}`
///
/// # Specification
///
/// [Prompt messages](https://modelcontextprotocol.io/specification/2026-07-28/server/prompts#promptmessage)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PromptMessage {
    /// Who says it.
    pub role: Role,
    /// What is said.
    pub content: ContentBlock,
}

impl PromptMessage {
    /// Creates a message.
    pub fn new(role: Role, content: impl Into<ContentBlock>) -> Self {
        Self { role, content: content.into() }
    }

    /// Creates a message from the user.
    pub fn user(content: impl Into<ContentBlock>) -> Self {
        Self::new(Role::User, content)
    }

    /// Creates a message from the model.
    pub fn assistant(content: impl Into<ContentBlock>) -> Self {
        Self::new(Role::Assistant, content)
    }
}

/// The result of `prompts/list`.
///
/// # On the wire
///
/// `{"prompts": [{…}], "nextCursor": "c2"}`
///
/// # Specification
///
/// [Listing prompts](https://modelcontextprotocol.io/specification/2026-07-28/server/prompts#listing-prompts)
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ListPromptsResult {
    /// The prompts of this page.
    pub prompts: Vec<Prompt>,
    /// Where the next page begins, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<Cursor>,
    /// How long the page may be kept; whole milliseconds on the wire (since 2026-07-28).
    #[serde(rename = "ttlMs", default, with = "wire::millis", skip_serializing_if = "Option::is_none")]
    pub ttl: Option<Duration>,
    /// Who may be given the kept page (since 2026-07-28).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_scope: Option<CacheScope>,
    /// What the result says beside its members.
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl ListPromptsResult {
    /// Creates the last page of a list.
    pub fn new(prompts: impl Into<Vec<Prompt>>) -> Self {
        Self { prompts: prompts.into(), ..Self::default() }
    }

    with_methods! {
        /// Says where the next page begins.
        with_next_cursor(next_cursor: Cursor);
        /// Sets how long the page may be kept.
        with_ttl(ttl: Duration);
        /// Sets who may be given the kept page.
        with_cache_scope(cache_scope: CacheScope);
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }
}

/// The params of `prompts/get`.
///
/// # On the wire
///
/// `{"name": "summarize", "arguments": {"tag": "work"}}`
///
/// # Specification
///
/// [Getting a prompt](https://modelcontextprotocol.io/specification/2026-07-28/server/prompts#getting-a-prompt)
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct GetPromptRequestParams {
    /// The prompt to get.
    pub name: String,
    /// Its arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments: Option<BTreeMap<String, String>>,
    /// Answers to what an earlier attempt asked for (since 2026-07-28).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_responses: Option<InputResponses>,
    /// What the earlier attempt asked to be given back (since 2026-07-28).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_state: Option<String>,
    /// What the request says beside its params.
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl GetPromptRequestParams {
    /// Creates params that get a prompt without arguments.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    with_methods! {
        /// Sets the arguments.
        with_arguments(arguments: BTreeMap<String, String>);
        /// Answers what an earlier attempt asked for.
        with_input_responses(input_responses: InputResponses);
        /// Gives back what the earlier attempt asked to be given back.
        with_request_state(request_state: String);
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }
}

/// The result of `prompts/get`.
///
/// # On the wire
///
/// `{"description": "…", "messages": [{"role": "user", "content": {…}}]}`
///
/// # Specification
///
/// [Getting a prompt](https://modelcontextprotocol.io/specification/2026-07-28/server/prompts#getting-a-prompt)
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct GetPromptResult {
    /// What the prompt is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its messages.
    pub messages: Vec<PromptMessage>,
    /// What the result says beside its members.
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl GetPromptResult {
    /// Creates a result from messages.
    pub fn new(messages: impl Into<Vec<PromptMessage>>) -> Self {
        Self { messages: messages.into(), ..Self::default() }
    }

    with_methods! {
        /// Says what the prompt is for.
        with_description(description: String);
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }
}
