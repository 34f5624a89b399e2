//! What a tenant may do, and how much of it.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use turbomcp_protocol::{McpError, McpResult};

use crate::Error;

/// What a tenant may do, and how much of it. Without any field set, everything.
///
/// Can be read from a file: unknown fields are refused.
///
/// ```
/// use turbomcp_server::tenancy::TenantConfig;
///
/// let config = TenantConfig {
///     rate_limit_per_second: Some(100),
///     max_concurrent_requests: Some(10),
///     ..Default::default()
/// };
/// assert!(config.is_active());
/// let config: TenantConfig = serde_json::from_str(r#"{"status": "suspended", "allowed_tools": ["search"]}"#)?;
/// assert!(!config.is_active() && config.allows_tool("search") && !config.allows_tool("erase"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "written out by users, and closed with `..Default::default()`")]
pub struct TenantConfig {
    /// Whether it is let in at all.
    pub status: TenantStatus,
    /// How many requests it may send in a second, and at once after a pause. Any number, unless set.
    pub rate_limit_per_second: Option<u32>,
    /// How many of its requests run at a time, apart from those that the next is about. Any number, unless set.
    pub max_concurrent_requests: Option<usize>,
    /// How many subscriptions of the modern era it has open at a time, and how many `tasks/result` of the legacy era,
    /// which last as long. Any number, unless set.
    pub max_subscriptions: Option<usize>,
    /// How often it may do what handlers ask [`Context::spend_quota`](crate::Context::spend_quota) for. What is not
    /// among them, it may not do.
    pub quotas: HashMap<String, Quota>,
    /// The tools there are for it; others are hidden as by [`Visibility`](crate::Visibility). All, unless set.
    pub allowed_tools: Option<BTreeSet<String>>,
}

/// Whether a tenant is let in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "a tenant is let in, or it is not")]
pub enum TenantStatus {
    /// It is.
    #[default]
    Active,
    /// It is not, until it is active again.
    Suspended,
}

/// How often something may be done in some time: in a file, `{"limit": 100, "period_seconds": 3600}`.
///
/// The time begins with the first use, and starts over with the first one after it has passed. Uses are counted in the
/// memory of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "written out by users")]
pub struct Quota {
    /// How often.
    pub limit: u64,
    /// In which time.
    #[serde(rename = "period_seconds", deserialize_with = "seconds")]
    pub period: Duration,
}

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(Duration::from_secs)
}

impl Quota {
    /// So often in an hour.
    #[must_use]
    pub fn per_hour(limit: u64) -> Self {
        Self { limit, period: Duration::from_secs(60 * 60) }
    }

    /// So often in 24 hours.
    #[must_use]
    pub fn per_day(limit: u64) -> Self {
        Self { limit, period: Duration::from_secs(24 * 60 * 60) }
    }
}

impl TenantConfig {
    /// Returns true if the tenant is let in.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.status == TenantStatus::Active
    }

    /// Returns true if the tenant may know of a tool.
    #[must_use]
    pub fn allows_tool(&self, name: &str) -> bool {
        self.allowed_tools.as_ref().is_none_or(|allowed| allowed.contains(name))
    }

    /// Lets go on only if the tenant has a quota of this name. How much of it is left, and to use it up, is what
    /// [`Tenant::spend_quota`](super::Tenant::spend_quota) is for.
    ///
    /// # Errors
    ///
    /// The code 403 if there is no such quota, or its limit is zero.
    pub fn check_quota(&self, name: &str) -> McpResult<()> {
        self.quotas.get(name).filter(|quota| quota.limit > 0).map(|_| ()).ok_or_else(|| no_quota(name))
    }

    /// Checks that the fields can be meant.
    pub(super) fn check(&self) -> Result<(), Error> {
        let fail = |what| Err(Error::configuration(format!("TenantConfig: {what}")));
        if self.rate_limit_per_second == Some(0) {
            return fail("`rate_limit_per_second` is zero: to let nothing pass is what `status` is for");
        }
        if self.max_concurrent_requests == Some(0) {
            return fail("`max_concurrent_requests` is zero: to let nothing pass is what `status` is for");
        }
        if self.quotas.values().any(|quota| quota.period.is_zero()) {
            return fail("a period of `quotas` is zero");
        }
        Ok(())
    }
}

pub(super) fn no_quota(name: &str) -> McpError {
    McpError::forbidden(format!("there is no quota `{name}`"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn f140_a_configuration_is_written_out_and_read_from_a_file_alike() {
        let file = json!({
            "status": "active",
            "rate_limit_per_second": 100,
            "max_concurrent_requests": 10,
            "max_subscriptions": 2,
            "quotas": {"payments": {"limit": 5, "period_seconds": 3600}},
            "allowed_tools": ["search"],
        });
        let written = TenantConfig {
            status: TenantStatus::Active,
            rate_limit_per_second: Some(100),
            max_concurrent_requests: Some(10),
            max_subscriptions: Some(2),
            quotas: [("payments".to_owned(), Quota::per_hour(5))].into(),
            allowed_tools: Some(["search".to_owned()].into()),
        };
        assert_eq!(serde_json::from_value::<TenantConfig>(file).unwrap(), written);
        assert!(written.check().is_ok());
        assert!(serde_json::from_value::<TenantConfig>(json!({"rate_limit": 1})).is_err());
        assert_eq!(serde_json::from_value::<TenantConfig>(json!({})).unwrap(), TenantConfig::default());
    }

    #[test]
    fn f142_a_quota_that_is_not_granted_is_refused() {
        let none = Quota { limit: 0, ..Quota::per_day(1) };
        let quotas = [("payments".to_owned(), Quota::per_day(1)), ("exports".to_owned(), none)].into();
        let config = TenantConfig { quotas, ..TenantConfig::default() };
        assert!(config.check_quota("payments").is_ok());
        assert_eq!(config.check_quota("exports").unwrap_err().code().0, 403);
        assert_eq!(config.check_quota("imports").unwrap_err().code().0, 403);
    }

    #[test]
    fn what_would_let_nothing_pass_is_refused_by_name() {
        let check = |config: TenantConfig, field: &str| {
            let error = config.check().unwrap_err();
            assert!(error.is_configuration() && error.to_string().contains(field), "{error}");
        };
        check(TenantConfig { rate_limit_per_second: Some(0), ..Default::default() }, "`rate_limit_per_second`");
        check(TenantConfig { max_concurrent_requests: Some(0), ..Default::default() }, "`max_concurrent_requests`");
        let never = Quota { limit: 1, period: Duration::ZERO };
        check(TenantConfig { quotas: [("q".to_owned(), never)].into(), ..Default::default() }, "`quotas`");
    }
}
