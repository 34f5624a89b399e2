//! What a handler may ask of who is calling.

use std::ops::Deref;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use turbomcp_protocol::{McpError, McpResult};
use turbomcp_transport::authenticate::Refusal;
use turbomcp_transport::{Extensions, Identity, Principal};

use super::Access;
use crate::{Context, FromContext};

/// Returns whom what is kept between requests belongs to.
pub(crate) fn identity(extensions: &Extensions) -> Option<&Identity> {
    // A layer may have said who it is and nothing else.
    let by_principal = || extensions.get::<Principal>().map(|principal| &**principal.identity());
    extensions.get::<Identity>().or_else(by_principal)
}

impl Context {
    /// Becomes the context of a request that this caller sends, for tests of a handler.
    ///
    /// ```
    /// use turbomcp_server::Context;
    /// use turbomcp_transport::Principal;
    ///
    /// let ctx = Context::new().with_principal(Principal::new("ada").with_roles(["admin"]));
    /// assert_eq!(ctx.user_id(), Some("ada"));
    /// assert!(ctx.roles().contains(&"admin".to_string()));
    /// ```
    #[must_use]
    pub fn with_principal(&self, principal: Principal) -> Self {
        self.with_extension((**principal.identity()).clone()).with_extension(principal)
    }

    /// Becomes the context of a request from this tenant, for tests of a handler.
    ///
    /// The caller is the one there is; without one, somebody named `test`.
    ///
    /// ```
    /// use turbomcp_server::RequestContext;
    ///
    /// let ctx = RequestContext::new().with_tenant_id("acme");
    /// assert_eq!(ctx.tenant_id(), Some("acme"));
    /// ```
    #[must_use]
    pub fn with_tenant_id(&self, tenant: impl Into<Box<str>>) -> Self {
        let principal = self.principal().cloned().unwrap_or_else(|| Principal::new("test"));
        let principal = principal.with_tenant(tenant);
        let id = principal.tenant().unwrap_or_default().to_owned();
        crate::tenancy::for_tests(self.with_principal(principal), &id)
    }

    /// Returns true if it is known who is calling.
    #[must_use]
    pub fn is_authenticated(&self) -> bool {
        self.principal().is_some()
    }

    /// Returns who is calling: the subject, which is unique for its issuer and tenant.
    #[must_use]
    pub fn user_id(&self) -> Option<&str> {
        self.principal().map(Principal::subject)
    }

    /// Returns the tenant that the request belongs to; without a tenancy, the one its caller belongs to.
    #[must_use]
    pub fn tenant_id(&self) -> Option<&str> {
        crate::tenancy::id_of(self.extensions()).or_else(|| self.principal()?.tenant())
    }

    /// Returns the roles of the caller; [`Principal::roles`] lends them.
    #[must_use]
    pub fn roles(&self) -> Vec<String> {
        self.principal().map(|principal| principal.roles().to_vec()).unwrap_or_default()
    }

    /// Returns the permissions of the caller; [`Principal::permissions`] lends them.
    #[must_use]
    pub fn permissions(&self) -> Vec<String> {
        self.principal().map(|principal| principal.permissions().to_vec()).unwrap_or_default()
    }

