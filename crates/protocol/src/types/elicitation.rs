//! Asking the client's user: by a form, or by a page the user visits.

mod choice;
mod schema;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::{JsonObject, Meta};

pub use choice::{
    EnumOption, LegacyTitledEnumSchema, TitledMultiSelectEnumSchema, TitledSingleSelectEnumSchema,
    UntitledMultiSelectEnumSchema, UntitledSingleSelectEnumSchema,
};
pub use schema::{
    BooleanSchema, ElicitationSchema, NumberSchema, NumberType, PrimitiveSchemaDefinition, StringFormat, StringSchema,
};

/// The params of `elicitation/create` (since 2025-06-18).
///
/// # On the wire
///
/// `mode` says which: `form`, also if it is absent, or `url`
///
/// # Specification
///
/// [Elicitation](https://modelcontextprotocol.io/specification/2026-07-28/client/elicitation)
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum ElicitRequestParams {
    /// The user fills in a form.
    Form(ElicitRequestFormParams),
    /// The user visits a page (since 2025-11-25).
    Url(ElicitRequestUrlParams),
}

impl<'de> Deserialize<'de> for ElicitRequestParams {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;

        #[derive(Deserialize)]
        #[serde(rename = "ElicitRequestParams", rename_all = "camelCase")]
        struct Members {
            mode: Option<String>,
            message: String,
            requested_schema: Option<ElicitationSchema>,
            url: Option<String>,
            elicitation_id: Option<String>,
            task: Option<Value>,
            #[serde(rename = "_meta")]
            meta: Option<Meta>,
        }

        let Members { mode, message, requested_schema, url, elicitation_id, task, meta } =
            Members::deserialize(deserializer)?;
        match mode.as_deref() {
            None | Some("form") => {
                let requested_schema = requested_schema.ok_or_else(|| Error::missing_field("requestedSchema"))?;
                let mode = mode.map(|_| FormMode::Form);
                Ok(Self::Form(ElicitRequestFormParams { mode, message, requested_schema, task, meta }))
            }
            Some("url") => {
                let url = url.ok_or_else(|| Error::missing_field("url"))?;
                Ok(Self::Url(ElicitRequestUrlParams { message, url, elicitation_id, task, meta }))
            }
            Some(other) => Err(Error::unknown_variant(other, &["form", "url"])),
        }
    }
}

impl From<ElicitRequestFormParams> for ElicitRequestParams {
    fn from(params: ElicitRequestFormParams) -> Self {
        Self::Form(params)
    }
}

impl From<ElicitRequestUrlParams> for ElicitRequestParams {
    fn from(params: ElicitRequestUrlParams) -> Self {
        Self::Url(params)
    }
}

/// Asks the user to fill in a form.
///
/// # On the wire
///
/// `{"mode": "form", "message": "Who?", "requestedSchema": {"type": "object", "properties": {…}}}`
///
/// # Specification
///
/// [Elicitation](https://modelcontextprotocol.io/specification/2026-07-28/client/elicitation)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ElicitRequestFormParams {
    /// Says that it is a form; it may be absent, and is before 2025-11-25.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<FormMode>,
    /// What the user is told.
    pub message: String,
    /// The fields of the form.
    pub requested_schema: ElicitationSchema,
    /// Asks for the request to be run as a task (2025-11-25 only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<Value>,
    /// What the request says beside its params (before 2026-07-28).
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl ElicitRequestFormParams {
    /// Creates params from what the user is told and the fields of the form.
    pub fn new(message: impl Into<String>, requested_schema: ElicitationSchema) -> Self {
        Self { mode: Some(FormMode::Form), message: message.into(), requested_schema, task: None, meta: None }
    }

    with_methods! {
        /// Asks for the request to be run as a task (2025-11-25 only).
        with_task(task: Value);
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }
}

/// The `mode` of [`ElicitRequestFormParams`], which has one value.
///
/// # Specification
///
/// [Elicitation](https://modelcontextprotocol.io/specification/2026-07-28/client/elicitation)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum FormMode {
    /// A form.
    Form,
}

