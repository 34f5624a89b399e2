//! Which calls may be answered with the result of another.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use turbomcp_protocol::Method;
use turbomcp_protocol::scan::member;
use turbomcp_transport::{Extensions, Principal};

use crate::Error;
use crate::access::{Guard, Guarded, Who, identity};
use crate::inner::Inner;
use crate::outlet::Outlet;
use crate::registry::{Snapshot, ToolEntry};
use crate::request::Request;
use crate::router::check_request;

/// Tools whose calls may share results.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Which {
    /// Those that say by their annotations that they are both read-only and idempotent.
    #[default]
    ReadOnly,
    /// Those with these names, whatever they say.
    Named(Vec<String>),
}

impl Which {
    /// Takes the names of tools.
    pub fn named<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Self {
        Self::Named(names.into_iter().map(Into::into).collect())
    }

    fn has(&self, entry: &ToolEntry) -> bool {
        match self {
            Self::ReadOnly => entry.is_repeatable,
            Self::Named(names) => names.iter().any(|name| **name == **entry.name()),
        }
    }
}

/// How long a key may be, in bytes: it is kept with each result, and clients choose what is in it.
pub(super) const LONGEST_KEY: usize = 4 << 10;

/// Finds out what a call has in common with others.
#[derive(Debug)]
pub(super) struct Sharing {
    which: Which,
}

/// A call that may share its result.
pub(super) struct Shared {
    /// Who calls what, with which arguments.
    pub(super) key: Box<[u8]>,
    /// The bytes at the beginning of the key that say who calls.
    pub(super) caller: Box<[u8]>,
    /// Whether somebody has said who that is.
    pub(super) is_known: bool,
    #[cfg_attr(not(feature = "cache"), expect(dead_code, reason = "only what is kept outlives a tool"))]
    pub(super) entry: Arc<ToolEntry>,
}

impl Sharing {
    pub(super) fn new(which: &Which) -> Result<Self, Error> {
        match which {
            Which::Named(names) if names.is_empty() => {
                Err(Error::configuration("`tools` names none: leave the layer out, or say which"))
            }
            which => Ok(Self { which: which.clone() }),
        }
    }

    /// Returns the call, if it may share its result, and is one that the router would let pass.
    pub(super) fn call(&self, request: &Request) -> Option<Shared> {
        let inner = request.inner();
        if inner.method != Method::TOOLS_CALL {
            return None;
        }
        let snapshot = inner.server.snapshot();
        let entry = snapshot.registry.tool(&request.name()?).filter(|entry| self.which.has(entry))?;
        // What becomes a task is answered otherwise, and begins one each time.
        let asks_for_task = || inner.message.params.is_some_and(|span| member(inner.raw(span), "task").is_some());
        if entry.task.is_some() || asks_for_task() {
            return None;
        }
        let arguments = match inner.message.known.arguments {
            Some(span) => inner.slice(span),
            None => Bytes::from_static(b"{}"),
        };
        if !may_pass(request, &snapshot, entry.guard())
            || inner.outlet.check_mirrored(&entry.mirrored, request.extensions(), &arguments).is_err()
        {
            return None;
        }
        let mut key = Vec::with_capacity(128);
        write_caller(inner, request.extensions(), &mut key);
        let caller = key.as_slice().into();
        let is_known = identity(request.extensions()).is_some();
        write_part(entry.name().as_bytes(), &mut key);
        let arguments: Canonical = serde_json::from_slice(&arguments).ok()?;
        serde_json::to_writer(&mut key, &arguments).ok()?;
        (key.len() <= LONGEST_KEY).then(|| Shared { key: key.into(), caller, is_known, entry: entry.clone() })
    }
}

/// Returns true if the router would let the request pass, as the first of its kind: it answers no question.
pub(super) fn may_pass(request: &Request, snapshot: &Snapshot, guard: &Guard) -> bool {
    let (inner, extensions): (&Inner, _) = (request.inner(), request.extensions());
    let known = &inner.message.known;
    known.request_state.is_none()
        && known.input_responses.is_none()
        && check_request(inner, extensions).is_ok()
        && is_allowed(request, snapshot, guard)
}

/// Returns true if whoever sends a request may know of a primitive, and use it.
pub(super) fn is_allowed(request: &Request, snapshot: &Snapshot, guard: &Guard) -> bool {
    let extensions = request.extensions();
    let principal = extensions.get::<Principal>();
    snapshot.view(|| Who::of(extensions)).is_none_or(|view| view.sees(guard))
        && guard.access.as_ref().is_none_or(|access| access.allows(principal))
}

/// Writes who calls, and with which rights: a handler may answer by them.
pub(super) fn write_caller(inner: &Inner, extensions: &Extensions, key: &mut Vec<u8>) {
    match identity(extensions) {
        Some(identity) => write_part(identity.as_str().as_bytes(), key),
        None => {
            key.push(0);
            write_session(inner, key);
        }
    }
    let tenant = super::caller::tenant(extensions).unwrap_or_default();
    write_part(tenant.as_bytes(), key);
    write_rights(extensions, key);
}

/// Writes which rights whoever calls has.
pub(super) fn write_rights(extensions: &Extensions, key: &mut Vec<u8>) {
    if let Some(principal) = extensions.get::<Principal>() {
        for rights in [principal.scopes(), principal.roles(), principal.permissions()] {
            write_part(&rights.len().to_le_bytes(), key);
            rights.iter().for_each(|right| write_part(right.as_bytes(), key));
        }
    }
}

