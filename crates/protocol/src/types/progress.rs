//! Telling the peer how far a request has come.

use serde::{Deserialize, Serialize};

use super::{Meta, wire};

string_or_integer! {
    /// The token that ties progress notifications to the request that asked for them: a string or an integer.
    ///
    /// # On the wire
    ///
    /// `"_meta": {"progressToken": "p2"}`
    ///
    /// # Specification
    ///
    /// [Progress](https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/progress)
    ProgressToken, "a string or an integer as the progress token"
}

/// The params of `notifications/progress`.
///
/// # On the wire
///
/// `{"progressToken": "p2", "progress": 0.5, "total": 1, "message": "half way"}`
///
/// # Specification
///
/// [Progress](https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/progress)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ProgressNotificationParams {
    /// The token of the request.
    pub progress_token: ProgressToken,
    /// How far it has come; greater each time.
    #[serde(with = "wire::number")]
    pub progress: f64,
    /// Where it ends, in the unit of `progress`, if that is known.
    #[serde(default, with = "wire::number::optional", skip_serializing_if = "Option::is_none")]
    pub total: Option<f64>,
    /// What is being done (since 2025-03-26).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What the notification says beside its params.
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl ProgressNotificationParams {
    /// Creates params from the token and how far the request has come.
    pub fn new(progress_token: impl Into<ProgressToken>, progress: impl Into<f64>) -> Self {
        Self {
            progress_token: progress_token.into(),
            progress: progress.into(),
            total: None,
            message: None,
            meta: None,
        }
    }

    with_methods! {
        /// Says where it ends.
        with_total(total: f64);
        /// Says what is being done.
        with_message(message: String);
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }
}
