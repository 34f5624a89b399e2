//! Log messages from the server.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Meta;

/// How severe a log message is; a more severe level is the greater one.
///
/// # On the wire
///
/// `"warning"`
///
/// # Specification
///
/// [Log levels](https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/logging#log-levels)
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum LoggingLevel {
    /// Details for debugging.
    Debug,
    /// General information.
    Info,
    /// Normal but significant events.
    Notice,
    /// Something unusual.
    Warning,
    /// Something failed.
    Error,
    /// A component is out of order.
    Critical,
    /// Somebody has to act at once.
    Alert,
    /// The system is unusable.
    Emergency,
}

impl LoggingLevel {
    /// Returns the level as it stands on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
            Self::Alert => "alert",
            Self::Emergency => "emergency",
        }
    }
}

impl std::fmt::Display for LoggingLevel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The params of `logging/setLevel` (before 2026-07-28).
///
/// # On the wire
///
/// `{"level": "warning"}`
///
/// # Specification
///
/// [Logging](https://modelcontextprotocol.io/specification/2025-11-25/server/utilities/logging)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SetLevelRequestParams {
    /// The least severe level the client wants to see.
    pub level: LoggingLevel,
    /// What the request says beside its params.
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl SetLevelRequestParams {
    /// Creates params that ask for this level and everything more severe.
    #[must_use]
    pub fn new(level: LoggingLevel) -> Self {
        Self { level, meta: None }
    }

    with_methods! {
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }
}

/// The params of `notifications/message`.
///
/// # On the wire
///
/// `{"level": "warning", "logger": "store", "data": {"retry": 1}}`
///
/// # Specification
///
/// [Logging](https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/logging)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct LoggingMessageNotificationParams {
    /// How severe it is.
    pub level: LoggingLevel,
    /// Which part of the server says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logger: Option<String>,
    /// What it says: any JSON value.
    pub data: Value,
    /// What the notification says beside its params.
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl LoggingMessageNotificationParams {
    /// Creates a message; a string will do as `data`.
    pub fn new(level: LoggingLevel, data: impl Into<Value>) -> Self {
        Self { level, logger: None, data: data.into(), meta: None }
    }

    with_methods! {
        /// Names the part of the server that says it.
        with_logger(logger: String);
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }
}

#[cfg(test)]
mod tests {
    use super::LoggingLevel::*;

    #[test]
    fn levels_are_ordered_by_severity_and_spelled_as_on_the_wire() {
        let levels = [Debug, Info, Notice, Warning, Error, Critical, Alert, Emergency];
        assert!(levels.is_sorted());
        for level in levels {
            assert_eq!(serde_json::to_value(level).unwrap(), level.as_str());
        }
    }
}
