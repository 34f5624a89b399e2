//! What a peer says it can do.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::JsonObject;

/// What a client can do for a server: on the whole session in the legacy eras, on one request in the modern era.
///
/// # On the wire
///
/// `{"elicitation": {"form": {}, "url": {}}, "sampling": {"tools": {}}, "roots": {}}`
///
/// # Specification
///
/// [`ClientCapabilities`](https://modelcontextprotocol.io/specification/2026-07-28/schema#clientcapabilities)
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ClientCapabilities {
    /// Abilities outside the protocol, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experimental: Option<JsonObject>,
    /// The client can list its roots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roots: Option<RootsCapability>,
    /// The client can sample from a model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampling: Option<SamplingCapability>,
    /// The client can ask its user (since 2025-06-18).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elicitation: Option<ElicitationCapability>,
    /// The client can run requests as tasks (2025-11-25 only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tasks: Option<Value>,
    /// Extensions the client implements, by identifier, each with its settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extensions: Option<JsonObject>,
}

impl ClientCapabilities {
    /// Creates capabilities without any.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    with_methods! {
        /// Declares abilities outside the protocol.
        with_experimental(experimental: JsonObject);
        /// Declares that roots can be listed.
        with_roots(roots: RootsCapability);
        /// Declares that a model can be sampled from.
        with_sampling(sampling: SamplingCapability);
        /// Declares that the user can be asked.
        with_elicitation(elicitation: ElicitationCapability);
        /// Declares what can be run as a task (2025-11-25 only).
        with_tasks(tasks: Value);
        /// Declares the extensions that are implemented.
        with_extensions(extensions: JsonObject);
    }

    /// Declares one extension with its settings, which are often empty.
    #[must_use]
    pub fn with_extension(mut self, identifier: impl Into<String>, settings: JsonObject) -> Self {
        self.extensions.get_or_insert_default().insert(identifier.into(), settings.into());
        self
    }

    /// Returns true if the user can be asked by a form.
    #[must_use]
    pub fn has_form_elicitation(&self) -> bool {
        self.elicitation.as_ref().is_some_and(ElicitationCapability::has_form)
    }

    /// Returns true if the user can be sent to a URL.
    #[must_use]
    pub fn has_url_elicitation(&self) -> bool {
        self.elicitation.as_ref().is_some_and(|elicitation| elicitation.url.is_some())
    }

    /// Returns true if tools can be offered to a sampled model.
    #[must_use]
    pub fn has_sampling_tools(&self) -> bool {
        self.sampling.as_ref().is_some_and(|sampling| sampling.tools.is_some())
    }

    /// Returns the settings of an extension, if it was declared.
    #[must_use]
    pub fn extension(&self, identifier: &str) -> Option<&Value> {
        self.extensions.as_ref()?.get(identifier)
    }
}

/// What a server can do.
///
/// # On the wire
///
/// `{"tools": {"listChanged": true}, "resources": {"subscribe": true}, "prompts": {}, "completions": {}}`
///
/// # Specification
///
/// [`ServerCapabilities`](https://modelcontextprotocol.io/specification/2026-07-28/schema#servercapabilities)
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ServerCapabilities {
    /// Abilities outside the protocol, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experimental: Option<JsonObject>,
    /// The server sends log messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logging: Option<LoggingCapability>,
    /// The server completes arguments (since 2025-03-26).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completions: Option<CompletionsCapability>,
    /// The server has prompts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompts: Option<PromptsCapability>,
    /// The server has resources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourcesCapability>,
    /// The server has tools.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<ToolsCapability>,
    /// The server can run requests as tasks (2025-11-25 only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tasks: Option<Value>,
    /// Extensions the server implements, by identifier, each with its settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extensions: Option<JsonObject>,
}

impl ServerCapabilities {
    /// Creates capabilities without any.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    with_methods! {
        /// Declares abilities outside the protocol.
        with_experimental(experimental: JsonObject);
        /// Declares that log messages are sent.
        with_logging(logging: LoggingCapability);
        /// Declares that arguments are completed.
        with_completions(completions: CompletionsCapability);
        /// Declares prompts.
        with_prompts(prompts: PromptsCapability);
        /// Declares resources.
        with_resources(resources: ResourcesCapability);
        /// Declares tools.
        with_tools(tools: ToolsCapability);
        /// Declares what can be run as a task (2025-11-25 only).
        with_tasks(tasks: Value);
        /// Declares the extensions that are implemented.
        with_extensions(extensions: JsonObject);
    }

    /// Declares one extension with its settings, which are often empty.
    #[must_use]
    pub fn with_extension(mut self, identifier: impl Into<String>, settings: JsonObject) -> Self {
        self.extensions.get_or_insert_default().insert(identifier.into(), settings.into());
        self
    }

    /// Returns the settings of an extension, if it was declared.
    #[must_use]
    pub fn extension(&self, identifier: &str) -> Option<&Value> {
        self.extensions.as_ref()?.get(identifier)
    }
}