/// Writes which legacy session or connection it is: a handler may answer by it, too.
fn write_session(inner: &Inner, key: &mut Vec<u8>) {
    match (inner.peer.as_ref().and_then(|peer| peer.session_id()), &inner.outlet) {
        (Some(session), _) => write_part(session.as_bytes(), key),
        (None, Outlet::Outbox(outbox)) => {
            key.push(2);
            key.extend_from_slice(&outbox.number().to_le_bytes());
        }
        #[cfg(feature = "http")]
        _ => key.push(0),
    }
}

/// Writes who calls, and of which tenant.
pub(super) fn write_identity(extensions: &Extensions, key: &mut Vec<u8>) {
    match identity(extensions) {
        Some(identity) => write_part(identity.as_str().as_bytes(), key),
        None => key.push(0),
    }
    write_part(super::caller::tenant(extensions).unwrap_or_default().as_bytes(), key);
}

/// Returns JSON in the one form that all of its spellings have, if it has one.
pub(super) fn canonical(json: &[u8]) -> Option<Vec<u8>> {
    serde_json::to_vec(&serde_json::from_slice::<Canonical>(json).ok()?).ok()
}

/// Returns true if the handler was called for whoever the key says: a layer further in may have found out who calls.
pub(super) fn is_still(caller: &[u8], inner: &Inner) -> bool {
    inner.extensions.get().is_some_and(|extensions| {
        let mut now = Vec::with_capacity(caller.len());
        write_caller(inner, extensions, &mut now);
        now == caller
    })
}

/// Writes bytes behind their number, so that no two things are written the same.
pub(super) fn write_part(part: &[u8], key: &mut Vec<u8>) {
    key.push(1);
    key.extend_from_slice(&part.len().to_le_bytes());
    key.extend_from_slice(part);
}

/// 2^53, up to which all integers are numbers of 64 bits with a floating point.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// JSON in the one form that all of its spellings have: without spaces, and with members in order.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Canonical {
    Null,
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    Float(f64),
    Text(String),
    List(Vec<Self>),
    Members(BTreeMap<String, Self>),
}

impl<'de> Deserialize<'de> for Canonical {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Canonical;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }

            fn visit_unit<E>(self) -> Result<Canonical, E> {
                Ok(Canonical::Null)
            }

            fn visit_bool<E>(self, value: bool) -> Result<Canonical, E> {
                Ok(Canonical::Bool(value))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Canonical, E> {
                Ok(Canonical::Signed(value))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Canonical, E> {
                Ok(Canonical::Unsigned(value))
            }

            fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Canonical, E> {
                // Of larger ones, several that a handler may tell apart are read as one.
                match value.abs() < EXACT {
                    true => Ok(Canonical::Float(value)),
                    false => Err(E::custom("a number is not kept exactly")),
                }
            }

            fn visit_str<E>(self, value: &str) -> Result<Canonical, E> {
                Ok(Canonical::Text(value.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Canonical, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    list.push(item);
                }
                Ok(Canonical::List(list))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Canonical, A::Error> {
                let mut map = BTreeMap::new();
                while let Some((name, value)) = members.next_entry()? {
                    // A handler may refuse what stands twice, or take either.
                    if map.insert(name, value).is_some() {
                        return Err(A::Error::custom("a member stands twice"));
                    }
                }
                Ok(Canonical::Members(map))
            }
        }
        deserializer.deserialize_any(Read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(json: &str) -> Option<String> {
        serde_json::from_str::<Canonical>(json).ok().map(|value| serde_json::to_string(&value).unwrap())
    }

    #[test]
    fn one_value_is_written_one_way() {
        #[track_caller]
        fn check(one: &str, other: &str, are_equal: bool) {
            assert_eq!(canonical(one).unwrap() == canonical(other).unwrap(), are_equal, "{one} {other}");
        }
        check(r#"{"a":1,"b":[true,null]}"#, r#" { "b" : [ true , null ], "a" : 1 } "#, true);
        check(r#"{"a":{"x":1,"y":2}}"#, r#"{"a":{"y":2,"x":1}}"#, true);
        check(r#"{"a":"\u0041"}"#, r#"{"a":"A"}"#, true);
        check("[1,2]", "[2,1]", false);
        check("1", "1.0", false);
        check("1", "\"1\"", false);
        check("0", "-0.0", false);
        check("18446744073709551615", "18446744073709551614", false);
        check("null", "false", false);
    }

    #[test]
    fn what_is_not_kept_exactly_is_not_shared() {
        for json in ["18446744073709551616", "18446744073709551617", "-9223372036854775809", "[1e300]", "-1e16"] {
            assert_eq!(canonical(json), None, "{json}");
        }
        for json in ["18446744073709551615", "-9223372036854775808", "9007199254740991.0", "0.5"] {
            assert_eq!(canonical(json).as_deref(), Some(json));
        }
    }

    #[test]
    fn what_stands_twice_is_not_shared() {
        assert_eq!(canonical(r#"{"a":1,"a":1}"#), None);
        assert_eq!(canonical(r#"{"b":[{"a":1,"a":2}]}"#), None);
    }
}
