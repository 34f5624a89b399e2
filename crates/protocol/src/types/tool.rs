//! Tools: what they are called, what they take and what they answer.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{CacheScope, ContentBlock, Cursor, Icon, InputResponses, JsonObject, Meta, wire};

/// What a server says about one of its tools.
///
/// # On the wire
///
/// `{"name": "add", "description": "Adds.", "inputSchema": {"type": "object", "properties": {…}}}`
///
/// # Specification
///
/// [Tools](https://modelcontextprotocol.io/specification/2026-07-28/server/tools#tool)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Tool {
    /// The name it is called by.
    pub name: String,
    /// The name people know it by (since 2025-06-18).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it does, for the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The JSON Schema of its arguments; its root is of type `object`.
    pub input_schema: JsonObject,
    /// The JSON Schema of its structured content (since 2025-06-18; other than of type `object` since 2026-07-28).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_schema: Option<JsonObject>,
    /// Hints about what calling it does (since 2025-03-26).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<ToolAnnotations>,
    /// Pictures for user interfaces (since 2025-11-25).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icons: Option<Vec<Icon>>,
    /// How it may be run (2025-11-25 only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<ToolExecution>,
    /// What the tool says beside its members (since 2025-06-18).
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl Tool {
    /// Creates a tool that accepts any object as its arguments.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            title: None,
            description: None,
            input_schema: ToolInputSchema::empty().into(),
            output_schema: None,
            annotations: None,
            icons: None,
            execution: None,
            meta: None,
        }
    }

    /// Sets the JSON Schema of the arguments.
    #[must_use]
    pub fn with_input_schema(mut self, input_schema: impl Into<JsonObject>) -> Self {
        self.input_schema = input_schema.into();
        self
    }

    with_methods! {
        /// Sets the name people know it by.
        with_title(title: String);
        /// Says what it does, for the model.
        with_description(description: String);
        /// Sets the JSON Schema of the structured content.
        with_output_schema(output_schema: JsonObject);
        /// Hints at what calling it does.
        with_annotations(annotations: ToolAnnotations);
        /// Sets the pictures for user interfaces.
        with_icons(icons: Vec<Icon>);
        /// Says how it may be run (2025-11-25 only).
        with_execution(execution: ToolExecution);
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }
}

/// The JSON Schema of a tool's arguments, built property by property.
///
/// # Examples
///
/// ```
/// use serde_json::json;
/// use turbomcp_protocol::types::ToolInputSchema;
///
/// let schema = ToolInputSchema::empty().add_property("city", json!({"type": "string"})).require_property("city");
/// assert_eq!(
///     serde_json::to_value(&schema)?,
///     json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]})
/// );
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// # Specification
///
/// [Tools](https://modelcontextprotocol.io/specification/2026-07-28/server/tools#tool)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ToolInputSchema(JsonObject);

impl ToolInputSchema {
    /// Creates the schema of an object without known properties.
    #[must_use]
    pub fn empty() -> Self {
        Self(JsonObject::from_iter([("type".to_owned(), json!("object")), ("properties".to_owned(), json!({}))]))
    }

    /// Adds a property with its own schema, or replaces it.
    #[must_use]
    pub fn add_property(mut self, name: impl Into<String>, schema: impl Into<Value>) -> Self {
        let properties = self.0.entry("properties").or_insert_with(|| json!({}));
        if !properties.is_object() {
            *properties = json!({});
        }
        if let Value::Object(properties) = properties {
            properties.insert(name.into(), schema.into());
        }
        self
    }

    /// Says that a property must be there.
    #[must_use]
    pub fn require_property(mut self, name: impl Into<String>) -> Self {
        let name = Value::from(name.into());
        let required = self.0.entry("required").or_insert_with(|| json!([]));
        if !required.is_array() {
            *required = json!([]);
        }
        if let Value::Array(required) = required
            && !required.contains(&name)
        {
            required.push(name);
        }
        self
    }

    /// Says that no other properties may be there.
    #[must_use]
    pub fn deny_additional_properties(mut self) -> Self {
        self.0.insert("additionalProperties".to_owned(), json!(false));
        self
    }
}

