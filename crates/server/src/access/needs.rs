//! What a caller needs to use a primitive.

use turbomcp_transport::Principal;
use turbomcp_transport::authenticate::is_scope;

/// What a caller needs to use a tool, resource or prompt: all of the scopes, one of the roles, and all of the permissions.
///
/// It is asked for before arguments are read. Whoever lacks a scope is told all of those that are needed, over HTTP by a
/// 403 with a challenge, so that a client can get a better token. A caller who is not known at all is refused with a 401.
/// Completing an argument needs what its prompt or resource template needs, and so does subscribing to a resource.
///
/// Nothing says who calls unless [`ServerBuilder::auth`](crate::ServerBuilder::auth), a layer or the transport does, and
/// then everybody is refused what needs something.
///
/// ```
/// use turbomcp_server::{Access, Arguments, FnTool, ServerBuilder};
///
/// let erase = FnTool::new(|_: Arguments| async { "erased" })
///     .access(Access::new().scopes(["notes:write"]).roles(["editor", "admin"]));
/// let server = ServerBuilder::new().tool("erase", erase)?.build();
/// # drop(server);
/// # Ok::<(), turbomcp_server::Error>(())
/// ```
///
/// # Specification
///
/// [Runtime insufficient scope errors](https://modelcontextprotocol.io/specification/2026-07-28/basic/authorization#runtime-insufficient-scope-errors)
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct Access {
    scopes: Vec<String>,
    roles: Vec<String>,
    permissions: Vec<String>,
    visible_to_roles: Vec<String>,
    /// What was said, but names nothing; it must not read as if it had not been said.
    nothing: Option<&'static str>,
}

impl Access {
    /// Starts with what anybody may use.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds scopes, of which a caller needs all.
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        let nothing = add(&mut self.scopes, scopes, "scopes");
        self.nothing = self.nothing.or(nothing);
        self
    }

    /// Adds roles, of which a caller needs any one.
    pub fn roles<S: Into<String>>(mut self, roles: impl IntoIterator<Item = S>) -> Self {
        let nothing = add(&mut self.roles, roles, "roles");
        self.nothing = self.nothing.or(nothing);
        self
    }

    /// Adds permissions, of which a caller needs all.
    pub fn permissions<S: Into<String>>(mut self, permissions: impl IntoIterator<Item = S>) -> Self {
        let nothing = add(&mut self.permissions, permissions, "permissions");
        self.nothing = self.nothing.or(nothing);
        self
    }

    /// Adds roles without any of which nobody knows that the primitive exists; see [`Visibility`](crate::Visibility).
    pub fn visible_to_roles<S: Into<String>>(mut self, roles: impl IntoIterator<Item = S>) -> Self {
        let nothing = add(&mut self.visible_to_roles, roles, "visible_to_roles");
        self.nothing = self.nothing.or(nothing);
        self
    }

    /// Returns true if this caller has what is needed; none is a caller who is not known.
    #[must_use]
    pub fn allows(&self, principal: Option<&Principal>) -> bool {
        let Some(principal) = principal else { return self.needs_nothing() };
        self.has_scopes(principal) && self.has_role(principal) && self.missing_permission(principal).is_none()
    }

    pub(super) fn needs_nothing(&self) -> bool {
        self.scopes.is_empty() && self.roles.is_empty() && self.permissions.is_empty()
    }

    pub(super) fn all_scopes(&self) -> Vec<&str> {
        self.scopes.iter().map(String::as_str).collect()
    }

    pub(super) fn all_roles(&self) -> &[String] {
        &self.roles
    }

    pub(super) fn has_scopes(&self, principal: &Principal) -> bool {
        self.scopes.iter().all(|scope| principal.has_scope(scope))
    }

    pub(super) fn has_role(&self, principal: &Principal) -> bool {
        self.roles.is_empty() || self.roles.iter().any(|role| principal.has_role(role))
    }

    pub(super) fn missing_permission(&self, principal: &Principal) -> Option<&str> {
        self.permissions.iter().find(|permission| !principal.has_permission(permission)).map(String::as_str)
    }

    pub(super) fn hides(&self) -> bool {
        !self.visible_to_roles.is_empty()
    }

    pub(super) fn is_visible_to(&self, principal: Option<&Principal>) -> bool {
        !self.hides()
            || principal.is_some_and(|principal| self.visible_to_roles.iter().any(|role| principal.has_role(role)))
    }

    /// Returns what it is made of: scopes, roles, permissions, and the roles without which nobody knows of it.
    pub(crate) fn parts(&self) -> [&[String]; 4] {
        [&self.scopes, &self.roles, &self.permissions, &self.visible_to_roles]
    }

    /// Makes one of its parts.
    pub(crate) fn from_parts([scopes, roles, permissions, visible_to_roles]: [Vec<String>; 4]) -> Self {
        Self { scopes, roles, permissions, visible_to_roles, nothing: None }
    }

    /// Says what is wrong with it, if anything is.
    pub(crate) fn check(&self) -> Result<(), String> {
        if let Some(what) = self.nothing {
            return Err(format!("`{what}` names none: leave it out, or say which"));
        }
        if let Some(scope) = self.scopes.iter().find(|scope| !is_scope(scope)) {
            return Err(format!(
                "`{scope}` is not a scope: write printable ASCII without spaces, quotes and backslashes"
            ));
        }
        let named = [("role", &self.roles), ("permission", &self.permissions), ("role", &self.visible_to_roles)];
        for (what, names) in named {
            if let Some(name) = names.iter().find(|name| name.trim().is_empty() || name.contains(char::is_control)) {
                return Err(format!("{name:?} is not the name of a {what}: write some text in one line"));
            }
        }
        Ok(())
    }
}

