//! How two peers find out about each other: `initialize` in the legacy eras, `server/discover` in the modern one.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{CacheScope, ClientCapabilities, Implementation, Meta, ServerCapabilities, wire};

/// The params of `initialize` (before 2026-07-28).
///
/// # On the wire
///
/// `{"protocolVersion": "2025-11-25", "capabilities": {…}, "clientInfo": {…}}`
///
/// # Specification
///
/// [Lifecycle](https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct InitializeRequestParams {
    /// The version the client would like to speak.
    pub protocol_version: String,
    /// What the client can do.
    pub capabilities: ClientCapabilities,
    /// Who the client is.
    pub client_info: Implementation,
    /// What the request says beside its params.
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl InitializeRequestParams {
    /// Creates params from everything they must have.
    pub fn new(
        protocol_version: impl Into<String>,
        capabilities: ClientCapabilities,
        client_info: Implementation,
    ) -> Self {
        Self { protocol_version: protocol_version.into(), capabilities, client_info, meta: None }
    }

    with_methods! {
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }
}

/// The result of `initialize` (before 2026-07-28).
///
/// # On the wire
///
/// `{"protocolVersion": "2025-11-25", "capabilities": {…}, "serverInfo": {…}}`
///
/// # Specification
///
/// [Lifecycle](https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct InitializeResult {
    /// The version both sides speak from here on.
    pub protocol_version: String,
    /// What the server can do.
    pub capabilities: ServerCapabilities,
    /// Who the server is.
    pub server_info: Implementation,
    /// How to use the server, for the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instructions: Option<String>,
    /// What the result says beside its members.
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl InitializeResult {
    /// Creates a result from everything it must have.
    pub fn new(
        protocol_version: impl Into<String>,
        capabilities: ServerCapabilities,
        server_info: Implementation,
    ) -> Self {
        Self { protocol_version: protocol_version.into(), capabilities, server_info, instructions: None, meta: None }
    }

    with_methods! {
        /// Says how to use the server, for the model.
        with_instructions(instructions: String);
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }
}

/// The result of `server/discover` (since 2026-07-28).
///
/// # On the wire
///
/// `{"supportedVersions": ["2026-07-28"], "capabilities": {…}, "ttlMs": 600000, "cacheScope": "public"}`
///
/// # Specification
///
/// [Discovery](https://modelcontextprotocol.io/specification/2026-07-28/server/discover)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct DiscoverResult {
    /// The versions the server speaks.
    pub supported_versions: Vec<String>,
    /// What the server can do.
    pub capabilities: ServerCapabilities,
    /// How to use the server, for the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instructions: Option<String>,
    /// How long the result may be kept; whole milliseconds on the wire.
    #[serde(rename = "ttlMs", default, with = "wire::millis", skip_serializing_if = "Option::is_none")]
    pub ttl: Option<Duration>,
    /// Who may be given the kept result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_scope: Option<CacheScope>,
    /// What the result says beside its members.
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl DiscoverResult {
    /// Creates a result from the versions and the capabilities.
    pub fn new<V: Into<String>>(
        supported_versions: impl IntoIterator<Item = V>,
        capabilities: ServerCapabilities,
    ) -> Self {
        Self {
            supported_versions: supported_versions.into_iter().map(Into::into).collect(),
            capabilities,
            instructions: None,
            ttl: None,
            cache_scope: None,
            meta: None,
        }
    }

    with_methods! {
        /// Says how to use the server, for the model.
        with_instructions(instructions: String);
        /// Sets how long the result may be kept.
        with_ttl(ttl: Duration);
        /// Sets who may be given the kept result.
        with_cache_scope(cache_scope: CacheScope);
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }
}

/// The `data` of the error for a protocol version that is not implemented.
///
/// # On the wire
///
/// `{"supported": ["2026-07-28"], "requested": "2030-01-01"}`
///
/// # Specification
///
/// [Versioning](https://modelcontextprotocol.io/specification/2026-07-28/basic/versioning)
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct UnsupportedProtocolVersionData {
    /// The versions the server implements.
    pub supported: Vec<String>,
    /// The version the request asked for.
    pub requested: String,
}

impl UnsupportedProtocolVersionData {
    /// Creates data from the versions that are implemented and the one that was asked for.
    pub fn new<V: Into<String>>(supported: impl IntoIterator<Item = V>, requested: impl Into<String>) -> Self {
        Self { supported: supported.into_iter().map(Into::into).collect(), requested: requested.into() }
    }
}

/// The `data` of the error for a request that would need more client capabilities than it declared.
///
/// # On the wire
///
/// `{"requiredCapabilities": {"elicitation": {}}}`
///
/// # Specification
///
/// [Error codes](https://modelcontextprotocol.io/specification/2026-07-28/basic#error-codes)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct MissingRequiredClientCapabilityData {
    /// What the request has to declare.
    pub required_capabilities: ClientCapabilities,
}

impl MissingRequiredClientCapabilityData {
    /// Creates data from what the request has to declare.
    #[must_use]
    pub fn new(required_capabilities: ClientCapabilities) -> Self {
        Self { required_capabilities }
    }
}