    /// Returns true if the caller has this role.
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        self.principal().is_some_and(|principal| principal.has_role(role))
    }

    /// Returns true if the caller has one of these roles.
    ///
    /// ```
    /// use turbomcp_server::Context;
    /// use turbomcp_transport::Principal;
    ///
    /// let ctx = Context::new().with_principal(Principal::new("ada").with_roles(["editor"]));
    /// assert!(ctx.has_any_role(["editor", "admin"]));
    /// assert!(!ctx.has_any_role(&["admin".to_string()]));
    /// ```
    #[must_use]
    pub fn has_any_role<R: AsRef<str>>(&self, roles: impl IntoIterator<Item = R>) -> bool {
        self.principal().is_some_and(|principal| roles.into_iter().any(|role| principal.has_role(role.as_ref())))
    }

    /// Lets only a caller go on who has this permission.
    ///
    /// ```
    /// use turbomcp_protocol::McpResult;
    /// use turbomcp_server::Context;
    /// use turbomcp_transport::Principal;
    ///
    /// fn rows(ctx: &Context) -> McpResult<u64> {
    ///     ctx.check_permission("database:read")?;
    ///     Ok(3)
    /// }
    ///
    /// let writer = Context::new().with_principal(Principal::new("ada").with_permissions(["database:write"]));
    /// assert_eq!(rows(&writer).unwrap_err().message(), "Permission denied: database:read");
    /// ```
    ///
    /// # Errors
    ///
    /// If the caller lacks it: over HTTP a 403, as long as nothing else was sent before it; a 401 if it is not known who
    /// is calling.
    pub fn check_permission(&self, permission: &str) -> McpResult<()> {
        let principal = self.known_principal()?;
        if principal.has_permission(permission) { Ok(()) } else { Err(denied(permission)) }
    }

    /// Lets only a caller go on who has what is needed.
    pub(crate) fn check_access(&self, access: &Access) -> McpResult<()> {
        if access.needs_nothing() {
            return Ok(());
        }
        let principal = self.principal();
        let Some(known) = principal.filter(|principal| access.has_scopes(principal)) else {
            return Err(self.refuse(self.insufficient_scope(&access.all_scopes())));
        };
        if !access.has_role(known) {
            return Err(denied(&access.all_roles().join(" or ")));
        }
        access.missing_permission(known).map_or(Ok(()), |permission| Err(denied(permission)))
    }

    /// Says what somebody is told who lacks some of these scopes.
    pub(crate) fn insufficient_scope(&self, scopes: &[&str]) -> Refusal {
        let principal = self.principal();
        match self.server().auth() {
            Some(auth) => auth.insufficient_scope(principal, scopes),
            None if principal.is_none() => Refusal::unauthorized("credentials are required"),
            None => Refusal::forbidden("more scopes are needed"),
        }
    }

    /// Keeps what HTTP answers beside the error.
    pub(crate) fn refuse(&self, refusal: Refusal) -> McpError {
        let error = crate::auth::error(&refusal);
        let _ = self.inner().refusal.set(refusal);
        error
    }

    fn known_principal(&self) -> McpResult<&Principal> {
        self.principal().ok_or_else(|| self.refuse(self.insufficient_scope(&[])))
    }
}

fn denied(what: &str) -> McpError {
    McpError::forbidden(format!("Permission denied: {what}"))
}

/// Who is calling, as a parameter of a handler. `Option<Principal>` where the handler is for anybody.
impl FromContext for Principal {
    fn from_context(ctx: &Context) -> McpResult<Self> {
        ctx.known_principal().cloned()
    }
}

/// What is claimed of the caller, as a parameter of a handler: any type that can be read from it.
///
/// Without a type it is a JSON object. `Option<Claims<T>>` is none where it is not known who calls, and where the claims
/// do not fit the type.
///
/// ```
/// use serde::Deserialize;
/// use turbomcp_server::{Claims, Context, FromContext};
/// use turbomcp_transport::Principal;
///
/// #[derive(Deserialize)]
/// struct Profile {
///     email: String,
/// }
///
/// let claims = serde_json::value::to_raw_value(&serde_json::json!({"email": "ada@example.com"}))?;
/// let ctx = Context::new().with_principal(Principal::new("ada").with_claims(claims));
/// let Claims(profile) = Claims::<Profile>::from_context(&ctx)?;
/// assert_eq!(profile.email, "ada@example.com");
/// let claims = Claims::<serde_json::Map<_, _>>::from_context(&ctx)?;
/// assert_eq!(claims["email"], "ada@example.com");
/// # Ok::<(), turbomcp_protocol::McpError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "it is taken apart in a handler's parameters")]
pub struct Claims<T = Map<String, Value>>(pub T);

impl<T: DeserializeOwned> FromContext for Claims<T> {
    fn from_context(ctx: &Context) -> McpResult<Self> {
        ctx.known_principal()?.claims().map(Self).map_err(|error| {
            // Which member does not fit is nothing to tell the caller: it cannot change its claims.
            tracing::warn!(%error, claims = std::any::type_name::<T>(), "the claims of a caller do not fit");
            McpError::forbidden("the credentials do not say what is needed")
        })
    }
}

