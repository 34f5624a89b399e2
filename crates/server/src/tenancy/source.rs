//! Where the configurations of tenants come from.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use serde::{Deserialize, Deserializer};

use super::{TenantConfig, TenantId};
use crate::sync::{read, write};
use crate::{BoxError, Error};

/// Where the configurations of tenants come from: a database, a file, memory.
///
/// ```
/// use std::collections::HashMap;
/// use turbomcp_server::BoxError;
/// use turbomcp_server::tenancy::{TenantConfig, TenantConfigs, TenantId};
///
/// struct FromFile(HashMap<TenantId, TenantConfig>);
///
/// impl TenantConfigs for FromFile {
///     async fn load_config(&self, tenant: &TenantId) -> Result<Option<TenantConfig>, BoxError> {
///         Ok(self.0.get(tenant).cloned())
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say how tenants are configured",
    note = "hand over `MemoryTenantConfigs`, or a type that implements `TenantConfigs`"
)]
pub trait TenantConfigs: Send + Sync + 'static {
    /// Returns how a tenant is configured; none if there is no such tenant.
    ///
    /// # Errors
    ///
    /// If it cannot be found out at the moment: requests of the tenant are then refused with the code 503.
    fn load_config(&self, tenant: &TenantId) -> impl Future<Output = Result<Option<TenantConfig>, BoxError>> + Send;

    /// Returns for how long an answer holds: so late is it noticed that a tenant was suspended, unless somebody says so
    /// by [`Tenants::reload`](super::Tenants::reload). 30 seconds unless said otherwise; zero asks for each request.
    fn fresh_for(&self) -> Duration {
        Duration::from_secs(30)
    }

    /// Returns a number that is another one after each change of any configuration, if there is such a thing: then
    /// configurations are loaded again when it has changed, and not because of [`fresh_for`](Self::fresh_for).
    fn version(&self) -> Option<u64> {
        None
    }
}

/// The configurations of tenants in memory. Clones share them, so that they can be changed while a server runs: a
/// change counts from the next request on.
///
/// ```
/// use turbomcp_server::tenancy::{MemoryTenantConfigs, TenantConfig, TenantId, TenantStatus};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let tenant_configs = MemoryTenantConfigs::new();
/// let acme = TenantId::new("acme")?;
/// tenant_configs.set(acme.clone(), TenantConfig { status: TenantStatus::Suspended, ..Default::default() })?;
/// assert!(tenant_configs.get_config(&acme).await.is_some_and(|config| !config.is_active()));
/// assert!(tenant_configs.remove(&acme));
/// assert!(tenant_configs.get_config(&acme).await.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct MemoryTenantConfigs {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    by_id: RwLock<HashMap<TenantId, TenantConfig>>,
    changes: AtomicU64,
}

impl MemoryTenantConfigs {
    /// Begins without any tenant.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a tenant, or configures it anew.
    ///
    /// # Errors
    ///
    /// If a field of the configuration cannot be meant; then nothing is changed.
    pub fn set(&self, tenant: TenantId, config: TenantConfig) -> Result<(), Error> {
        config.check()?;
        self.change(|by_id| drop(by_id.insert(tenant, config)));
        Ok(())
    }

    /// Removes a tenant; false if there is none.
    #[must_use]
    pub fn remove(&self, tenant: &TenantId) -> bool {
        self.change(|by_id| by_id.remove(tenant).is_some())
    }

    /// Replaces all tenants at once, as after reading a file again.
    ///
    /// # Errors
    ///
    /// If a field of a configuration cannot be meant; then nothing is changed.
    pub fn replace(&self, tenants: impl IntoIterator<Item = (TenantId, TenantConfig)>) -> Result<(), Error> {
        let tenants: HashMap<_, _> = tenants.into_iter().collect();
        tenants.values().try_for_each(TenantConfig::check)?;
        self.change(|by_id| *by_id = tenants);
        Ok(())
    }

    fn change<T>(&self, change: impl FnOnce(&mut HashMap<TenantId, TenantConfig>) -> T) -> T {
        let mut by_id = write(&self.shared.by_id);
        let changed = change(&mut by_id);
        self.shared.changes.fetch_add(1, Ordering::Release);
        changed
    }

    /// Returns how a tenant is configured.
    pub async fn get_config(&self, tenant: &TenantId) -> Option<TenantConfig> {
        read(&self.shared.by_id).get(tenant).cloned()
    }
}

/// Reads an object of configurations by tenant.
impl<'de> Deserialize<'de> for MemoryTenantConfigs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let new = Self::new();
        new.replace(HashMap::<TenantId, TenantConfig>::deserialize(deserializer)?).map_err(serde::de::Error::custom)?;
        Ok(new)
    }
}

impl TenantConfigs for MemoryTenantConfigs {
    async fn load_config(&self, tenant: &TenantId) -> Result<Option<TenantConfig>, BoxError> {
        Ok(self.get_config(tenant).await)
    }

    fn version(&self) -> Option<u64> {
        Some(self.shared.changes.load(Ordering::Acquire))
    }
}

/// What loading a configuration comes to.
pub(super) type Loading<'a> = Pin<Box<dyn Future<Output = Result<Option<TenantConfig>, BoxError>> + Send + 'a>>;

/// [`TenantConfigs`], whatever its type.
pub(super) trait ErasedConfigs: Send + Sync {
    fn load<'a>(&'a self, tenant: &'a TenantId) -> Loading<'a>;
    fn fresh_for(&self) -> Duration;
    fn version(&self) -> Option<u64>;
}

impl<C: TenantConfigs> ErasedConfigs for C {
    fn load<'a>(&'a self, tenant: &'a TenantId) -> Loading<'a> {
        Box::pin(self.load_config(tenant))
    }

    fn fresh_for(&self) -> Duration {
        TenantConfigs::fresh_for(self)
    }

    fn version(&self) -> Option<u64> {
        TenantConfigs::version(self)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn f143_tenants_are_read_from_a_file_and_all_or_none_are_taken() {
        let file = json!({"acme": {"rate_limit_per_second": 5}, "globex": {}});
        let configs: MemoryTenantConfigs = serde_json::from_value(file).unwrap();
        let id = |text| TenantId::new(text).unwrap();
        assert_eq!(configs.get_config(&id("acme")).await.unwrap().rate_limit_per_second, Some(5));
        let bad = TenantConfig { rate_limit_per_second: Some(0), ..TenantConfig::default() };
        assert!(configs.set(id("acme"), bad.clone()).unwrap_err().is_configuration());
        assert!(configs.replace([(id("new"), TenantConfig::default()), (id("bad"), bad)]).is_err());
        assert_eq!(configs.get_config(&id("acme")).await.unwrap().rate_limit_per_second, Some(5));
        assert!(configs.get_config(&id("new")).await.is_none());
        assert!(serde_json::from_value::<MemoryTenantConfigs>(json!({"a": {"rate_limit_per_second": 0}})).is_err());
        assert!(serde_json::from_value::<MemoryTenantConfigs>(json!({"a b": {}})).is_err());
    }
}
