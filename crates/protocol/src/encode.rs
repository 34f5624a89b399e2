//! Values in the form a peer of a given revision may see.
//!
//! The types of [`crate::types`] are a superset of all revisions. On the way out, whatever the peer's revision does not
//! know is left out, and content it cannot carry is replaced by text that names it. The schema of a revision is what
//! decides; objects are open in all of them, so `extensions` among capabilities go to every peer.
//!
//! [`EncodeResult`] writes results; [`encode_for`] writes anything that can [`Adapt`].
//!
//! ```
//! use turbomcp_protocol::encode::{encode_for, encode_result};
//! use turbomcp_protocol::types::{CallToolResult, Tool};
//! use turbomcp_protocol::Revision;
//!
//! let mut out = Vec::new();
//! encode_for(&Tool::new("add").with_title("Add"), Revision::V2025_03_26, &mut out);
//! assert_eq!(out, br#"{"name":"add","inputSchema":{"properties":{},"type":"object"}}"#);
//!
//! let mut out = Vec::new();
//! encode_result(&CallToolResult::text("3"), Revision::V2026_07_28, &mut out);
//! assert_eq!(out, br#"{"resultType":"complete","content":[{"type":"text","text":"3"}]}"#);
//! ```

mod adapt;
mod result;

use serde::Serialize;

use crate::Revision;
use crate::escape::write_string;
use crate::types::{Meta, ResultType};

/// A result that can be written for a peer of any revision.
///
/// # Specification
///
/// [Results](https://modelcontextprotocol.io/specification/2026-07-28/basic#result-responses)
pub trait EncodeResult {
    /// Writes the members, separated by commas, without braces, `resultType` and `_meta`.
    ///
    /// Writes nothing for a result without members.
    fn encode_members(&self, revision: Revision, out: &mut Vec<u8>);

    /// Returns what the result says beside its members.
    fn meta(&self) -> Option<&Meta>;

    /// Returns how a modern peer has to read the result.
    fn result_type(&self) -> ResultType {
        ResultType::COMPLETE
    }
}

/// A value that can leave out what a peer does not know.
///
/// # Specification
///
/// [Versioning](https://modelcontextprotocol.io/specification/2026-07-28/basic/versioning)
pub trait Adapt: Clone + Serialize {
    /// Leaves out, or replaces, what a peer of `revision` does not know.
    fn adapt(&mut self, revision: Revision);

    /// Returns a copy without what a peer of `revision` does not know.
    #[must_use]
    fn adapted(&self, revision: Revision) -> Self {
        let mut copy = self.clone();
        copy.adapt(revision);
        copy
    }
}

/// Appends the JSON of a value as a peer of `revision` may see it.
pub fn encode_for<T: Adapt>(value: &T, revision: Revision, out: &mut Vec<u8>) {
    write_json(&value.adapted(revision), out);
}

/// Appends a whole result: the object with `resultType`, if the peer is modern, its members and `_meta`.
pub fn encode_result<R: EncodeResult + ?Sized>(result: &R, revision: Revision, out: &mut Vec<u8>) {
    out.push(b'{');
    if revision.is_modern() {
        write_member("resultType", result.result_type().as_str(), out);
        out.push(b',');
    }
    let before = out.len();
    result.encode_members(revision, out);
    if out.len() > before {
        out.push(b',');
    }
    if let Some(meta) = result.meta() {
        out.extend_from_slice(b"\"_meta\":");
        write_json(meta, out);
        out.push(b',');
    }
    if out.last() == Some(&b',') {
        out.pop();
    }
    out.push(b'}');
}

/// Appends the JSON of a value that always has one.
fn write_json<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) {
    serde_json::to_writer(out, value).expect("wire types have string keys, and a vector takes every byte");
}

/// Appends `"name":"value"`.
fn write_member(name: &str, value: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    write_string(value, out);
}
