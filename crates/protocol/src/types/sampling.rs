//! Asking the client's model.

mod message;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::message::{OneOrMany, SamplingMessage, SamplingMessageContentBlock, ToolResultContent, ToolUseContent};
use super::{JsonObject, Meta, Role, Tool, wire};

/// The params of `sampling/createMessage`.
///
/// # On the wire
///
/// `{"messages": [{"role": "user", "content": {…}}], "maxTokens": 200}`
///
/// # Specification
///
/// [Sampling](https://modelcontextprotocol.io/specification/2026-07-28/client/sampling)
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CreateMessageRequestParams {
    /// What has been said so far.
    pub messages: Vec<SamplingMessage>,
    /// Which model would suit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_preferences: Option<ModelPreferences>,
    /// What the model is told first; the client may change it or leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_prompt: Option<String>,
    /// What of other conversations the model should see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include_context: Option<IncludeContext>,
    /// How freely the model may choose its words.
    #[serde(default, with = "wire::number::optional", skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// How many tokens the model may write at most.
    pub max_tokens: i64,
    /// Texts after which the model stops.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_sequences: Option<Vec<String>>,
    /// What the provider of the model should know; its form is the provider's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<JsonObject>,
    /// Tools the model may use (since 2025-11-25).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<Vec<Tool>>,
    /// Whether the model may or must use them (since 2025-11-25).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_choice: Option<ToolChoice>,
    /// Asks for the request to be run as a task (2025-11-25 only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<Value>,
    /// What the request says beside its params.
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl CreateMessageRequestParams {
    /// Creates params from the messages and the greatest number of tokens.
    pub fn new(messages: impl Into<Vec<SamplingMessage>>, max_tokens: i64) -> Self {
        Self { messages: messages.into(), max_tokens, ..Self::default() }
    }

    with_methods! {
        /// Says which model would suit.
        with_model_preferences(model_preferences: ModelPreferences);
        /// Sets what the model is told first.
        with_system_prompt(system_prompt: String);
        /// Says what of other conversations the model should see.
        with_include_context(include_context: IncludeContext);
        /// Says how freely the model may choose its words.
        with_temperature(temperature: f64);
        /// Sets the texts after which the model stops.
        with_stop_sequences(stop_sequences: Vec<String>);
        /// Sets what the provider of the model should know.
        with_metadata(metadata: JsonObject);
        /// Offers tools to the model.
        with_tools(tools: Vec<Tool>);
        /// Says whether the model may or must use the tools.
        with_tool_choice(tool_choice: ToolChoice);
        /// Asks for the request to be run as a task (2025-11-25 only).
        with_task(task: Value);
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }
}

/// What a server would like of the model; the client decides.
///
/// # On the wire
///
/// `{"hints": [{"name": "small"}], "speedPriority": 0.9, "costPriority": 0.5}`; priorities are from 0 to 1
///
/// # Specification
///
/// [Model preferences](https://modelcontextprotocol.io/specification/2026-07-28/client/sampling#model-preferences)
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ModelPreferences {
    /// Models that would suit, the best first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hints: Option<Vec<ModelHint>>,
    /// How much a low price matters.
    #[serde(default, with = "wire::number::optional", skip_serializing_if = "Option::is_none")]
    pub cost_priority: Option<f64>,
    /// How much a quick answer matters.
    #[serde(default, with = "wire::number::optional", skip_serializing_if = "Option::is_none")]
    pub speed_priority: Option<f64>,
    /// How much a clever answer matters.
    #[serde(default, with = "wire::number::optional", skip_serializing_if = "Option::is_none")]
    pub intelligence_priority: Option<f64>,
}

impl ModelPreferences {
    /// Creates preferences without any.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    with_methods! {
        /// Names models that would suit.
        with_hints(hints: Vec<ModelHint>);
        /// Says how much a low price matters, from 0 to 1.
        with_cost_priority(cost_priority: f64);
        /// Says how much a quick answer matters, from 0 to 1.
        with_speed_priority(speed_priority: f64);
        /// Says how much a clever answer matters, from 0 to 1.
        with_intelligence_priority(intelligence_priority: f64);
    }
}

