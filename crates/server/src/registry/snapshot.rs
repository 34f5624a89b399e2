//! A registry whose lists are ready to be sent.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use bytes::Bytes;
use turbomcp_protocol::encode::encode_for;
use turbomcp_protocol::{McpError, McpResult, Revision};

use super::{HandlerRegistry, Primitive, Range, ResourceEntry};
use crate::access::{Guard, Seen, View, Visibility, Who};
use crate::sync::lock;
use crate::uri::{Variables, plain, spelling};

/// How many pages are kept ready for callers who may not know of everything.
const KEPT_PAGES: usize = 64;

/// A registry that does not change any more, with its lists as ready bytes.
pub(crate) struct Snapshot {
    pub(crate) registry: HandlerRegistry,
    page_size: usize,
    visibility: Option<Visibility>,
    /// Some callers may not know of everything.
    hides: bool,
    /// Some callers may not use everything.
    guarded: bool,
    /// The first page of each list, by kind and revision.
    first_pages: [[OnceLock<Bytes>; Revision::ALL.len()]; 4],
    /// Pages for callers who may not know of everything; those who may know of the same share them.
    partial_pages: Mutex<HashMap<PageKey, Bytes>>,
    /// The URIs of resources by their [`spelling`], made when one is looked for.
    spellings: OnceLock<HashMap<String, Arc<str>>>,
    capabilities: [OnceLock<Bytes>; Revision::ALL.len()],
}

#[derive(PartialEq, Eq, Hash)]
struct PageKey {
    primitive: Primitive,
    revision: usize,
    from: usize,
    seen: Seen,
}

impl Snapshot {
    pub(crate) fn new(registry: HandlerRegistry, page_size: usize, visibility: Option<Visibility>) -> Self {
        let hides = visibility.is_some() || registry.guards().any(Guard::hides);
        let guarded = hides || registry.guards().any(Guard::needs_something);
        Self {
            registry,
            page_size,
            visibility,
            hides,
            guarded,
            first_pages: Default::default(),
            partial_pages: Mutex::default(),
            spellings: OnceLock::new(),
            capabilities: Default::default(),
        }
    }

    /// Returns true if it depends on the caller what it may use, or know of.
    pub(crate) fn is_guarded(&self) -> bool {
        self.guarded
    }

    /// Returns what a caller may know of; none if everybody may know of everything.
    pub(crate) fn view<'a>(&'a self, who: impl FnOnce() -> Who<'a>) -> Option<View<'a>> {
        self.hides.then(|| self.view_of(who()))
    }

    /// Returns what a caller may know of, whether or not that is everything.
    pub(crate) fn view_of<'a>(&'a self, who: Who<'a>) -> View<'a> {
        View { visibility: self.visibility.as_ref(), who }
    }

    /// Returns true if somebody sees other primitives of a kind than before.
    pub(crate) fn differs_for(&self, who: Who<'_>, before: &Self, lists: &[Primitive]) -> bool {
        let (view, view_before) = (self.view_of(who), before.view_of(who));
        !lists.iter().all(|list| self.registry.lists_the_same(&view, &before.registry, &view_before, *list))
    }

    /// Returns true if somebody may read the resource, or nothing is known of it.
    pub(crate) fn may_hear_of(&self, uri: &str, who: Who<'_>) -> bool {
        let Some((entry, _)) = self.resource(uri) else { return true };
        self.view_of(who).sees(&entry.guard)
            && entry.guard.access.as_ref().is_none_or(|access| access.allows(who.principal))
    }

    /// Finds what answers to a URI, whoever may know of it.
    ///
    /// A template does not answer for a resource that has a handler of its own and is only spelled otherwise: what stands
    /// before that one would be passed by. Nor does it answer for a template that fits the URI once it is plainly written,
    /// if something stands before that one.
    pub(crate) fn resource(&self, uri: &str) -> Option<(Arc<ResourceEntry>, Option<Variables>)> {
        let found = self.registry.resource(uri)?;
        if found.1.is_some() && self.guarded {
            let spellings = self
                .spellings
                .get_or_init(|| self.registry.literal_uris().map(|uri| (spelling(uri), uri.clone())).collect());
            let literal = spellings.get(&spelling(uri)).and_then(|uri| self.registry.literal_resource(uri));
            if let Some(entry) = literal {
                return Some((entry.clone(), None));
            }
            let other = self.registry.resource(&plain(uri)).filter(|(other, _)| !Arc::ptr_eq(other, &found.0));
            let is_guarded = |guard: &Guard| self.visibility.is_some() || guard.hides() || guard.needs_something();
            if let Some(other) = other.filter(|(other, _)| is_guarded(&other.guard)) {
                return Some(other);
            }
        }
        Some(found)
    }

    /// Returns the members of a list result.
    pub(crate) fn list(
        &self,
        primitive: Primitive,
        cursor: Option<&str>,
        revision: Revision,
        view: Option<&View<'_>>,
    ) -> McpResult<Bytes> {
        let seen = view.and_then(|view| self.registry.seen(primitive, view));
        let from = match cursor {
            None => 0,
            Some(cursor) => self.behind(primitive, cursor, seen.as_ref())?,
        };
        let page = |seen: Option<&Seen>| {
            let range = Range { from, size: self.page_size, seen };
            Bytes::from(self.registry.page(primitive, range, revision))
        };
        match (seen, from) {
            (None, 0) => Ok(self.first_pages[primitive as usize][revision.index()].get_or_init(|| page(None)).clone()),
            (None, _) => Ok(page(None)),
            (Some(seen), _) => {
                let key = PageKey { primitive, revision: revision.index(), from, seen };
                if let Some(ready) = lock(&self.partial_pages).get(&key) {
                    return Ok(ready.clone());
                }
                let ready = page(Some(&key.seen));
                let mut pages = lock(&self.partial_pages);
                if pages.len() >= KEPT_PAGES {
                    pages.clear();
                }
                pages.insert(key, ready.clone());
                Ok(ready)
            }
        }
    }

    /// Returns the position behind a cursor, which names the last entry of the page before.
    fn behind(&self, primitive: Primitive, cursor: &str, seen: Option<&Seen>) -> McpResult<usize> {
        let last = decode_cursor(cursor).and_then(|name| self.registry.position(primitive, &name));
        // A cursor that somebody has made up does not tell what is hidden.
        let last = last.filter(|last| seen.is_none_or(|seen| seen.has(*last)));
        last.map(|last| last + 1).ok_or_else(|| McpError::invalid_params("the cursor is not one this server gave out"))
    }

    /// Returns the declared capabilities as JSON.
    pub(crate) fn capabilities(&self, revision: Revision) -> &Bytes {
        self.capabilities[revision.index()].get_or_init(|| {
            let mut out = Vec::new();
            encode_for(&self.registry.capabilities(), revision, &mut out);
            Bytes::from(out)
        })
    }
}

pub(super) fn encode_cursor(name: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(name)
}

fn decode_cursor(cursor: &str) -> Option<String> {
    use base64::Engine;
    let name = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(cursor).ok()?;
    String::from_utf8(name).ok()
}
