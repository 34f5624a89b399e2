//! What is thought of a part, a server or another peer, in one word that servers and clients share.

use std::fmt;

use serde::Serialize;

/// Whether something works.
///
/// ```
/// use turbomcp_transport::HealthStatus;
///
/// let status = HealthStatus::Degraded(vec!["the queue is long".to_owned()]);
/// assert!(status.is_healthy());
/// assert_eq!((status.as_str(), status.message().as_deref()), ("degraded", Some("the queue is long")));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "what is neither of the first two cannot be used")]
pub enum HealthStatus {
    /// All is well.
    Healthy,
    /// It works, but not as it should, for these reasons.
    Degraded(Vec<String>),
    /// It does not work, for this reason.
    Unhealthy(String),
}

impl HealthStatus {
    /// Returns true unless it is [`Unhealthy`](Self::Unhealthy): what is degraded can be used.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        !matches!(self, Self::Unhealthy(_))
    }

    /// Returns the word for it: `healthy`, `degraded` or `unhealthy`.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded(_) => "degraded",
            Self::Unhealthy(_) => "unhealthy",
        }
    }

    /// Returns why it is not healthy, if it is not.
    #[must_use]
    pub fn message(&self) -> Option<String> {
        match self {
            Self::Healthy => None,
            Self::Degraded(reasons) => Some(reasons.join("; ")),
            Self::Unhealthy(reason) => Some(reason.clone()),
        }
    }
}

impl From<bool> for HealthStatus {
    fn from(is_healthy: bool) -> Self {
        if is_healthy { Self::Healthy } else { Self::Unhealthy("the check failed".to_owned()) }
    }
}

impl<E: fmt::Display> From<Result<(), E>> for HealthStatus {
    fn from(result: Result<(), E>) -> Self {
        match result {
            Ok(()) => Self::Healthy,
            Err(error) => Self::Unhealthy(error.to_string()),
        }
    }
}
