//! Which tenant it is.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex};

use serde::Deserialize;
use tokio::time::Instant;
use turbomcp_protocol::{McpError, McpResult};

use super::TenantConfig;
use super::config::no_quota;
use crate::sync::lock;

/// How many bytes the id of a tenant may have.
const LONGEST: usize = 128;

/// The id of a tenant: up to 128 letters, digits and `-`, `_`, `.`, `:`, of which the first is a letter or a digit.
///
/// ```
/// use turbomcp_server::tenancy::TenantId;
///
/// assert_eq!(TenantId::new("acme")?.as_str(), "acme");
/// assert_ne!(TenantId::new("acme")?, TenantId::new("ACME")?);
/// assert!(TenantId::new("").is_err() && TenantId::new("../acme").is_err() && TenantId::new("acme'--").is_err());
/// # Ok::<(), turbomcp_server::tenancy::InvalidTenant>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct TenantId(Arc<str>);

impl TenantId {
    /// Takes an id.
    ///
    /// # Errors
    ///
    /// If the text cannot be one.
    pub fn new(text: impl AsRef<str>) -> Result<Self, InvalidTenant> {
        let text = text.as_ref();
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
        if text.len() > LONGEST || !text.starts_with(|c: char| c.is_ascii_alphanumeric()) || !text.bytes().all(is_plain)
        {
            return Err(InvalidTenant::new("it cannot be the id of a tenant"));
        }
        Ok(Self(text.into()))
    }

    /// Returns the id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TenantId {
    type Err = InvalidTenant;

    fn from_str(text: &str) -> Result<Self, InvalidTenant> {
        Self::new(text)
    }
}

impl TryFrom<String> for TenantId {
    type Error = InvalidTenant;

    fn try_from(text: String) -> Result<Self, InvalidTenant> {
        Self::new(text)
    }
}

impl AsRef<str> for TenantId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Says that what is told of a tenant cannot be right. What was told is not a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidTenant {
    reason: &'static str,
    is_conflict: bool,
}

impl InvalidTenant {
    /// Says why, for the logs of the server: clients are not told.
    #[must_use]
    pub fn new(reason: &'static str) -> Self {
        Self { reason, is_conflict: false }
    }

    pub(super) fn conflict() -> Self {
        Self { reason: "two different tenants are named", is_conflict: true }
    }

    /// Returns true if two different tenants were named.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.is_conflict
    }
}

impl fmt::Display for InvalidTenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason)
    }
}

impl std::error::Error for InvalidTenant {}

/// The tenant a request belongs to, once it was let in; lives in the [`Extensions`](turbomcp_transport::Extensions) of
/// the request, where [`Context::tenant`](crate::Context::tenant) finds it.
///
/// Cloning shares it. It is the tenant as it was configured when the request came; what is used up of its quotas is
/// counted for all of its requests together.
#[derive(Clone)]
pub struct Tenant {
    inner: Arc<Inner>,
}

struct Inner {
    id: TenantId,
    config: TenantConfig,
    used: Arc<Used>,
}

/// What is used up of quotas, by their names.
#[derive(Debug, Default)]
pub(super) struct Used(Mutex<HashMap<String, Window>>);

#[derive(Debug)]
struct Window {
    since: Instant,
    used: u64,
}

impl Used {
    pub(super) fn is_empty(&self) -> bool {
        lock(&self.0).is_empty()
    }
}

impl Tenant {
    /// Makes a tenant of which nothing is used up, for tests of a handler; servers have theirs from
    /// [`Tenancy`](super::Tenancy).
    #[must_use]
    pub fn new(id: TenantId, config: TenantConfig) -> Self {
        Self::with_use(id, config, Arc::default())
    }

    pub(super) fn with_use(id: TenantId, config: TenantConfig, used: Arc<Used>) -> Self {
        Self { inner: Arc::new(Inner { id, config, used }) }
    }

    /// Returns its id.
    #[must_use]
    pub fn id(&self) -> &TenantId {
        &self.inner.id
    }

