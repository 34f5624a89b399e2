//! Who may know of which primitive.

use std::fmt;
use std::sync::Arc;

use turbomcp_transport::{Extensions, Principal};

use super::Access;
use crate::tenancy::Tenant;

/// What kind of primitive it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PrimitiveKind {
    /// A tool.
    Tool,
    /// A resource with a URI of its own.
    Resource,
    /// A resource template.
    ResourceTemplate,
    /// A prompt.
    Prompt,
}

/// A primitive, as [`Visibility`] sees it.
#[derive(Debug, Clone, Copy)]
pub struct Primitive<'a> {
    guard: &'a Guard,
}

impl<'a> Primitive<'a> {
    /// Returns what kind of primitive it is.
    #[must_use]
    pub fn kind(self) -> PrimitiveKind {
        self.guard.kind
    }

    /// Returns its name; the URI or template of a resource, as it was registered.
    #[must_use]
    pub fn name(self) -> &'a str {
        &self.guard.name
    }

    /// Returns its tags.
    #[must_use]
    pub fn tags(self) -> &'a [String] {
        &self.guard.tags
    }

    /// Returns true if it has this tag.
    #[must_use]
    pub fn has_tag(self, tag: &str) -> bool {
        self.guard.tags.iter().any(|had| had == tag)
    }

    /// Returns true if this caller has what is needed to use it.
    #[must_use]
    pub fn allows(self, principal: Option<&Principal>) -> bool {
        self.guard.access.as_deref().is_none_or(|access| access.allows(principal))
    }
}

type Decide = dyn Fn(Who<'_>, Primitive<'_>) -> bool + Send + Sync;

/// Who asks, as far as it matters to what there is for them.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Who<'a> {
    pub(crate) principal: Option<&'a Principal>,
    #[cfg_attr(not(feature = "multi-tenancy"), expect(dead_code, reason = "there are no tenants"))]
    pub(crate) tenant: Option<&'a Tenant>,
}

impl<'a> Who<'a> {
    pub(crate) fn of(extensions: &'a Extensions) -> Self {
        Self { principal: extensions.get(), tenant: extensions.get() }
    }
}

/// Who has asked last.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    principal: Option<Principal>,
    tenant: Option<Tenant>,
}

impl Known {
    pub(crate) fn of(extensions: &Extensions) -> Self {
        Self { principal: extensions.get().cloned(), tenant: extensions.get().cloned() }
    }

    /// Returns the id of the tenant that a layer has found.
    pub(crate) fn tenant_id(&self) -> Option<&str> {
        self.tenant.as_ref().map(crate::tenancy::text)
    }

    pub(crate) fn who(&self) -> Who<'_> {
        Who { principal: self.principal.as_ref(), tenant: self.tenant.as_ref() }
    }
}

/// Decides which tools, resources and prompts exist for a caller.
///
/// What is hidden is answered like what does not exist: it is in no list and on no page, cannot be called, read, got or
/// completed, and no notification tells of it. A hidden resource, or template, is also not served by a template that
/// would match its URI.
///
/// What a server declares it can do, its capabilities, does not depend on who asks.
///
/// # Examples
///
/// ```
/// use turbomcp_server::{ServerBuilder, Visibility};
///
/// let visibility = Visibility::by(|principal, primitive| {
///     !primitive.has_tag("internal") || principal.is_some_and(|principal| principal.has_role("staff"))
/// });
/// let server = ServerBuilder::new().visibility(visibility).build();
/// # drop(server);
/// ```
#[derive(Clone)]
pub struct Visibility {
    decide: Arc<Decide>,
}

