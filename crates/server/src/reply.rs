//! Writing a response in the form its request's revision knows.

use turbomcp_protocol::escape::write_string;
use turbomcp_protocol::types::Meta;
use turbomcp_protocol::{EncodeResult, McpError, Revision};
use turbomcp_transport::metrics::Outcome as Counted;

use crate::inner::Inner;
use crate::request::{Outcome, Response};

/// Appends the whole response, without a newline.
pub(crate) fn write_response(inner: &Inner, response: Response, out: &mut Vec<u8>) {
    if let Some(meter) = inner.meter() {
        let has_failed = response.outcome.is_err();
        meter.answered(inner.started.elapsed(), if has_failed { Counted::Failed } else { Counted::Answered });
    }
    match response.outcome {
        Ok(outcome) => write_result(inner, &outcome, out),
        Err(error) => {
            if let Some(source) = error.source() {
                tracing::error!(method = %inner.method, error = %source, "a request failed");
            }
            write_error(Some(inner.id()), &error, inner.revision, out);
        }
    }
}

fn write_result(inner: &Inner, outcome: &Outcome, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"id\":");
    out.extend_from_slice(inner.id());
    out.extend_from_slice(b",\"result\":{");
    let start = out.len();
    let mut meta = None;
    let mut encode = |result: &dyn EncodeResultDyn, out: &mut Vec<u8>| {
        result.members(inner.revision, out);
        meta = result.meta_of().cloned();
    };
    match outcome {
        Outcome::Tool(result) => encode(result, out),
        Outcome::Prompt(result) => encode(result, out),
        Outcome::Resource(result) => encode(result, out),
        Outcome::Complete(result) => encode(result, out),
        Outcome::Members(members) => out.extend_from_slice(members),
        Outcome::InputRequired(members) | Outcome::Task(members) => out.extend_from_slice(members),
        Outcome::Listen(_) => {}
    }
    if inner.revision.is_modern() {
        if out.len() > start {
            out.push(b',');
        }
        let kind = match outcome {
            Outcome::InputRequired(_) => "input_required",
            Outcome::Task(_) => "task",
            _ => "complete",
        };
        out.extend_from_slice(b"\"resultType\":\"");
        out.extend_from_slice(kind.as_bytes());
        out.extend_from_slice(b"\",\"_meta\":{");
        out.extend_from_slice(inner.server.server_info_member());
        if let Outcome::Listen(member) = outcome {
            out.push(b',');
            out.extend_from_slice(member);
        }
        write_meta_members(meta.as_ref(), out);
        out.push(b'}');
    } else if let Some(meta) = meta.filter(|meta| !meta.is_empty()) {
        if out.len() > start {
            out.push(b',');
        }
        out.extend_from_slice(b"\"_meta\":");
        let _ = serde_json::to_writer(&mut *out, &meta);
    }
    out.extend_from_slice(b"}}");
}

/// Appends the members of a result's own `_meta` after those the server puts there.
fn write_meta_members(meta: Option<&Meta>, out: &mut Vec<u8>) {
    let Some(meta) = meta.filter(|meta| !meta.is_empty()) else { return };
    if let Ok(text) = serde_json::to_string(meta) {
        out.push(b',');
        out.extend_from_slice(&text.as_bytes()[1..text.len() - 1]);
    }
}

/// [`EncodeResult`], whatever the type.
trait EncodeResultDyn {
    fn members(&self, revision: Revision, out: &mut Vec<u8>);
    fn meta_of(&self) -> Option<&Meta>;
}

impl<R: EncodeResult> EncodeResultDyn for R {
    fn members(&self, revision: Revision, out: &mut Vec<u8>) {
        self.encode_members(revision, out);
    }

    fn meta_of(&self) -> Option<&Meta> {
        self.meta()
    }
}

/// Appends an error response, without a newline; the id is left out where it could not be read.
pub(crate) fn write_error(id: Option<&[u8]>, error: &McpError, revision: Revision, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"jsonrpc\":\"2.0\"");
    if let Some(id) = id {
        out.extend_from_slice(b",\"id\":");
        out.extend_from_slice(id);
    }
    out.extend_from_slice(b",\"error\":{\"code\":");
    out.extend_from_slice(error.code_for(revision).to_string().as_bytes());
    out.extend_from_slice(b",\"message\":");
    write_string(error.message(), out);
    if let Some(data) = error.data() {
        out.extend_from_slice(b",\"data\":");
        let _ = serde_json::to_writer(&mut *out, data);
    }
    out.extend_from_slice(b"}}");
}
