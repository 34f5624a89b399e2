//! Results that ask for input, and requests that bring it (since 2026-07-28).

use std::collections::BTreeMap;

use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{
    CreateMessageRequestParams, CreateMessageResult, ElicitRequestFormParams, ElicitRequestParams,
    ElicitRequestUrlParams, ElicitResult, ListRootsResult, Meta, RequestParams,
};

/// What a server needs before it can go on, each under a key of the server's choice.
///
/// # On the wire
///
/// `{"who": {"method": "elicitation/create", "params": {…}}}`
///
/// # Specification
///
/// [Multi round-trip requests](https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/mrtr)
pub type InputRequests = BTreeMap<String, InputRequest>;

/// What a client answers, each under the key it was asked by.
///
/// # On the wire
///
/// `{"who": {"action": "accept", "content": {"owner": "ada"}}}`
///
/// # Specification
///
/// [Multi round-trip requests](https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/mrtr)
pub type InputResponses = BTreeMap<String, InputResponse>;

/// The result of a request the server cannot finish without more input.
///
/// # On the wire
///
/// `{"resultType": "input_required", "inputRequests": {…}, "requestState": "…"}`
///
/// # Specification
///
/// [Multi round-trip requests](https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/mrtr)
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "resultType", rename = "input_required", rename_all = "camelCase")]
#[non_exhaustive]
pub struct InputRequiredResult {
    /// What the server needs; nothing, if it only wants to be asked again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_requests: Option<InputRequests>,
    /// What the client has to give back; only the server that made it can read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_state: Option<String>,
    /// What the result says beside its members.
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl InputRequiredResult {
    /// Creates a result that asks for nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for one thing more, under a key.
    #[must_use]
    pub fn add_request(mut self, key: impl Into<String>, request: impl Into<InputRequest>) -> Self {
        self.input_requests.get_or_insert_default().insert(key.into(), request.into());
        self
    }

    with_methods! {
        /// Sets everything the server needs.
        with_input_requests(input_requests: InputRequests);
        /// Sets what the client has to give back.
        with_request_state(request_state: String);
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }
}

/// One thing a server needs: in the legacy eras a request of its own, in the modern era a part of a result.
///
/// # On the wire
///
/// `{"method": "roots/list"}` or `{"method": "elicitation/create", "params": {…}}`
///
/// # Specification
///
/// [Multi round-trip requests](https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/mrtr)
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum InputRequest {
    /// `sampling/createMessage`: something a model says.
    CreateMessage(Box<CreateMessageRequestParams>),
    /// `roots/list`: the client's roots.
    ListRoots(Option<RequestParams>),
    /// `elicitation/create`: something a user says.
    Elicit(ElicitRequestParams),
}

impl InputRequest {
    const METHODS: [&str; 3] = ["sampling/createMessage", "roots/list", "elicitation/create"];

    /// Returns the method.
    #[must_use]
    pub fn method(&self) -> &'static str {
        match self {
            Self::CreateMessage(_) => "sampling/createMessage",
            Self::ListRoots(_) => "roots/list",
            Self::Elicit(_) => "elicitation/create",
        }
    }
}

impl Serialize for InputRequest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_struct("InputRequest", 2)?;
        members.serialize_field("method", self.method())?;
        match self {
            Self::CreateMessage(params) => members.serialize_field("params", params)?,
            Self::ListRoots(Some(params)) => members.serialize_field("params", params)?,
            Self::ListRoots(None) => members.skip_field("params")?,
            Self::Elicit(params) => members.serialize_field("params", params)?,
        }
        members.end()
    }
}