    /// Returns its id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.inner.id.as_str()
    }

    /// Returns how it is configured.
    #[must_use]
    pub fn config(&self) -> &TenantConfig {
        &self.inner.config
    }

    /// Uses up one of a quota.
    ///
    /// ```
    /// use std::time::Duration;
    /// use turbomcp_server::tenancy::{Quota, Tenant, TenantConfig, TenantId};
    ///
    /// let quotas = [("payments".to_owned(), Quota::per_day(1))].into();
    /// let tenant = Tenant::new(TenantId::new("acme")?, TenantConfig { quotas, ..Default::default() });
    /// assert!(tenant.spend_quota("payments").is_ok());
    /// assert!(tenant.spend_quota("payments").is_err(), "one a day");
    /// assert!(tenant.spend_quota("exports").is_err(), "what is not granted is not allowed");
    /// # Ok::<(), turbomcp_server::tenancy::InvalidTenant>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The code 403 if the tenant has no such quota, 429 if it is used up; then `data` says when to try again. Over
    /// HTTP [`Context::spend_quota`](crate::Context::spend_quota) has a `Retry-After`, too.
    pub fn spend_quota(&self, name: &str) -> McpResult<()> {
        match self.take(name)? {
            None => Ok(()),
            Some(wait) => {
                let error = McpError::rate_limited(format!("the quota `{name}` is used up"));
                Err(error.with_data(crate::layers::retry_after(wait)))
            }
        }
    }

    /// Uses up one of a quota, or says how long it will be until there is more.
    pub(super) fn take(&self, name: &str) -> McpResult<Option<std::time::Duration>> {
        let quota = self.config().quotas.get(name).filter(|quota| quota.limit > 0).ok_or_else(|| no_quota(name))?;
        let now = Instant::now();
        let mut all = lock(&self.inner.used.0);
        let window = all.entry(name.to_owned()).or_insert(Window { since: now, used: 0 });
        let passed = now.saturating_duration_since(window.since);
        if passed >= quota.period {
            *window = Window { since: now, used: 0 };
        }
        if window.used >= quota.limit {
            return Ok(Some(quota.period.saturating_sub(passed)));
        }
        window.used += 1;
        Ok(None)
    }
}

impl fmt::Debug for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tenant").field(self.id()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::tenancy::Quota;

    #[test]
    fn an_id_is_short_and_plain() {
        let longest = "a".repeat(LONGEST);
        for good in ["a", "0", "acme", "org_1:eu-west.2", "6f1c9a9e-51b8-4b6c-8f7e-1d2c3b4a5968", &longest] {
            assert_eq!(TenantId::new(good).map(|id| id.to_string()), Ok(good.to_owned()));
            assert!(serde_json::from_value::<TenantId>(good.into()).is_ok());
        }
        let longer = "a".repeat(LONGEST + 1);
        for bad in ["", " ", "a b", "-a", ".a", "_other", "a/b", "a\n", "a\0", "a'", "ä", "a,b", "*", &longer] {
            assert!(TenantId::new(bad).is_err(), "{bad:?}");
            assert!(serde_json::from_value::<TenantId>(bad.into()).is_err(), "{bad:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_quota_is_counted_by_its_period() {
        let quota = Quota { limit: 2, period: Duration::from_secs(60) };
        let config = TenantConfig { quotas: [("q".to_owned(), quota)].into(), ..TenantConfig::default() };
        let tenant = Tenant::new(TenantId::new("acme").unwrap(), config);
        let clone = tenant.clone();
        assert!(tenant.spend_quota("q").is_ok() && clone.spend_quota("q").is_ok());
        tokio::time::advance(Duration::from_secs(59)).await;
        let refused = tenant.spend_quota("q").unwrap_err();
        assert_eq!((refused.code().0, refused.data().unwrap()["retryAfterMs"].as_u64()), (429, Some(1000)));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(tenant.spend_quota("q").is_ok());
        assert_eq!(tenant.spend_quota("other").unwrap_err().code().0, 403);
    }
}
