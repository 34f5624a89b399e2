//! What the checks found, together.

use std::time::{Duration, SystemTime};

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use turbomcp_protocol::date;

use super::HealthStatus;

/// Whether a server is well, and what each check found.
///
/// # On the wire
///
/// ```json
/// {"healthy": true, "status": "degraded", "reasons": ["disk: nearly full"], "timestamp": "2026-07-28T12:00:00Z",
///  "details": [{"name": "disk", "healthy": true, "status": "degraded", "message": "nearly full",
///               "timestamp": "2026-07-28T11:59:41Z"}]}
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct HealthReport {
    /// Whether requests should come here: false if a check is unhealthy, or the server is shutting down.
    pub healthy: bool,
    /// The worst of what was found, with the names of the checks that found it.
    pub status: HealthStatus,
    /// When this was asked.
    pub timestamp: SystemTime,
    /// What each check found.
    pub details: Vec<CheckReport>,
}

/// What one check found.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct CheckReport {
    /// The name of the check.
    pub name: String,
    /// Whether it is anything but unhealthy.
    pub healthy: bool,
    /// What it found.
    pub status: HealthStatus,
    /// Why it is not healthy, if it is not.
    pub message: Option<String>,
    /// When it found that.
    pub timestamp: SystemTime,
}

impl CheckReport {
    pub(super) fn new(name: &str, status: HealthStatus, timestamp: SystemTime) -> Self {
        let (healthy, message) = (status.is_healthy(), status.message());
        Self { name: name.to_owned(), healthy, status, message, timestamp }
    }
}

impl HealthReport {
    pub(crate) fn new(details: Vec<CheckReport>, is_shutting_down: bool) -> Self {
        let named = |found: &CheckReport| format!("{}: {}", found.name, found.message.as_deref().unwrap_or_default());
        let mut unhealthy: Vec<_> = details.iter().filter(|found| !found.healthy).map(named).collect();
        if is_shutting_down {
            unhealthy.insert(0, "the server is shutting down".to_owned());
        }
        let degraded: Vec<_> = details
            .iter()
            .flat_map(|found| match &found.status {
                HealthStatus::Degraded(reasons) => reasons.iter().map(|r| format!("{}: {r}", found.name)).collect(),
                _ => Vec::new(),
            })
            .collect();
        let is_degraded = details.iter().any(|found| matches!(found.status, HealthStatus::Degraded(_)));
        let status = match (unhealthy.is_empty(), is_degraded) {
            (false, _) => HealthStatus::Unhealthy(unhealthy.join("; ")),
            (true, true) => HealthStatus::Degraded(degraded),
            (true, false) => HealthStatus::Healthy,
        };
        Self { healthy: status.is_healthy(), status, timestamp: SystemTime::now(), details }
    }

    /// Returns the report without what an operator only should read.
    #[cfg(feature = "http")]
    pub(crate) fn without_details(mut self) -> Self {
        self.details.clear();
        self.status = match self.status {
            HealthStatus::Healthy => HealthStatus::Healthy,
            HealthStatus::Degraded(_) => HealthStatus::Degraded(Vec::new()),
            HealthStatus::Unhealthy(_) => HealthStatus::Unhealthy(String::new()),
        };
        self
    }
}

impl Serialize for HealthReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let reasons = match &self.status {
            HealthStatus::Degraded(reasons) => reasons.clone(),
            HealthStatus::Unhealthy(reason) if !reason.is_empty() => vec![reason.clone()],
            _ => Vec::new(),
        };
        let mut object = serializer.serialize_struct("HealthReport", 5)?;
        object.serialize_field("healthy", &self.healthy)?;
        object.serialize_field("status", self.status.as_str())?;
        if reasons.is_empty() {
            object.skip_field("reasons")?;
        } else {
            object.serialize_field("reasons", &reasons)?;
        }
        object.serialize_field("timestamp", &written(self.timestamp))?;
        object.serialize_field("details", &self.details)?;
        object.end()
    }
}

impl Serialize for CheckReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("CheckReport", 5)?;
        object.serialize_field("name", &self.name)?;
        object.serialize_field("healthy", &self.healthy)?;
        object.serialize_field("status", self.status.as_str())?;
        object.serialize_field("message", &self.message)?;
        object.serialize_field("timestamp", &written(self.timestamp))?;
        object.end()
    }
}

/// Writes a time as RFC 3339 does, in UTC.
fn written(time: SystemTime) -> String {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date::day_of(days);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_rfc_3339_says() {
        let check = |seconds, expected: &str| {
            assert_eq!(written(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)), expected);
        };
        check(0, "1970-01-01T00:00:00Z");
        check(951_782_400, "2000-02-29T00:00:00Z");
        check(1_785_240_000, "2026-07-28T12:00:00Z");
        check(1_798_675_200, "2026-12-31T00:00:00Z");
        check(4_107_542_399, "2100-02-28T23:59:59Z");
        check(4_107_542_400, "2100-03-01T00:00:00Z");
    }

    #[test]
    fn the_worst_that_was_found_is_what_counts() {
        let found = |name: &str, status| CheckReport::new(name, status, SystemTime::now());
        let slow = found("a", HealthStatus::Degraded(vec!["slow".to_owned(), "old".to_owned()]));
        let report = HealthReport::new(vec![slow.clone(), found("b", HealthStatus::Healthy)], false);
        assert!(report.healthy);
        assert_eq!(report.status, HealthStatus::Degraded(vec!["a: slow".to_owned(), "a: old".to_owned()]));
        let report = HealthReport::new(vec![slow, found("b", HealthStatus::Unhealthy("gone".to_owned()))], true);
        assert_eq!(report.status, HealthStatus::Unhealthy("the server is shutting down; b: gone".to_owned()));
        assert!(!report.healthy);
    }
}
