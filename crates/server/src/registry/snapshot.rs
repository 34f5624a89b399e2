//! A registry whose lists are ready to be sent.

use std::sync::OnceLock;

use bytes::Bytes;
use turbomcp_protocol::encode::encode_for;
use turbomcp_protocol::{McpError, McpResult, Revision};

use super::{HandlerRegistry, Primitive};

/// A registry that does not change any more, with its lists as ready bytes.
pub(crate) struct Snapshot {
    pub(crate) registry: HandlerRegistry,
    page_size: usize,
    /// The first page of each list, by kind and revision.
    first_pages: [[OnceLock<Bytes>; Revision::ALL.len()]; 4],
    capabilities: [OnceLock<Bytes>; Revision::ALL.len()],
}

impl Snapshot {
    pub(crate) fn new(registry: HandlerRegistry, page_size: usize) -> Self {
        Self { registry, page_size, first_pages: Default::default(), capabilities: Default::default() }
    }

    /// Returns the members of a list result.
    pub(crate) fn list(&self, primitive: Primitive, cursor: Option<&str>, revision: Revision) -> McpResult<Bytes> {
        let Some(cursor) = cursor else {
            let slot = &self.first_pages[primitive as usize][revision.index()];
            let page = || Bytes::from(self.registry.page(primitive, 0, self.page_size, revision));
            return Ok(slot.get_or_init(page).clone());
        };
        let last = decode_cursor(cursor).and_then(|name| self.registry.position(primitive, &name));
        let from = last.ok_or_else(|| McpError::invalid_params("the cursor is not one this server gave out"))? + 1;
        Ok(Bytes::from(self.registry.page(primitive, from, self.page_size, revision)))
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
