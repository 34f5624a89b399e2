//! Completing an argument while the user types it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Meta;

/// The params of `completion/complete`.
///
/// # On the wire
///
/// `{"ref": {"type": "ref/prompt", "name": "summarize"}, "argument": {"name": "tag", "value": "wo"}}`
///
/// # Specification
///
/// [Completion](https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/completion)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CompleteRequestParams {
    /// What the argument belongs to.
    #[serde(rename = "ref")]
    pub reference: CompletionReference,
    /// The argument, as far as it is typed.
    pub argument: CompletionArgument,
    /// What is already known (since 2025-06-18).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<CompletionContext>,
    /// What the request says beside its params.
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl CompleteRequestParams {
    /// Creates params from what the argument belongs to and the argument.
    pub fn new(reference: impl Into<CompletionReference>, argument: CompletionArgument) -> Self {
        Self { reference: reference.into(), argument, context: None, meta: None }
    }

    with_methods! {
        /// Says what is already known.
        with_context(context: CompletionContext);
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }
}

/// What an argument that is to be completed belongs to.
///
/// # On the wire
///
/// `{"type": "ref/prompt", "name": "summarize"}` or `{"type": "ref/resource", "uri": "note://{id}"}`
///
/// # Specification
///
/// [Completion](https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/completion)
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged, from = "Tagged")]
#[non_exhaustive]
pub enum CompletionReference {
    /// A prompt.
    Prompt(PromptReference),
    /// A resource template, or a resource.
    ResourceTemplate(ResourceTemplateReference),
}

/// Only reads: each of the structs writes its own `type`.
#[derive(Deserialize)]
#[serde(tag = "type")]
enum Tagged {
    #[serde(rename = "ref/prompt")]
    Prompt(PromptReference),
    #[serde(rename = "ref/resource")]
    ResourceTemplate(ResourceTemplateReference),
}

impl From<Tagged> for CompletionReference {
    fn from(reference: Tagged) -> Self {
        match reference {
            Tagged::Prompt(prompt) => Self::Prompt(prompt),
            Tagged::ResourceTemplate(template) => Self::ResourceTemplate(template),
        }
    }
}

impl CompletionReference {
    /// Refers to the prompt with this name.
    pub fn prompt(name: impl Into<String>) -> Self {
        Self::Prompt(PromptReference::new(name))
    }

    /// Refers to the resource template with this pattern.
    pub fn resource_template(uri: impl Into<String>) -> Self {
        Self::ResourceTemplate(ResourceTemplateReference::new(uri))
    }
}

impl From<PromptReference> for CompletionReference {
    fn from(prompt: PromptReference) -> Self {
        Self::Prompt(prompt)
    }
}

impl From<ResourceTemplateReference> for CompletionReference {
    fn from(template: ResourceTemplateReference) -> Self {
        Self::ResourceTemplate(template)
    }
}

/// Refers to a prompt by its name.
///
/// # On the wire
///
/// `{"type": "ref/prompt", "name": "summarize"}`
///
/// # Specification
///
/// [Completion](https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/completion)
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename = "ref/prompt")]
#[non_exhaustive]
pub struct PromptReference {
    /// The prompt's name.
    pub name: String,
    /// The name people know it by (since 2025-06-18).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

impl PromptReference {
    /// Refers to the prompt with this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), title: None }
    }

    with_methods! {
        /// Sets the name people know it by.
        with_title(title: String);
    }
}

/// Refers to a resource template by its pattern.
///
/// # On the wire
///
/// `{"type": "ref/resource", "uri": "note://{id}"}`
///
/// # Specification
///
/// [Completion](https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/completion)
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename = "ref/resource")]
#[non_exhaustive]
pub struct ResourceTemplateReference {
    /// The template's pattern, or a resource's URI.
    pub uri: String,
}

impl ResourceTemplateReference {
    /// Refers to the resource template with this pattern.
    pub fn new(uri: impl Into<String>) -> Self {
        Self { uri: uri.into() }
    }
}

/// The argument that is to be completed.
///
/// # On the wire
///
/// `{"name": "tag", "value": "wo"}`
///
/// # Specification
///
/// [Completion](https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/completion)
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CompletionArgument {
    /// Its name.
    pub name: String,
    /// What is typed of it so far.
    pub value: String,
}

impl CompletionArgument {
    /// Creates an argument from its name and what is typed of it.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into() }
    }
}

/// What is already known while an argument is completed (since 2025-06-18).
///
/// # On the wire
///
/// `{"arguments": {"lang": "en"}}`
///
/// # Specification
///
/// [Completion](https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/completion)
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CompletionContext {
    /// The arguments that already have their value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments: Option<BTreeMap<String, String>>,
}

impl CompletionContext {
    /// Creates a context without known arguments.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    with_methods! {
        /// Sets the arguments that already have their value.
        with_arguments(arguments: BTreeMap<String, String>);
    }
}

/// The result of `completion/complete`.
///
/// # On the wire
///
/// `{"completion": {"values": ["work", "world"], "total": 2, "hasMore": false}}`
///
/// # Specification
///
/// [Completion](https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/completion)
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CompleteResult {
    /// The suggestions.
    pub completion: Completion,
    /// What the result says beside its members.
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl CompleteResult {
    /// Creates a result from suggestions.
    #[must_use]
    pub fn new(completion: Completion) -> Self {
        Self { completion, meta: None }
    }

    with_methods! {
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }
}

/// Suggestions for the value of an argument, the best first.
///
/// # On the wire
///
/// `{"values": ["work", "world"], "total": 2, "hasMore": false}`
///
/// # Specification
///
/// [Completion](https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/completion)
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Completion {
    /// The suggestions, [`Completion::MAX_VALUES`] at most.
    pub values: Vec<String>,
    /// How many there are in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// There are more than these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub has_more: Option<bool>,
}

impl Completion {
    /// How many suggestions one result may hold.
    pub const MAX_VALUES: usize = 100;

    /// Creates suggestions; of too many it keeps the first and says how many there were.
    pub fn new<V: Into<String>>(values: impl IntoIterator<Item = V>) -> Self {
        let mut values: Vec<String> = values.into_iter().map(Into::into).collect();
        let total = values.len();
        if total <= Self::MAX_VALUES {
            return Self { values, total: None, has_more: None };
        }
        values.truncate(Self::MAX_VALUES);
        Self { values, total: Some(total as u64), has_more: Some(true) }
    }

    with_methods! {
        /// Says how many there are in all.
        with_total(total: u64);
        /// Says whether there are more than these.
        with_has_more(has_more: bool);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_first_hundred_suggestions() {
        let completion = Completion::new((0..250).map(|i| i.to_string()));
        assert_eq!(completion.values.len(), 100);
        assert_eq!((completion.total, completion.has_more), (Some(250), Some(true)));
        assert_eq!(Completion::new(["a"]).has_more, None);
    }

    #[test]
    fn refuses_an_unknown_kind_of_reference() {
        let error = serde_json::from_str::<CompletionReference>(r#"{"type":"ref/tool","name":"x"}"#).unwrap_err();
        assert!(error.to_string().contains("unknown variant `ref/tool`"), "{error}");
    }
}