impl<T> Deref for Claims<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use turbomcp_protocol::ErrorCode;

    use super::*;

    fn ada() -> Principal {
        Principal::new("ada").with_scopes(["a"]).with_roles(["x"]).with_permissions(["p"])
    }

    #[track_caller]
    fn check(ctx: &Context, access: Access, expected: Option<(ErrorCode, &str)>) {
        let error = ctx.check_access(&access).err();
        assert_eq!(error.as_ref().map(|error| (error.code(), error.message())), expected, "{access:?}");
    }

    #[test]
    fn each_lack_has_an_error_of_its_own() {
        let ctx = Context::new().with_principal(ada());
        check(&ctx, Access::new().scopes(["a"]).roles(["x"]).permissions(["p"]), None);
        let forbidden = |text| Some((ErrorCode::FORBIDDEN, text));
        check(&ctx, Access::new().scopes(["a", "b"]), forbidden("more scopes are needed"));
        check(&ctx, Access::new().roles(["y", "z"]), forbidden("Permission denied: y or z"));
        check(&ctx, Access::new().permissions(["p", "q"]), forbidden("Permission denied: q"));
        let unauthorized = Some((ErrorCode::UNAUTHORIZED, "credentials are required"));
        check(&Context::new(), Access::new(), None);
        check(&Context::new(), Access::new().scopes(["a"]), unauthorized);
        check(&Context::new(), Access::new().roles(["x"]), unauthorized);
        check(&Context::new(), Access::new().permissions(["p"]), unauthorized);
    }

    #[test]
    fn nobody_has_nothing() {
        let ctx = Context::new();
        assert_eq!((ctx.is_authenticated(), ctx.user_id(), ctx.tenant_id()), (false, None, None));
        assert!(ctx.roles().is_empty() && ctx.permissions().is_empty());
        assert!(!ctx.has_role("") && !ctx.has_any_role([""]));
        assert_eq!(ctx.check_permission("p").unwrap_err().code(), ErrorCode::UNAUTHORIZED);
        assert_eq!(Principal::from_context(&ctx).unwrap_err().code(), ErrorCode::UNAUTHORIZED);
        assert_eq!(Claims::<Map<_, _>>::from_context(&ctx).unwrap_err().code(), ErrorCode::UNAUTHORIZED);
        assert!(Option::<Principal>::from_context(&ctx).unwrap().is_none());
    }

    #[test]
    fn somebody_has_what_was_said_of_them() {
        let ctx = Context::new().with_principal(ada());
        assert_eq!((ctx.is_authenticated(), ctx.user_id(), ctx.tenant_id()), (true, Some("ada"), None));
        assert_eq!((ctx.roles(), ctx.permissions()), (vec!["x".to_owned()], vec!["p".to_owned()]));
        assert!(ctx.has_role("x") && !ctx.has_role("y") && ctx.has_any_role(["y", "x"]) && !ctx.has_any_role(["y"]));
        assert!(ctx.check_permission("p").is_ok());
        assert_eq!(Principal::from_context(&ctx).unwrap().subject(), "ada");
        assert!(Claims::<Map<_, _>>::from_context(&ctx).unwrap().is_empty());
        assert_eq!(ctx.extensions().get::<Identity>(), Some(&**ada().identity()));
    }

    #[test]
    fn a_tenant_is_one_of_the_caller() {
        let ctx = Context::new().with_principal(ada()).with_tenant_id("acme");
        assert_eq!((ctx.user_id(), ctx.tenant_id()), (Some("ada"), Some("acme")));
        assert!(ctx.has_role("x"));
        assert_eq!(ctx.with_tenant_id("other").tenant_id(), Some("other"));
    }

    #[test]
    fn claims_that_do_not_fit_are_not_shown_to_the_caller() {
        let claims = serde_json::value::to_raw_value(&serde_json::json!({"level": "secret"})).unwrap();
        let ctx = Context::new().with_principal(ada().with_claims(claims));
        #[derive(Debug, serde::Deserialize)]
        struct Level {
            #[expect(dead_code, reason = "it cannot be read")]
            level: u8,
        }
        let error = Claims::<Level>::from_context(&ctx).unwrap_err();
        assert_eq!(error.code(), ErrorCode::FORBIDDEN);
        assert!(!error.message().contains("secret"), "{error:?}");
        assert!(Option::<Claims<Level>>::from_context(&ctx).unwrap().is_none());
    }
}