/// Asks the user to visit a page (since 2025-11-25).
///
/// # On the wire
///
/// `{"mode": "url", "message": "Connect your storage", "url": "https://notes.example/connect"}`
///
/// # Specification
///
/// [Elicitation](https://modelcontextprotocol.io/specification/2026-07-28/client/elicitation)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "mode", rename = "url", rename_all = "camelCase")]
#[non_exhaustive]
pub struct ElicitRequestUrlParams {
    /// What the user is told.
    pub message: String,
    /// The page.
    pub url: String,
    /// What a later notification says is complete (2025-11-25 only, and required there).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elicitation_id: Option<String>,
    /// Asks for the request to be run as a task (2025-11-25 only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<Value>,
    /// What the request says beside its params (before 2026-07-28).
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl ElicitRequestUrlParams {
    /// Creates params from what the user is told and the page.
    pub fn new(message: impl Into<String>, url: impl Into<String>) -> Self {
        Self { message: message.into(), url: url.into(), elicitation_id: None, task: None, meta: None }
    }

    with_methods! {
        /// Sets what a later notification says is complete (2025-11-25 only).
        with_elicitation_id(elicitation_id: String);
        /// Asks for the request to be run as a task (2025-11-25 only).
        with_task(task: Value);
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }
}

/// The answer to `elicitation/create`.
///
/// # On the wire
///
/// `{"action": "accept", "content": {"owner": "ada"}}`
///
/// # Specification
///
/// [Elicitation](https://modelcontextprotocol.io/specification/2026-07-28/client/elicitation#response-actions)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ElicitResult {
    /// What the user did.
    pub action: ElicitAction,
    /// What the user filled in: strings, numbers, booleans and, since 2025-11-25, arrays of strings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<JsonObject>,
    /// What the answer says beside its members (before 2026-07-28).
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl ElicitResult {
    /// Creates an answer without content.
    #[must_use]
    pub fn new(action: ElicitAction) -> Self {
        Self { action, content: None, meta: None }
    }

    /// Creates the answer of a user who filled in the form.
    pub fn accept(content: impl Into<JsonObject>) -> Self {
        Self { content: Some(content.into()), ..Self::new(ElicitAction::Accept) }
    }

    /// Creates the answer of a user who said no.
    #[must_use]
    pub fn decline() -> Self {
        Self::new(ElicitAction::Decline)
    }

    /// Creates the answer of a user who went away.
    #[must_use]
    pub fn cancel() -> Self {
        Self::new(ElicitAction::Cancel)
    }

    /// Decodes what the user filled in.
    ///
    /// # Errors
    ///
    /// Returns an error if the content does not fit. The client may send anything: its answer to a form is input like
    /// any other.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        T::deserialize(Value::Object(self.content.clone().unwrap_or_default()))
    }

    with_methods! {
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }
}

/// What a user did who was asked.
///
/// # On the wire
///
/// `"accept"`
///
/// # Specification
///
/// [Elicitation](https://modelcontextprotocol.io/specification/2026-07-28/client/elicitation#response-actions)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ElicitAction {
    /// Filled in the form, or agreed to visit the page.
    Accept,
    /// Said no.
    Decline,
    /// Went away without an answer.
    Cancel,
}

/// The params of `notifications/elicitation/complete` (2025-11-25 only).
///
/// # On the wire
///
/// `{"elicitationId": "e-77"}`
///
/// # Specification
///
/// [Elicitation](https://modelcontextprotocol.io/specification/2025-11-25/client/elicitation)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ElicitationCompleteNotificationParams {
    /// The id the request gave.
    pub elicitation_id: String,
    /// What the notification says beside its params.
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl ElicitationCompleteNotificationParams {
    /// Creates params from the id the request gave.
    pub fn new(elicitation_id: impl Into<String>) -> Self {
        Self { elicitation_id: elicitation_id.into(), meta: None }
    }

    with_methods! {
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }
}

/// The `data` of the error for a request that has to wait until the user has visited a page (2025-11-25 only).
///
/// # On the wire
///
/// `{"elicitations": [{"mode": "url", "elicitationId": "e-78", "message": "…", "url": "https://…"}]}`
///
/// # Specification
///
/// [Elicitation](https://modelcontextprotocol.io/specification/2025-11-25/client/elicitation)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct UrlElicitationRequiredData {
    /// The pages.
    pub elicitations: Vec<ElicitRequestUrlParams>,
}

impl UrlElicitationRequiredData {
    /// Creates data from the pages the user has to visit.
    pub fn new(elicitations: impl Into<Vec<ElicitRequestUrlParams>>) -> Self {
        Self { elicitations: elicitations.into() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check_error(params: Value, expected: &str) {
        let error = ElicitRequestParams::deserialize(params).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn a_request_without_a_mode_is_a_form() {
        let value = json!({"message": "Who?", "requestedSchema": {"type": "object", "properties": {}}});
        let params = ElicitRequestParams::deserialize(&value).unwrap();
        assert!(matches!(&params, ElicitRequestParams::Form(form) if form.mode.is_none()));
        assert_eq!(serde_json::to_value(&params).unwrap(), value);
    }

    #[test]
    fn says_what_is_wrong_with_a_request() {
        check_error(json!({"message": "Who?"}), "missing field `requestedSchema`");
        check_error(json!({"mode": "url", "message": "Go"}), "missing field `url`");
        check_error(json!({"mode": "phone", "message": "Ring"}), "unknown variant `phone`");
        check_error(json!({"mode": "url", "url": "https://x"}), "missing field `message`");
    }

    #[test]
    fn what_the_user_filled_in_decodes_into_a_type() {
        #[derive(Debug, PartialEq, Deserialize)]
        struct Owner {
            name: String,
            copies: Option<u8>,
        }
        let result: ElicitResult =
            serde_json::from_value(json!({"action": "accept", "content": {"name": "ada"}})).unwrap();
        assert_eq!(result.parse::<Owner>().unwrap(), Owner { name: "ada".into(), copies: None });
        assert!(ElicitResult::decline().parse::<Owner>().is_err());
    }
}