impl Default for ToolInputSchema {
    fn default() -> Self {
        Self::empty()
    }
}

impl From<JsonObject> for ToolInputSchema {
    fn from(schema: JsonObject) -> Self {
        Self(schema)
    }
}

impl From<ToolInputSchema> for JsonObject {
    fn from(schema: ToolInputSchema) -> Self {
        schema.0
    }
}

/// Hints about what calling a tool does (since 2025-03-26). They are the server's word, not a guarantee.
///
/// # On the wire
///
/// `{"readOnlyHint": false, "destructiveHint": false, "idempotentHint": true}`
///
/// # Specification
///
/// [`ToolAnnotations`](https://modelcontextprotocol.io/specification/2026-07-28/schema#toolannotations)
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ToolAnnotations {
    /// The name people know the tool by; [`Tool::title`] goes before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The tool changes nothing; false, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_only_hint: Option<bool>,
    /// The tool may destroy something rather than only add; true, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destructive_hint: Option<bool>,
    /// A second call with the same arguments changes nothing more; false, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotent_hint: Option<bool>,
    /// The tool deals with an open world, such as the web; true, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_world_hint: Option<bool>,
}

impl ToolAnnotations {
    /// Creates annotations without any hint.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    with_methods! {
        /// Sets the name people know the tool by.
        with_title(title: String);
        /// Says whether it changes nothing.
        with_read_only_hint(read_only_hint: bool);
        /// Says whether it may destroy something.
        with_destructive_hint(destructive_hint: bool);
        /// Says whether a second call changes nothing more.
        with_idempotent_hint(idempotent_hint: bool);
        /// Says whether it deals with an open world.
        with_open_world_hint(open_world_hint: bool);
    }
}

/// How a tool may be run (2025-11-25 only).
///
/// # On the wire
///
/// `{"taskSupport": "optional"}`
///
/// # Specification
///
/// [Tasks](https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/tasks)
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ToolExecution {
    /// Whether a call may or must be run as a task; forbidden, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_support: Option<TaskSupport>,
}

impl ToolExecution {
    /// Creates it without saying anything about tasks.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    with_methods! {
        /// Says whether a call may or must be run as a task.
        with_task_support(task_support: TaskSupport);
    }
}

/// Whether a call of a tool may be run as a task (2025-11-25 only).
///
/// # Specification
///
/// [Tasks](https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/tasks)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum TaskSupport {
    /// It must not.
    Forbidden,
    /// It may.
    Optional,
    /// It must.
    Required,
}

/// The params of `tools/call`.
///
/// # On the wire
///
/// `{"name": "add", "arguments": {"a": 1, "b": 2}}`
///
/// # Specification
///
/// [Calling tools](https://modelcontextprotocol.io/specification/2026-07-28/server/tools#calling-tools)
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CallToolRequestParams {
    /// The tool to call.
    pub name: String,
    /// Its arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments: Option<JsonObject>,
    /// Answers to what an earlier attempt asked for (since 2026-07-28).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_responses: Option<InputResponses>,
    /// What the earlier attempt asked to be given back (since 2026-07-28).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_state: Option<String>,
    /// Asks for the call to be run as a task (2025-11-25 only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<Value>,
    /// What the request says beside its params.
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl CallToolRequestParams {
    /// Creates params that call a tool without arguments.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    with_methods! {
        /// Sets the arguments.
        with_arguments(arguments: JsonObject);
        /// Answers what an earlier attempt asked for.
        with_input_responses(input_responses: InputResponses);
        /// Gives back what the earlier attempt asked to be given back.
        with_request_state(request_state: String);
        /// Asks for the call to be run as a task (2025-11-25 only).
        with_task(task: Value);
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }
}