impl Visibility {
    /// Shows a caller what this function says; none is a caller who is not known.
    ///
    /// It is asked for each primitive that a request is about, and for all of a kind to make a list, so it should be
    /// quick. It answers the same for the same principal as long as the handlers do not change.
    pub fn by(decide: impl Fn(Option<&Principal>, Primitive<'_>) -> bool + Send + Sync + 'static) -> Self {
        Self { decide: Arc::new(move |who: Who<'_>, primitive: Primitive<'_>| decide(who.principal, primitive)) }
    }

    /// Shows a tenant the tools it may use.
    #[cfg(feature = "multi-tenancy")]
    pub(crate) fn of_tenants() -> Self {
        let allows = |who: Who<'_>, name: &str| who.tenant.is_none_or(|tenant| tenant.config().allows_tool(name));
        let decide = move |who: Who<'_>, primitive: Primitive<'_>| {
            primitive.kind() != PrimitiveKind::Tool || allows(who, primitive.name())
        };
        Self { decide: Arc::new(decide) }
    }

    /// Hides from a caller what its scopes, roles and permissions do not let it use.
    ///
    /// Such a caller is not told either which scopes it would need.
    #[must_use]
    pub fn hide_unless_allowed() -> Self {
        Self::by(|principal, primitive| primitive.allows(principal))
    }

    /// Shows only what another one shows, too.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let both = move |who: Who<'_>, primitive: Primitive<'_>| {
            (self.decide)(who, primitive) && (other.decide)(who, primitive)
        };
        Self { decide: Arc::new(both) }
    }
}

impl fmt::Debug for Visibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Visibility").finish_non_exhaustive()
    }
}

/// What stands before a primitive.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    kind: PrimitiveKind,
    pub(crate) name: Arc<str>,
    tags: Box<[String]>,
    /// None if anybody may use it.
    pub(crate) access: Option<Box<Access>>,
}

impl Guard {
    pub(crate) fn new(kind: PrimitiveKind, name: Arc<str>, tags: Vec<String>, access: Access) -> Result<Self, String> {
        access.check()?;
        let access = (access != Access::default()).then(|| Box::new(access));
        Ok(Self { kind, name, tags: tags.into(), access })
    }

    pub(crate) fn kind(&self) -> PrimitiveKind {
        self.kind
    }

    pub(crate) fn tags(&self) -> &[String] {
        &self.tags
    }

    /// Returns true if somebody may not know of it.
    pub(crate) fn hides(&self) -> bool {
        self.access.as_ref().is_some_and(|access| access.hides())
    }

    /// Returns true if it takes more than to know of it.
    pub(crate) fn needs_something(&self) -> bool {
        self.access.as_ref().is_some_and(|access| !access.needs_nothing())
    }
}

/// Something with a guard.
pub(crate) trait Guarded {
    fn guard(&self) -> &Guard;
}

impl<T: Guarded> Guarded for Arc<T> {
    fn guard(&self) -> &Guard {
        (**self).guard()
    }
}

impl<T: Guarded> Guarded for &T {
    fn guard(&self) -> &Guard {
        (**self).guard()
    }
}

impl<T: Guarded, U> Guarded for (T, U) {
    fn guard(&self) -> &Guard {
        self.0.guard()
    }
}

/// What one caller may know of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) visibility: Option<&'a Visibility>,
    pub(crate) who: Who<'a>,
}

impl View<'_> {
    pub(crate) fn sees(&self, guard: &Guard) -> bool {
        guard.access.as_ref().is_none_or(|access| access.is_visible_to(self.who.principal))
            && self.visibility.is_none_or(|visibility| (visibility.decide)(self.who, Primitive { guard }))
    }
}

/// Which entries of a table somebody may know of, by their positions.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Seen {
    bits: Box<[u64]>,
}

impl Seen {
    /// Asks for each entry; none if all of them are seen.
    pub(crate) fn of<'a>(guards: impl ExactSizeIterator<Item = &'a Guard>, view: &View<'_>) -> Option<Self> {
        let mut bits = vec![0; guards.len().div_ceil(64)];
        let mut all = true;
        for (at, guard) in guards.enumerate() {
            let sees = view.sees(guard);
            bits[at / 64] |= u64::from(sees) << (at % 64);
            all &= sees;
        }
        (!all).then(|| Self { bits: bits.into() })
    }

    pub(crate) fn has(&self, at: usize) -> bool {
        self.bits.get(at / 64).is_some_and(|bits| bits >> (at % 64) & 1 == 1)
    }
}
