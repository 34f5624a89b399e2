//! Who is calling, once that has been found out.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::Identity;

/// Who is calling, and what they may do. Lives in the [`Extensions`](crate::Extensions) of a message.
///
/// Cloning shares it. `Debug` shows neither claims nor tenant.
///
/// ```
/// use serde::Deserialize;
/// use turbomcp_transport::Principal;
///
/// #[derive(Deserialize)]
/// struct Claims {
///     email: String,
/// }
///
/// let claims = serde_json::value::to_raw_value(&serde_json::json!({"email": "ada@example.com"}))?;
/// let ada = Principal::new("ada").with_issuer("https://id.example").with_scopes(["notes.read"]).with_claims(claims);
/// assert!(ada.has_scope("notes.read"));
/// assert_eq!(ada.claims::<Claims>()?.email, "ada@example.com");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone)]
pub struct Principal {
    inner: Arc<Inner>,
}

#[derive(Clone)]
struct Inner {
    subject: Box<str>,
    issuer: Option<Box<str>>,
    tenant: Option<Box<str>>,
    scopes: Vec<String>,
    roles: Vec<String>,
    permissions: Vec<String>,
    claims: Option<Box<RawValue>>,
    expires_at: Option<SystemTime>,
    identity: OnceLock<Arc<Identity>>,
}

impl Principal {
    /// Creates a principal that may do nothing in particular. The subject is unique for its issuer and tenant.
    pub fn new(subject: impl Into<Box<str>>) -> Self {
        Self {
            inner: Arc::new(Inner {
                subject: subject.into(),
                issuer: None,
                tenant: None,
                scopes: Vec::new(),
                roles: Vec::new(),
                permissions: Vec::new(),
                claims: None,
                expires_at: None,
                identity: OnceLock::new(),
            }),
        }
    }

    /// Says who vouches for the subject.
    #[must_use]
    pub fn with_issuer(self, issuer: impl Into<Box<str>>) -> Self {
        self.with(|inner| inner.issuer = Some(issuer.into()))
    }

    /// Says which tenant it belongs to. The same subject is somebody else in another tenant.
    #[must_use]
    pub fn with_tenant(self, tenant: impl Into<Box<str>>) -> Self {
        self.with(|inner| inner.tenant = Some(tenant.into()))
    }

    /// Sets its scopes.
    #[must_use]
    pub fn with_scopes<S: Into<String>>(self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.with(|inner| inner.scopes = scopes.into_iter().map(Into::into).collect())
    }

    /// Sets its roles.
    #[must_use]
    pub fn with_roles<S: Into<String>>(self, roles: impl IntoIterator<Item = S>) -> Self {
        self.with(|inner| inner.roles = roles.into_iter().map(Into::into).collect())
    }

    /// Sets its permissions.
    #[must_use]
    pub fn with_permissions<S: Into<String>>(self, permissions: impl IntoIterator<Item = S>) -> Self {
        self.with(|inner| inner.permissions = permissions.into_iter().map(Into::into).collect())
    }

    /// Sets what else is claimed of it: a JSON object.
    #[must_use]
    pub fn with_claims(self, claims: Box<RawValue>) -> Self {
        self.with(|inner| inner.claims = Some(claims))
    }

    /// Says until when all this holds.
    #[must_use]
    pub fn with_expiry(self, at: SystemTime) -> Self {
        self.with(|inner| inner.expires_at = Some(at))
    }

    fn with(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        let inner = Arc::make_mut(&mut self.inner);
        change(inner);
        inner.identity = OnceLock::new();
        self
    }

