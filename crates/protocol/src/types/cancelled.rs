//! Telling the peer that an answer is no longer wanted.

use serde::{Deserialize, Serialize};

use super::{Meta, RequestId};

/// The params of `notifications/cancelled`.
///
/// # On the wire
///
/// `{"requestId": 2, "reason": "user closed the dialog"}`
///
/// # Specification
///
/// [Cancellation](https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/cancellation)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CancelledNotificationParams {
    /// The request whose answer is no longer wanted. Only 2025-11-25 lets it be absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<RequestId>,
    /// Why, for a log or a user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What the notification says beside its params.
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl CancelledNotificationParams {
    /// Creates params that cancel a request.
    pub fn new(request_id: impl Into<RequestId>) -> Self {
        Self { request_id: Some(request_id.into()), reason: None, meta: None }
    }

    with_methods! {
        /// Says why.
        with_reason(reason: String);
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }
}
