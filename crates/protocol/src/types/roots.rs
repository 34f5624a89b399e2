//! The directories a client lets a server work in.

use serde::{Deserialize, Serialize};

use super::Meta;

/// A directory or file a client lets a server work in.
///
/// # On the wire
///
/// `{"uri": "file:///home/ada/notes", "name": "notes"}`
///
/// # Specification
///
/// [Roots](https://modelcontextprotocol.io/specification/2026-07-28/client/roots#root)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Root {
    /// Where it is: a `file:` URI.
    pub uri: String,
    /// The name people know it by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What the root says beside its members (since 2025-06-18).
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl Root {
    /// Creates a root from its `file:` URI.
    pub fn new(uri: impl Into<String>) -> Self {
        Self { uri: uri.into(), name: None, meta: None }
    }

    with_methods! {
        /// Sets the name people know it by.
        with_name(name: String);
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }
}

/// The answer to `roots/list`.
///
/// # On the wire
///
/// `{"roots": [{"uri": "file:///home/ada/notes", "name": "notes"}]}`
///
/// # Specification
///
/// [Listing roots](https://modelcontextprotocol.io/specification/2026-07-28/client/roots#listing-roots)
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ListRootsResult {
    /// The roots.
    pub roots: Vec<Root>,
    /// What the result says beside its members (before 2026-07-28).
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl ListRootsResult {
    /// Creates an answer from roots.
    pub fn new(roots: impl Into<Vec<Root>>) -> Self {
        Self { roots: roots.into(), meta: None }
    }

    with_methods! {
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }
}