impl<'de> Deserialize<'de> for InputRequest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;

        #[derive(Deserialize)]
        #[serde(rename = "InputRequest")]
        struct Members {
            method: String,
            params: Option<Box<RawValue>>,
        }

        fn read<'a, T: Deserialize<'a>, E: Error>(method: &str, params: Option<&'a RawValue>) -> Result<T, E> {
            let params = params.ok_or_else(|| E::missing_field("params"))?;
            serde_json::from_str(params.get()).map_err(|error| E::custom(format_args!("{method}: {error}")))
        }

        let Members { method, params } = Members::deserialize(deserializer)?;
        let params = params.as_deref();
        match method.as_str() {
            "sampling/createMessage" => read(&method, params).map(Self::CreateMessage),
            "elicitation/create" => read(&method, params).map(Self::Elicit),
            "roots/list" if params.is_none() => Ok(Self::ListRoots(None)),
            "roots/list" => read(&method, params).map(Self::ListRoots),
            other => Err(D::Error::unknown_variant(other, &Self::METHODS)),
        }
    }
}

impl From<CreateMessageRequestParams> for InputRequest {
    fn from(params: CreateMessageRequestParams) -> Self {
        Self::CreateMessage(Box::new(params))
    }
}

impl From<ElicitRequestParams> for InputRequest {
    fn from(params: ElicitRequestParams) -> Self {
        Self::Elicit(params)
    }
}

impl From<ElicitRequestFormParams> for InputRequest {
    fn from(params: ElicitRequestFormParams) -> Self {
        Self::Elicit(params.into())
    }
}

impl From<ElicitRequestUrlParams> for InputRequest {
    fn from(params: ElicitRequestUrlParams) -> Self {
        Self::Elicit(params.into())
    }
}

/// The answer to an [`InputRequest`].
///
/// # On the wire
///
/// The bare answer: `{"action": …}` is the user's, `{"roots": …}` are roots, `{"model": …}` is a model's
///
/// # Specification
///
/// [Multi round-trip requests](https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/mrtr)
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum InputResponse {
    /// What a model said.
    CreateMessage(Box<CreateMessageResult>),
    /// The client's roots.
    ListRoots(ListRootsResult),
    /// What a user said.
    Elicit(ElicitResult),
}

impl<'de> Deserialize<'de> for InputResponse {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;

        let value = Value::deserialize(deserializer)?;
        let has = |name: &str| value.get(name).is_some();
        if has("action") {
            Deserialize::deserialize(value).map(Self::Elicit)
        } else if has("roots") {
            Deserialize::deserialize(value).map(Self::ListRoots)
        } else if has("model") {
            Deserialize::deserialize(value).map(Self::CreateMessage)
        } else {
            return Err(Error::custom("an input response has one of the members `action`, `roots` and `model`"));
        }
        .map_err(Error::custom)
    }
}

impl From<CreateMessageResult> for InputResponse {
    fn from(result: CreateMessageResult) -> Self {
        Self::CreateMessage(Box::new(result))
    }
}

impl From<ListRootsResult> for InputResponse {
    fn from(result: ListRootsResult) -> Self {
        Self::ListRoots(result)
    }
}

impl From<ElicitResult> for InputResponse {
    fn from(result: ElicitResult) -> Self {
        Self::Elicit(result)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check_error<T: serde::de::DeserializeOwned + std::fmt::Debug>(value: Value, expected: &str) {
        let error = serde_json::from_value::<T>(value).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn asking_for_roots_needs_no_params() {
        let request = InputRequest::ListRoots(None);
        assert_eq!(serde_json::to_string(&request).unwrap(), r#"{"method":"roots/list"}"#);
        assert_eq!(serde_json::from_str::<InputRequest>(r#"{"method":"roots/list"}"#).unwrap(), request);
    }

    #[test]
    fn says_what_is_wrong_with_a_request() {
        check_error::<InputRequest>(json!({"method": "ping"}), "unknown variant `ping`");
        check_error::<InputRequest>(json!({"method": "elicitation/create"}), "missing field `params`");
        check_error::<InputRequest>(
            json!({"method": "sampling/createMessage", "params": {"messages": []}}),
            "sampling/createMessage: missing field `maxTokens`",
        );
    }

    #[test]
    fn says_what_is_wrong_with_a_response() {
        check_error::<InputResponse>(json!({"content": {}}), "one of the members");
        check_error::<InputResponse>(json!({"action": "maybe"}), "unknown variant `maybe`");
        check_error::<InputResponse>(json!(null), "one of the members");
    }
}