/// The result of `tools/call`.
///
/// A tool that failed has a result too, with `is_error`, so that the model can read why.
///
/// # On the wire
///
/// `{"content": [{"type": "text", "text": "{\"sum\":3}"}], "structuredContent": {"sum": 3}}`
///
/// # Specification
///
/// [Tool results](https://modelcontextprotocol.io/specification/2026-07-28/server/tools#tool-result)
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CallToolResult {
    /// What the tool answers, for the model.
    pub content: Vec<ContentBlock>,
    /// The answer as JSON that fits the tool's output schema (since 2025-06-18). `null` is a value, not an absence.
    #[serde(default, deserialize_with = "wire::present", skip_serializing_if = "Option::is_none")]
    pub structured_content: Option<Box<RawValue>>,
    /// The tool failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_error: Option<bool>,
    /// What the result says beside its members.
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl CallToolResult {
    /// Creates a result from blocks of content.
    pub fn new(content: impl Into<Vec<ContentBlock>>) -> Self {
        Self { content: content.into(), ..Self::default() }
    }

    /// Creates a result of one block of text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new([ContentBlock::text(text)])
    }

    /// Creates the result of a tool that failed, with a text the model can act on.
    pub fn error(text: impl Into<String>) -> Self {
        Self { is_error: Some(true), ..Self::text(text) }
    }

    /// Creates a result of structured content, and of a block of text that holds the same JSON.
    ///
    /// # Errors
    ///
    /// Returns an error if the value cannot be written as JSON.
    pub fn structured<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        let json = serde_json::value::to_raw_value(value)?;
        Ok(Self { structured_content: Some(json.clone()), ..Self::text(json.get()) })
    }

    /// Returns true if the tool failed.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.is_error == Some(true)
    }

    /// Returns the first block of text, if there is one.
    ///
    /// # Examples
    ///
    /// ```
    /// use turbomcp_protocol::types::CallToolResult;
    ///
    /// assert_eq!(CallToolResult::text("42").as_text(), Some("42"));
    /// assert_eq!(CallToolResult::default().as_text(), None);
    /// ```
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        self.content.iter().find_map(ContentBlock::as_text)
    }

    with_methods! {
        /// Sets the structured content.
        with_structured_content(structured_content: Box<RawValue>);
        /// Says whether the tool failed.
        with_is_error(is_error: bool);
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }
}

impl PartialEq for CallToolResult {
    /// Compares structured content by its text.
    fn eq(&self, other: &Self) -> bool {
        self.content == other.content
            && self.structured_content.as_deref().map(RawValue::get)
                == other.structured_content.as_deref().map(RawValue::get)
            && self.is_error == other.is_error
            && self.meta == other.meta
    }
}

/// The result of `tools/list`.
///
/// # On the wire
///
/// `{"tools": [{…}], "nextCursor": "c2"}`
///
/// # Specification
///
/// [Listing tools](https://modelcontextprotocol.io/specification/2026-07-28/server/tools#listing-tools)
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ListToolsResult {
    /// The tools of this page.
    pub tools: Vec<Tool>,
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

impl ListToolsResult {
    /// Creates the last page of a list.
    pub fn new(tools: impl Into<Vec<Tool>>) -> Self {
        Self { tools: tools.into(), ..Self::default() }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, structured: Option<&str>) {
        let result: CallToolResult = serde_json::from_str(json).unwrap();
        assert_eq!(result.structured_content.as_deref().map(RawValue::get), structured);
        assert_eq!(serde_json::to_string(&result).unwrap(), json);
    }

    #[test]
    fn absent_structured_content_is_not_null() {
        check(r#"{"content":[]}"#, None);
        check(r#"{"content":[],"structuredContent":null}"#, Some("null"));
        check(r#"{"content":[],"structuredContent":{"a":1.50}}"#, Some(r#"{"a":1.50}"#));
    }

    #[test]
    fn structured_content_comes_with_the_same_json_as_text() {
        let result = CallToolResult::structured(&json!({"sum": 3})).unwrap();
        assert_eq!(result.content, [ContentBlock::text(r#"{"sum":3}"#)]);
        assert_eq!(result.structured_content.unwrap().get(), r#"{"sum":3}"#);
    }

    #[test]
    fn a_property_is_required_once() {
        let schema = ToolInputSchema::empty().require_property("a").require_property("a");
        assert_eq!(serde_json::to_value(schema).unwrap()["required"], json!(["a"]));
    }
}
