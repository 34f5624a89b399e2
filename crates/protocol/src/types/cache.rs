//! How long and for whom a result may be kept.

use serde::{Deserialize, Serialize};

/// Who may be given a cached result (since 2026-07-28).
///
/// # On the wire
///
/// `"cacheScope": "private"`
///
/// # Specification
///
/// [Caching](https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/caching)
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum CacheScope {
    /// Only whoever asked, with the same authorization.
    #[default]
    Private,
    /// Anybody.
    Public,
}