    /// Returns the name by which its issuer knows it.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.inner.subject
    }

    /// Returns who vouches for the subject.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.inner.issuer.as_deref()
    }

    /// Returns the tenant it belongs to.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        self.inner.tenant.as_deref()
    }

    /// Returns its scopes.
    #[must_use]
    pub fn scopes(&self) -> &[String] {
        &self.inner.scopes
    }

    /// Returns its roles.
    #[must_use]
    pub fn roles(&self) -> &[String] {
        &self.inner.roles
    }

    /// Returns its permissions.
    #[must_use]
    pub fn permissions(&self) -> &[String] {
        &self.inner.permissions
    }

    /// Returns until when all this holds; none if there is no end to it.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.inner.expires_at
    }

    /// Returns true if this is one of its scopes.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.inner.scopes.iter().any(|had| had == scope)
    }

    /// Returns true if this is one of its roles.
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        self.inner.roles.iter().any(|had| had == role)
    }

    /// Returns true if this is one of its permissions.
    #[must_use]
    pub fn has_permission(&self, permission: &str) -> bool {
        self.inner.permissions.iter().any(|had| had == permission)
    }

    /// Reads the claims into a type; without any, as from an empty object.
    ///
    /// # Errors
    ///
    /// If they do not fit the type.
    pub fn claims<'a, T: Deserialize<'a>>(&'a self) -> serde_json::Result<T> {
        serde_json::from_str(self.inner.claims.as_ref().map_or("{}", |claims| claims.get()))
    }

    /// Returns what tells this caller from every other: issuer, subject and tenant together.
    #[must_use]
    pub fn identity(&self) -> &Arc<Identity> {
        self.inner.identity.get_or_init(|| Arc::new(Identity::from(self)))
    }
}

/// The same subject of the same issuer, in the same tenant, is the same caller.
impl From<&Principal> for Identity {
    fn from(principal: &Principal) -> Self {
        let mut text = String::from("principal");
        for part in [principal.issuer(), Some(principal.subject()), principal.tenant()] {
            // Their lengths come first, so that no two callers can be written the same.
            match part {
                Some(part) => text.extend([":", &part.len().to_string(), ":", part]),
                None => text.push_str(":-"),
            }
        }
        Self::new(text)
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal")
            .field("subject", &self.subject())
            .field("issuer", &self.issuer())
            .field("scopes", &self.scopes())
            .field("roles", &self.roles())
            .field("permissions", &self.permissions())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_callers_have_the_same_identity() {
        let of = |issuer: Option<&str>, subject: &str, tenant: Option<&str>| {
            let mut principal = Principal::new(subject);
            if let Some(issuer) = issuer {
                principal = principal.with_issuer(issuer);
            }
            if let Some(tenant) = tenant {
                principal = principal.with_tenant(tenant);
            }
            Identity::from(&principal)
        };
        let all = [
            of(None, "a", None),
            of(Some(""), "a", None),
            of(None, "a", Some("")),
            of(Some("i"), "a", None),
            of(Some("j"), "a", None),
            of(None, "a", Some("i")),
            of(Some("i"), "a:1:b", None),
            of(Some("i:1:a"), "b", None),
            of(Some("i"), "a", Some("b")),
            of(Some("-"), "a", None),
            of(None, "-:1:a", None),
        ];
        for (at, one) in all.iter().enumerate() {
            assert_eq!(all.iter().filter(|other| *other == one).count(), 1, "{at}");
        }
        assert_eq!(of(Some("i"), "a", Some("t")), of(Some("i"), "a", Some("t")));
    }

    #[test]
    fn an_identity_follows_what_is_changed() {
        let ada = Principal::new("ada");
        let before = ada.identity().clone();
        let elsewhere = ada.clone().with_tenant("acme");
        assert_ne!(&before, elsewhere.identity());
        assert_eq!(&before, ada.identity());
    }

    #[test]
    fn claims_and_tenant_are_not_shown() {
        let claims = RawValue::from_string(r#"{"email":"hidden@example.com"}"#.to_owned()).unwrap();
        let shown = format!("{:?}", Principal::new("ada").with_tenant("hidden").with_claims(claims));
        assert!(shown.contains("ada") && !shown.contains("hidden"), "{shown}");
    }
}