/// A part of the name of a model that would suit.
///
/// # On the wire
///
/// `{"name": "small"}`
///
/// # Specification
///
/// [Model preferences](https://modelcontextprotocol.io/specification/2026-07-28/client/sampling#model-preferences)
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ModelHint {
    /// The name, or a part of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl ModelHint {
    /// Creates a hint from a name or a part of it.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: Some(name.into()) }
    }
}

impl From<&str> for ModelHint {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

/// What of other conversations a sampled model should see.
///
/// # On the wire
///
/// `"thisServer"`
///
/// # Specification
///
/// [Schema](https://modelcontextprotocol.io/specification/2026-07-28/schema#createmessagerequestparams)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum IncludeContext {
    /// Nothing.
    None,
    /// What this server contributed.
    ThisServer,
    /// What any server contributed.
    AllServers,
}

/// Whether a sampled model may or must use the tools it is offered (since 2025-11-25).
///
/// # On the wire
///
/// `{"mode": "auto"}`
///
/// # Specification
///
/// [`ToolChoice`](https://modelcontextprotocol.io/specification/2026-07-28/schema#toolchoice)
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ToolChoice {
    /// May or must; the model decides, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<ToolChoiceMode>,
}

impl ToolChoice {
    /// Creates a choice.
    #[must_use]
    pub fn new(mode: ToolChoiceMode) -> Self {
        Self { mode: Some(mode) }
    }
}

/// The `mode` of a [`ToolChoice`].
///
/// # Specification
///
/// [`ToolChoice`](https://modelcontextprotocol.io/specification/2026-07-28/schema#toolchoice)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ToolChoiceMode {
    /// The model decides.
    Auto,
    /// The model must use a tool.
    Required,
    /// The model must not use a tool.
    None,
}

/// The answer to `sampling/createMessage`.
///
/// # On the wire
///
/// `{"role": "assistant", "content": {…}, "model": "local-small", "stopReason": "endTurn"}`
///
/// # Specification
///
/// [Sampling](https://modelcontextprotocol.io/specification/2026-07-28/client/sampling)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CreateMessageResult {
    /// Who says it.
    pub role: Role,
    /// What is said.
    pub content: OneOrMany<SamplingMessageContentBlock>,
    /// The model that said it.
    pub model: String,
    /// Why it stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_reason: Option<StopReason>,
    /// What the answer says beside its members.
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl CreateMessageResult {
    /// Creates an answer from what the model said and the model's name.
    pub fn new(content: impl Into<OneOrMany<SamplingMessageContentBlock>>, model: impl Into<String>) -> Self {
        Self { role: Role::Assistant, content: content.into(), model: model.into(), stop_reason: None, meta: None }
    }

    /// Returns the first block of text, if there is one.
    ///
    /// # Examples
    ///
    /// ```
    /// use turbomcp_protocol::types::CreateMessageResult;
    ///
    /// assert_eq!(CreateMessageResult::new("It rains.", "some-model").as_text(), Some("It rains."));
    /// ```
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        self.content.as_slice().iter().find_map(SamplingMessageContentBlock::as_text)
    }

    with_methods! {
        /// Says why the model stopped.
        with_stop_reason(stop_reason: StopReason);
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }
}

open_string! {
    /// Why a sampled model stopped.
    ///
    /// # Specification
    ///
    /// [`CreateMessageResult`](https://modelcontextprotocol.io/specification/2026-07-28/schema#createmessageresult)
    StopReason {
        /// It had said everything.
        END_TURN = "endTurn";
        /// It came to one of the stop sequences.
        STOP_SEQUENCE = "stopSequence";
        /// It had written as many tokens as it may.
        MAX_TOKENS = "maxTokens";
        /// It wants a tool to be called.
        TOOL_USE = "toolUse";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_stop_reason_survives() {
        let result: CreateMessageResult =
            serde_json::from_str(r#"{"role":"assistant","content":[],"model":"m","stopReason":"refusal"}"#).unwrap();
        assert_eq!(result.stop_reason, Some(StopReason::from("refusal")));
    }
}
