//! Many customers on one server, each of whom sees and uses up only what is theirs.
//!
//! A request belongs to a tenant, or it is refused. Which one is found by [`TenantExtractor`]s, from what is *known* of
//! the caller: the tenant of the [`Principal`], which always counts, a claim, the name
//! of the holder of an API key. A header or a host name that anybody could send decides only if it is said that a
//! gateway in front vouches for it. Whoever says two different things is refused.
//!
//! Then one layer, [`Tenancy`], holds the request against the [`TenantConfig`] of its tenant, and puts the [`Tenant`]
//! into the extensions of the request. From there on the tenant is a part of who calls: of what sessions, request
//! states, subscriptions, tasks and cached results are bound to.
//!
//! ```
//! use turbomcp_server::ServerBuilder;
//! use turbomcp_server::tenancy::{JwtTenantExtractor, MemoryTenantConfigs, Tenancy, TenantConfig, TenantId};
//!
//! let configs = MemoryTenantConfigs::new();
//! configs.set(TenantId::new("acme")?, TenantConfig { rate_limit_per_second: Some(100), ..Default::default() })?;
//! let tenancy = Tenancy::new(configs).extractor(JwtTenantExtractor::new("tenant_id"));
//! let server = ServerBuilder::new().with_tenancy(tenancy)?.build();
//! assert!(server.tenants().is_some());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bucket;
mod config;
mod context;
mod extract;
#[cfg_attr(not(feature = "http"), path = "head/without.rs")]
mod head;
mod layer;
mod metrics;
mod source;
mod table;
mod tenant;

use std::sync::Arc;

use turbomcp_transport::{Extensions, Principal};

use crate::access::Visibility;
use crate::{Context, McpServer};

pub use config::{Quota, TenantConfig, TenantStatus};
pub use extract::{
    ApiKeyTenantExtractor, CompositeTenantExtractor, HeaderTenantExtractor, JwtTenantExtractor,
    PrincipalTenantExtractor, SubdomainTenantExtractor, TenantExtractor, Told,
};
pub use layer::{Tenancy, Tenants};
pub(crate) use metrics::{Family, families};
pub use metrics::{TenantMetrics, TenantSnapshot};
pub use source::{MemoryTenantConfigs, TenantConfigs};
pub use tenant::{InvalidTenant, Tenant, TenantId};

/// What a builder and a server keep of it.
pub(crate) type Setting = Option<Arc<Tenants>>;

/// Hides from callers what their tenants may not use, beside what is hidden anyway.
pub(crate) fn visibility(setting: &Setting, other: Option<Visibility>) -> Option<Visibility> {
    if setting.is_none() {
        return other;
    }
    let by_tenant = Visibility::of_tenants();
    Some(match other {
        Some(other) => by_tenant.and(other),
        None => by_tenant,
    })
}

/// Returns the id of the tenant a request belongs to, where a layer has found it.
pub(crate) fn id_of(extensions: &Extensions) -> Option<&str> {
    extensions.get::<Tenant>().map(text)
}

/// Returns the id of a tenant.
pub(crate) fn text(tenant: &Tenant) -> &str {
    tenant.as_str()
}

/// Puts the tenant where a handler finds it that runs for a request of another time.
pub(crate) fn restore(server: &McpServer, extensions: &mut Extensions) {
    let id = extensions.get::<Principal>().and_then(Principal::tenant).and_then(|id| TenantId::new(id).ok());
    if let Some((tenants, id)) = server.tenants().zip(id) {
        extensions.insert(tenants.known(id));
    }
}

/// Looks a tenant up, so that it is known with its limits, and returns true if work of another time may go on for it.
pub(crate) async fn may_go_on(server: &McpServer, tenant: &str, tool: &str) -> bool {
    let Some(tenants) = server.tenants() else { return true };
    let Ok(id) = TenantId::new(tenant) else { return false };
    tenants.may_go_on(&id, tool).await
}

/// Becomes the context of a request from a tenant, for tests.
pub(crate) fn for_tests(ctx: Context, tenant: &str) -> Context {
    match TenantId::new(tenant) {
        Ok(id) => ctx.with_extension(Tenant::new(id, TenantConfig::default())),
        Err(_) => ctx,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ServerBuilder;

    #[tokio::test]
    async fn a_task_that_goes_on_elsewhere_has_the_tenant_of_its_principal() {
        let configs = MemoryTenantConfigs::new();
        let acme = TenantId::new("acme").unwrap();
        configs.set(acme.clone(), TenantConfig { max_subscriptions: Some(7), ..TenantConfig::default() }).unwrap();
        let known = configs.clone();
        let server = ServerBuilder::new().with_tenancy(Tenancy::new(configs)).unwrap().build();
        let restored = |principal: Option<Principal>, server: &McpServer| {
            let mut extensions = Extensions::new();
            if let Some(principal) = principal {
                extensions.insert(principal);
            }
            restore(server, &mut extensions);
            extensions.get::<Tenant>().cloned()
        };
        let ada = || Some(Principal::new("ada").with_tenant("acme"));
        assert_eq!(restored(ada(), &server).unwrap().id(), &acme);
        // Once it has been looked up, with its limits, which is before any task goes on.
        assert!(may_go_on(&server, "acme", "any").await);
        assert_eq!(restored(ada(), &server).unwrap().config().max_subscriptions, Some(7));
        assert!(restored(None, &server).is_none() && restored(Some(Principal::new("ada")), &server).is_none());
        assert!(restored(ada(), &ServerBuilder::new().build()).is_none());
        // Nothing goes on for whoever is not let in, nor what it may not use.
        assert!(!may_go_on(&server, "globex", "any").await && !may_go_on(&server, "no tenant!", "any").await);
        let allowed_tools = Some(["search".to_owned()].into());
        known.set(acme.clone(), TenantConfig { allowed_tools, ..TenantConfig::default() }).unwrap();
        assert!(may_go_on(&server, "acme", "search").await && !may_go_on(&server, "acme", "erase").await);
        known.set(acme, TenantConfig { status: TenantStatus::Suspended, ..TenantConfig::default() }).unwrap();
        assert!(!may_go_on(&server, "acme", "search").await);
    }
}