/// Adds names; returns what was said if there are none.
fn add<S: Into<String>>(
    to: &mut Vec<String>,
    names: impl IntoIterator<Item = S>,
    what: &'static str,
) -> Option<&'static str> {
    let before = to.len();
    to.extend(names.into_iter().map(Into::into));
    (to.len() == before).then_some(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(access: &Access, principal: &Principal, allowed: bool) {
        assert_eq!(access.allows(Some(principal)), allowed, "{access:?} {principal:?}");
    }

    #[test]
    fn all_scopes_one_role_and_all_permissions_are_needed() {
        let ada = Principal::new("ada").with_scopes(["a", "b"]).with_roles(["x", "y"]).with_permissions(["p", "q"]);
        for (access, allowed) in [
            (Access::new(), true),
            (Access::new().scopes(["a", "b"]), true),
            (Access::new().scopes(["a", "c"]), false),
            (Access::new().roles(["z", "y"]), true),
            (Access::new().roles(["z"]), false),
            (Access::new().permissions(["p", "q"]), true),
            (Access::new().permissions(["p", "r"]), false),
            (Access::new().scopes(["a"]).roles(["x"]).permissions(["p"]), true),
            (Access::new().scopes(["a"]).roles(["x"]).permissions(["r"]), false),
            (Access::new().scopes(["a"]).roles(["z"]).permissions(["p"]), false),
            (Access::new().scopes(["c"]).roles(["x"]).permissions(["p"]), false),
            // Names are compared as they are.
            (Access::new().scopes(["A"]), false),
            (Access::new().roles(["x "]), false),
        ] {
            check(&access, &ada, allowed);
        }
    }

    #[test]
    fn nobody_may_only_use_what_needs_nothing() {
        assert!(Access::new().allows(None));
        assert!(!Access::new().scopes(["a"]).allows(None));
        assert!(!Access::new().roles(["a"]).allows(None));
        assert!(!Access::new().permissions(["a"]).allows(None));
        assert!(!Access::new().visible_to_roles(["a"]).is_visible_to(None));
    }

    #[test]
    fn names_that_cannot_be_are_refused() {
        for scope in ["", "a b", "a\"b", "a\\b", "ä", "a\n"] {
            assert!(Access::new().scopes([scope]).check().is_err(), "{scope:?}");
        }
        for name in ["", " ", "a\nb"] {
            assert!(Access::new().roles([name]).check().is_err(), "{name:?}");
            assert!(Access::new().permissions([name]).check().is_err(), "{name:?}");
            assert!(Access::new().visible_to_roles([name]).check().is_err(), "{name:?}");
        }
        let fine = Access::new().scopes(["https://example.com/a:b"]).roles(["a b"]).permissions(["database:read"]);
        assert_eq!(fine.check(), Ok(()));
    }

    #[test]
    fn a_list_of_none_is_not_taken_for_no_list() {
        let none: [&str; 0] = [];
        assert!(Access::new().roles(none).check().is_err());
        assert!(Access::new().scopes(none).scopes(["a"]).check().is_err());
        assert!(Access::new().permissions(none).check().is_err());
        assert!(Access::new().visible_to_roles(none).check().is_err());
    }
}
