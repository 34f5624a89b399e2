//! What a handler may ask of its tenant.

use turbomcp_protocol::{ErrorCode, McpError, McpResult};
use turbomcp_transport::authenticate::Refusal;

use super::{Tenant, TenantConfig, TenantId};
use crate::{Context, FromContext};

impl Context {
    /// Returns the tenant the request belongs to; none if the server has no [tenancy](crate::tenancy).
    #[must_use]
    pub fn tenant(&self) -> Option<&Tenant> {
        self.extensions().get()
    }

    /// Returns the tenant the request belongs to.
    ///
    /// ```
    /// use turbomcp_protocol::McpResult;
    /// use turbomcp_server::{Context, RequestContext};
    ///
    /// fn greet(ctx: &Context) -> McpResult<String> {
    ///     Ok(format!("Hello, {}", ctx.require_tenant()?.id()))
    /// }
    ///
    /// assert_eq!(greet(&RequestContext::new().with_tenant_id("acme"))?, "Hello, acme");
    /// assert!(greet(&RequestContext::new()).is_err());
    /// # Ok::<(), turbomcp_protocol::McpError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The code 403 if there is none.
    pub fn require_tenant(&self) -> McpResult<&Tenant> {
        self.tenant().ok_or_else(|| self.refuse(Refusal::forbidden("a tenant is required")))
    }

    /// Returns how the tenant is configured.
    ///
    /// # Errors
    ///
    /// The code 403 if the request belongs to no tenant.
    pub fn tenant_config(&self) -> McpResult<&TenantConfig> {
        self.require_tenant().map(Tenant::config)
    }

    /// Lets go on only if something belongs to the tenant of the request. What belongs to somebody else is answered as
    /// what is not there, for which [`owned`](Self::owned) has the same words.
    ///
    /// ```
    /// use turbomcp_server::RequestContext;
    ///
    /// let ctx = RequestContext::new().with_tenant_id("acme");
    /// assert!(ctx.validate_tenant_ownership("acme").is_ok());
    /// assert!(ctx.validate_tenant_ownership("globex").is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// The code of a resource that is not found if it belongs to another tenant; 403 if the request belongs to none.
    pub fn validate_tenant_ownership(&self, owner: &(impl AsRef<str> + ?Sized)) -> McpResult<()> {
        if self.require_tenant()?.as_str() == owner.as_ref() { Ok(()) } else { Err(not_found()) }
    }

    /// Returns what was found, if it belongs to the tenant of the request.
    ///
    /// ```
    /// use turbomcp_server::RequestContext;
    ///
    /// struct Order {
    ///     tenant: String,
    /// }
    ///
    /// let ctx = RequestContext::new().with_tenant_id("acme");
    /// let foreign = Some(Order { tenant: "globex".to_owned() });
    /// let foreign = ctx.owned(foreign, |order| &order.tenant).err().unwrap();
    /// let absent = ctx.owned(None, |order: &Order| &order.tenant).err().unwrap();
    /// assert_eq!((foreign.code(), foreign.message()), (absent.code(), absent.message()));
    /// ```
    ///
    /// # Errors
    ///
    /// The same if nothing was found and if it belongs to another tenant: the code of a resource that is not found. 403
    /// if the request belongs to no tenant.
    pub fn owned<T>(&self, found: Option<T>, owner: impl FnOnce(&T) -> &str) -> McpResult<T> {
        let tenant = self.require_tenant()?.as_str();
        found.filter(|found| owner(found) == tenant).ok_or_else(not_found)
    }

    /// Uses up one of a quota of the tenant.
    ///
    /// # Errors
    ///
    /// The code 429 if it is used up, over HTTP with `Retry-After`; 403 if the tenant has no such quota, or the request
    /// belongs to no tenant.
    pub fn spend_quota(&self, name: &str) -> McpResult<()> {
        match self.require_tenant()?.take(name)? {
            None => Ok(()),
            Some(wait) => Err(self.refuse(Refusal::rate_limited(format!("the quota `{name}` is used up"), wait))),
        }
    }

    /// Becomes the context of a request from a tenant that is configured so, for tests of a handler.
    #[must_use]
    pub fn with_tenant_config(&self, id: TenantId, config: TenantConfig) -> Self {
        self.with_tenant_id(id.as_str()).with_extension(Tenant::new(id, config))
    }
}

/// The tenant of the request, as a parameter of a handler.
impl FromContext for Tenant {
    fn from_context(ctx: &Context) -> McpResult<Self> {
        ctx.require_tenant().cloned()
    }
}

fn not_found() -> McpError {
    McpError::new(ErrorCode::RESOURCE_NOT_FOUND, "it does not exist")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tenancy::Quota;

    #[test]
    fn f137_a_context_for_tests_has_a_tenant() {
        let ctx = Context::new().with_tenant_id("acme");
        assert_eq!((ctx.tenant_id(), ctx.tenant().map(Tenant::as_str)), (Some("acme"), Some("acme")));
        assert_eq!(Tenant::from_context(&ctx).unwrap().as_str(), "acme");
        assert!(Context::new().tenant().is_none() && Tenant::from_context(&Context::new()).is_err());
        // What cannot be a tenant is none, though a principal may have it.
        assert!(Context::new().with_tenant_id("a b").tenant().is_none());
        let quotas = [("q".to_owned(), Quota::per_day(1))].into();
        let config = TenantConfig { quotas, ..TenantConfig::default() };
        let ctx = Context::new().with_tenant_config(TenantId::new("acme").unwrap(), config);
        assert!(ctx.tenant_config().unwrap().check_quota("q").is_ok());
        assert!(ctx.spend_quota("q").is_ok());
        assert_eq!(ctx.spend_quota("q").unwrap_err().code(), ErrorCode::RATE_LIMITED);
        assert_eq!(ctx.inner().refusal.get().map(Refusal::status), Some(429));
    }

    #[test]
    fn f136_absent_and_foreign_look_alike() {
        let ctx = Context::new().with_tenant_id("acme");
        let said = |error: McpError| (error.code(), error.message().to_owned(), error.data().cloned());
        let foreign = said(ctx.validate_tenant_ownership("globex").unwrap_err());
        assert_eq!(said(ctx.owned(Some("globex"), |owner| owner).unwrap_err()), foreign);
        assert_eq!(said(ctx.owned(None::<&str>, |owner| owner).unwrap_err()), foreign);
        assert!(!foreign.1.contains("globex") && !foreign.1.contains("acme"));
        assert_eq!(ctx.owned(Some("acme"), |owner| owner).unwrap(), "acme");
        let tenant = TenantId::new("acme").unwrap();
        assert!(ctx.validate_tenant_ownership(&tenant).is_ok());
        let nobody = Context::new();
        assert_eq!(nobody.validate_tenant_ownership("acme").unwrap_err().code(), ErrorCode::FORBIDDEN);
        assert_eq!(nobody.owned(Some("acme"), |owner| owner).unwrap_err().code(), ErrorCode::FORBIDDEN);
    }
}
