//! `_meta`, and the params and results that hold nothing else.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ClientCapabilities, Implementation, JsonObject, LoggingLevel, ProgressToken, RequestId};

/// What a message says beside its own members: keys of the protocol, and keys of anybody else under their own prefix.
///
/// Everything in here comes from the peer and is as trustworthy as the peer.
///
/// # On the wire
///
/// `{"progressToken": "p2", "com.example/trace": "91c"}`
///
/// # Specification
///
/// [`_meta`](https://modelcontextprotocol.io/specification/2026-07-28/basic#meta)
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Meta(JsonObject);

/// The extension of servers that run a call once that carries [`Meta::IDEMPOTENCY_KEY`]: one of this library's.
pub const IDEMPOTENCY_EXTENSION: &str = "io.github.turbomcp/idempotency";

impl Meta {
    /// The key of the version a modern request speaks.
    pub const PROTOCOL_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
    /// The key of the client's name and version.
    pub const CLIENT_INFO: &str = "io.modelcontextprotocol/clientInfo";
    /// The key of what the client can do for this request.
    pub const CLIENT_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
    /// The key of the server's name and version, in modern results.
    pub const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";
    /// The key of the least severe level a modern request wants log messages of.
    pub const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";
    /// The key of the listen request a notification belongs to.
    pub const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";
    /// The key of the task a message belongs to (2025-11-25).
    pub const RELATED_TASK: &str = "io.modelcontextprotocol/related-task";
    /// The key of what has a call run once, however often it is sent: an extension of this library.
    pub const IDEMPOTENCY_KEY: &str = "io.github.turbomcp/idempotency-key";
    /// The key of the token that asks for progress notifications.
    pub const PROGRESS_TOKEN: &str = "progressToken";

    /// Creates an empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a key, or replaces it.
    ///
    /// A value that cannot be JSON (a map with keys that are not strings) becomes `null`.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Serialize) -> Self {
        self.insert(key, serde_json::to_value(value).unwrap_or_default());
        self
    }

    /// Adds a key, or replaces it, and returns the value that was there.
    pub fn insert(&mut self, key: impl Into<String>, value: Value) -> Option<Value> {
        self.0.insert(key.into(), value)
    }

    /// Removes a key and returns its value.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        self.0.remove(key)
    }

    /// Returns the value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    /// Decodes the value of a key.
    ///
    /// # Errors
    ///
    /// Returns an error if the key is there and its value has another shape.
    pub fn decode<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, serde_json::Error> {
        self.get(key).map(T::deserialize).transpose()
    }

    /// Returns true if there are no keys.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the keys and their values.
    #[must_use]
    pub fn as_object(&self) -> &JsonObject {
        &self.0
    }

    /// Returns the version a modern request says it speaks.
    #[must_use]
    pub fn protocol_version(&self) -> Option<&str> {
        self.get(Self::PROTOCOL_VERSION)?.as_str()
    }

    /// Returns the client's name and version, if they are there and well formed.
    #[must_use]
    pub fn client_info(&self) -> Option<Implementation> {
        self.well_formed(Self::CLIENT_INFO)
    }

    /// Returns what the client declared for this request, if it is there and well formed.
    #[must_use]
    pub fn client_capabilities(&self) -> Option<ClientCapabilities> {
        self.well_formed(Self::CLIENT_CAPABILITIES)
    }

    /// Returns the server's name and version, if they are there and well formed.
    #[must_use]
    pub fn server_info(&self) -> Option<Implementation> {
        self.well_formed(Self::SERVER_INFO)
    }

    /// Returns the least severe level that log messages are wanted of.
    #[must_use]
    pub fn log_level(&self) -> Option<LoggingLevel> {
        self.well_formed(Self::LOG_LEVEL)
    }

    /// Returns the id of the listen request this notification belongs to.
    #[must_use]
    pub fn subscription_id(&self) -> Option<RequestId> {
        self.well_formed(Self::SUBSCRIPTION_ID)
    }

    /// Returns the token that asks for progress notifications.
    #[must_use]
    pub fn progress_token(&self) -> Option<ProgressToken> {
        self.well_formed(Self::PROGRESS_TOKEN)
    }

    fn well_formed<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        self.decode(key).ok().flatten()
    }
}

impl From<JsonObject> for Meta {
    fn from(members: JsonObject) -> Self {
        Self(members)
    }
}

impl From<Meta> for JsonObject {
    fn from(meta: Meta) -> Self {
        meta.0
    }
}

open_string! {
    /// How a modern result is to be read.
    ///
    /// # Specification
    ///
    /// [Results](https://modelcontextprotocol.io/specification/2026-07-28/basic#result-responses)
    ResultType {
        /// The request is finished and this is its result.
        COMPLETE = "complete";
        /// The server needs more input; see [`InputRequiredResult`](super::InputRequiredResult).
        INPUT_REQUIRED = "input_required";
        /// A task was created that will hold the result (tasks extension).
        TASK = "task";
    }
}

/// Params that hold nothing but `_meta`: those of `ping`, `server/discover` and `roots/list`.
///
/// # On the wire
///
/// `{"_meta": {…}}`
///
/// # Specification
///
/// [Requests](https://modelcontextprotocol.io/specification/2026-07-28/basic#requests)
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RequestParams {
    /// What the request says beside its params.
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl RequestParams {
    /// Creates params without `_meta`.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    with_methods! {
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }
}

/// Params of a notification that hold nothing but `_meta`, such as those of `notifications/tools/list_changed`.
///
/// # On the wire
///
/// `{"_meta": {"io.modelcontextprotocol/subscriptionId": 7}}`
///
/// # Specification
///
/// [Notifications](https://modelcontextprotocol.io/specification/2026-07-28/basic#notifications)
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NotificationParams {
    /// What the notification says beside its params.
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl NotificationParams {
    /// Creates params without `_meta`.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    with_methods! {
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }
}

/// A result without members of its own: that of `ping`, `logging/setLevel` and `resources/subscribe`.
///
/// # On the wire
///
/// `{}`
///
/// # Specification
///
/// [Results](https://modelcontextprotocol.io/specification/2026-07-28/basic#result-responses)
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EmptyResult {
    /// What the result says beside its members.
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl EmptyResult {
    /// Creates a result without `_meta`.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    with_methods! {
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_malformed_key_is_an_error_only_where_it_is_decoded() {
        let meta = Meta::new().with(Meta::PROGRESS_TOKEN, 1.5).with(Meta::LOG_LEVEL, "info");
        assert_eq!(meta.progress_token(), None);
        assert!(meta.decode::<ProgressToken>(Meta::PROGRESS_TOKEN).is_err());
        assert_eq!(meta.log_level(), Some(LoggingLevel::Info));
        assert_eq!(meta.subscription_id(), None);
    }

    #[test]
    fn keeps_keys_it_does_not_know() {
        let value = json!({"com.example/x": {"y": [1, null]}});
        let meta: Meta = serde_json::from_value(value.clone()).unwrap();
        assert_eq!(serde_json::to_value(&meta).unwrap(), value);
    }
}
