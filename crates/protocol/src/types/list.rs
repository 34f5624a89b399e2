//! Lists that come in pages.

use serde::{Deserialize, Serialize};

use super::Meta;

/// Where the next page of a list begins; only the server that made it can read it. The empty one is a real one.
///
/// # On the wire
///
/// `"nextCursor": "eyJwYWdlIjogMn0="`
///
/// # Specification
///
/// [Pagination](https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/pagination)
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(String);

impl Cursor {
    /// Creates a cursor from its text.
    pub fn new(cursor: impl Into<String>) -> Self {
        Self(cursor.into())
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Cursor {
    fn from(cursor: String) -> Self {
        Self(cursor)
    }
}

impl From<&str> for Cursor {
    fn from(cursor: &str) -> Self {
        Self(cursor.to_owned())
    }
}

/// The params of every request for a list.
///
/// # On the wire
///
/// `{"cursor": "eyJwYWdlIjogMn0="}`
///
/// # Specification
///
/// [Pagination](https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/pagination)
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PaginatedRequestParams {
    /// Where the page begins; the first page, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
    /// What the request says beside its params.
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl PaginatedRequestParams {
    /// Creates params that ask for the first page.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    with_methods! {
        /// Asks for the page that begins here.
        with_cursor(cursor: Cursor);
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }
}