/// The `roots` member of [`ClientCapabilities`].
///
/// # Specification
///
/// [Roots](https://modelcontextprotocol.io/specification/2026-07-28/client/roots)
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct RootsCapability {
    /// The client says when its roots change (before 2026-07-28).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list_changed: Option<bool>,
}

impl RootsCapability {
    /// Creates it without notifications of changes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    with_methods! {
        /// Says whether the client tells of changes.
        with_list_changed(list_changed: bool);
    }
}

/// The `sampling` member of [`ClientCapabilities`].
///
/// # Specification
///
/// [Sampling](https://modelcontextprotocol.io/specification/2026-07-28/client/sampling)
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SamplingCapability {
    /// The client honours `includeContext` (since 2025-11-25).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<JsonObject>,
    /// The client can offer tools to the model (since 2025-11-25).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<JsonObject>,
}

impl SamplingCapability {
    /// Creates it without context and without tools.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    with_methods! {
        /// Says that `includeContext` is honoured.
        with_context(context: JsonObject);
        /// Says that tools can be offered to the model.
        with_tools(tools: JsonObject);
    }
}

/// The `elicitation` member of [`ClientCapabilities`]; empty, it means forms only.
///
/// # Specification
///
/// [Elicitation](https://modelcontextprotocol.io/specification/2026-07-28/client/elicitation)
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ElicitationCapability {
    /// The client can show a form (since 2025-11-25).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<JsonObject>,
    /// The client can send the user to a URL (since 2025-11-25).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<JsonObject>,
}

impl ElicitationCapability {
    /// Creates an empty one, which means forms only.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    with_methods! {
        /// Says that forms can be shown.
        with_form(form: JsonObject);
        /// Says that the user can be sent to a URL.
        with_url(url: JsonObject);
    }

    /// Returns true if forms can be shown.
    #[must_use]
    pub fn has_form(&self) -> bool {
        self.form.is_some() || self.url.is_none()
    }
}

/// The `logging` member of [`ServerCapabilities`].
///
/// # Specification
///
/// [Logging](https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/logging)
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LoggingCapability {}

impl LoggingCapability {
    /// Creates it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

/// The `completions` member of [`ServerCapabilities`].
///
/// # Specification
///
/// [Completion](https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/completion)
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CompletionsCapability {}

impl CompletionsCapability {
    /// Creates it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

/// The `prompts` member of [`ServerCapabilities`].
///
/// # Specification
///
/// [Prompts](https://modelcontextprotocol.io/specification/2026-07-28/server/prompts)
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PromptsCapability {
    /// The server says when the list of prompts changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list_changed: Option<bool>,
}

impl PromptsCapability {
    /// Creates it without notifications of changes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    with_methods! {
        /// Says whether the server tells of changes.
        with_list_changed(list_changed: bool);
    }
}

/// The `resources` member of [`ServerCapabilities`].
///
/// # Specification
///
/// [Resources](https://modelcontextprotocol.io/specification/2026-07-28/server/resources)
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ResourcesCapability {
    /// The server says when the content of a single resource changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscribe: Option<bool>,
    /// The server says when the list of resources changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list_changed: Option<bool>,
}

impl ResourcesCapability {
    /// Creates it without notifications of changes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    with_methods! {
        /// Says whether the server tells of changes to a single resource.
        with_subscribe(subscribe: bool);
        /// Says whether the server tells of changes to the list.
        with_list_changed(list_changed: bool);
    }
}

/// The `tools` member of [`ServerCapabilities`].
///
/// # Specification
///
/// [Tools](https://modelcontextprotocol.io/specification/2026-07-28/server/tools)
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ToolsCapability {
    /// The server says when the list of tools changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list_changed: Option<bool>,
}

impl ToolsCapability {
    /// Creates it without notifications of changes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    with_methods! {
        /// Says whether the server tells of changes.
        with_list_changed(list_changed: bool);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, form: bool, url: bool) {
        let capabilities: ClientCapabilities = serde_json::from_str(json).unwrap();
        assert_eq!((capabilities.has_form_elicitation(), capabilities.has_url_elicitation()), (form, url));
    }

    #[test]
    fn an_empty_elicitation_capability_means_forms_only() {
        check("{}", false, false);
        check(r#"{"elicitation":{}}"#, true, false);
        check(r#"{"elicitation":{"form":{}}}"#, true, false);
        check(r#"{"elicitation":{"url":{}}}"#, false, true);
        check(r#"{"elicitation":{"form":{},"url":{}}}"#, true, true);
    }

    #[test]
    fn tolerates_members_it_does_not_know() {
        check(r#"{"telepathy":{"range":3},"roots":{"x":1}}"#, false, false);
    }
}
