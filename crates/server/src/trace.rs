//! What traces see of a request: a span, and where in a trace it belongs.

use tracing::{Level, Span, field};
use turbomcp_protocol::scan::{member, text_of};
use turbomcp_transport::Extensions;
#[cfg(feature = "http")]
use turbomcp_transport::http::HttpRequest;

use crate::inner::Inner;
use crate::metrics::{ErrorType, label};

/// How many bytes of what clients choose are shown.
const SHOWN: usize = 64;

/// How long `tracestate` and `baggage` may be; a longer one counts as absent.
const LONGEST: usize = 8192;

/// Where in a trace a request belongs, as the client says.
///
/// It stands in the `_meta` of the request or, failing that, in the headers of HTTP. A `traceparent` that is malformed
/// counts as absent. What it says is the client's word: it is good for finding things that belong together, and for no
/// decision about what a caller may do.
///
/// # Specification
///
/// [`_meta`](https://modelcontextprotocol.io/specification/2026-07-28/basic#meta),
/// [Trace Context](https://www.w3.org/TR/trace-context/), [Baggage](https://www.w3.org/TR/baggage/)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    traceparent: String,
    tracestate: Option<String>,
    baggage: Option<String>,
}

impl TraceContext {
    /// Returns `traceparent`, to be handed on.
    #[must_use]
    pub fn traceparent(&self) -> &str {
        &self.traceparent
    }

    /// Returns `tracestate`, to be handed on.
    #[must_use]
    pub fn tracestate(&self) -> Option<&str> {
        self.tracestate.as_deref()
    }

    /// Returns `baggage`, to be handed on.
    #[must_use]
    pub fn baggage(&self) -> Option<&str> {
        self.baggage.as_deref()
    }

    /// Returns the id of the trace: 32 hexadecimal digits.
    #[must_use]
    pub fn trace_id(&self) -> &str {
        &self.traceparent[3..35]
    }

    /// Returns the id of the client's span: 16 hexadecimal digits.
    #[must_use]
    pub fn parent_id(&self) -> &str {
        &self.traceparent[36..52]
    }

    pub(crate) fn of(inner: &Inner, extensions: &Extensions) -> Option<Self> {
        Self::in_meta(inner).or_else(|| Self::in_headers(extensions))
    }

    fn in_meta(inner: &Inner) -> Option<Self> {
        let meta = inner.raw(inner.message.known.meta?);
        Self::read(|name| member(meta, name).and_then(text_of).map(std::borrow::Cow::into_owned))
    }

    #[cfg(feature = "http")]
    fn in_headers(extensions: &Extensions) -> Option<Self> {
        let headers = extensions.get::<HttpRequest>()?.headers();
        Self::read(|name| headers.get(name)?.to_str().ok().map(str::to_owned))
    }

    #[cfg(not(feature = "http"))]
    fn in_headers(_: &Extensions) -> Option<Self> {
        None
    }

    fn read(member: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let traceparent = member("traceparent").filter(|text| is_traceparent(text))?;
        let short = |name| member(name).filter(|text| !text.is_empty() && text.len() <= LONGEST);
        Some(Self { traceparent, tracestate: short("tracestate"), baggage: short("baggage") })
    }
}

/// Returns true for `00-{32 digits}-{16 digits}-{2 digits}`, and for what a later version may add to it.
fn is_traceparent(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_hex = |at: std::ops::Range<usize>| {
        bytes.get(at).is_some_and(|part| part.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')))
    };
    let is_nothing = |at: std::ops::Range<usize>| bytes[at].iter().all(|byte| *byte == b'0');
    text.is_ascii()
        && is_hex(0..2)
        && is_hex(3..35)
        && is_hex(36..52)
        && is_hex(53..55)
        && [2, 35, 52].into_iter().all(|at| bytes[at] == b'-')
        && &bytes[..2] != b"ff"
        && !is_nothing(3..35)
        && !is_nothing(36..52)
        && match bytes.len() {
            55 => true,
            longer => &bytes[..2] != b"00" && longer <= LONGEST && bytes[55] == b'-',
        }
}

/// Returns the span of a request: none if nobody listens.
#[inline]
pub(crate) fn span(inner: &Inner, extensions: &Extensions) -> Span {
    if tracing::span_enabled!(target: "turbomcp::request", Level::INFO) {
        open(inner, extensions)
    } else {
        Span::none()
    }
}

#[cold]
fn open(inner: &Inner, extensions: &Extensions) -> Span {
    let method = label(&inner.method);
    let name = inner.message.known.name.and_then(|span| text_of(inner.raw(span)));
    // What is not registered is whatever a client likes.
    let snapshot = inner.server.snapshot();
    let tool = name.as_deref().and_then(|name| snapshot.registry.tool(name)).map(|entry| &**entry.name());
    let prompt = name.as_deref().filter(|name| snapshot.registry.prompt(name).is_some());
    let tool = tool.filter(|_| inner.method == turbomcp_protocol::Method::TOOLS_CALL);
    let prompt = prompt.filter(|_| inner.method == turbomcp_protocol::Method::PROMPTS_GET);
    let id = String::from_utf8_lossy(inner.id());
    let id = id.trim_matches('"');
    let end = (0..=SHOWN.min(id.len())).rev().find(|at| id.is_char_boundary(*at)).unwrap_or_default();
    let title = match tool.or(prompt) {
        Some(name) => format!("{method} {name}"),
        None => method.to_owned(),
    };
    let span = tracing::info_span!(
        target: "turbomcp::request",
        "request",
        otel.name = title,
        otel.kind = "server",
        otel.status_code = field::Empty,
        rpc.system = "jsonrpc",
        mcp.method.name = method,
        mcp.protocol.version = inner.revision.as_str(),
        mcp.era = if inner.revision.is_modern() { "modern" } else { "legacy" },
        jsonrpc.request.id = &id[..end],
        gen_ai.tool.name = tool,
        gen_ai.prompt.name = prompt,
        session = field::Empty,
        tenant = field::Empty,
        trace_id = field::Empty,
        parent_span_id = field::Empty,
        error.r#type = field::Empty,
    );
    if let Some(session) = inner.peer.as_ref().and_then(|peer| peer.session_id()) {
        span.record("session", fingerprint(session));
    }
    if let Some(context) = TraceContext::of(inner, extensions) {
        span.record("trace_id", context.trace_id());
        span.record("parent_span_id", context.parent_id());
        #[cfg(feature = "otel")]
        crate::otel::set_parent(&span, &context);
    }
    span
}

/// Whoever has the id of a session can use it, so logs have only what tells one from another.
pub(crate) fn fingerprint(session: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, session.as_bytes());
    digest.as_ref()[..6].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Says in the span of a request that it failed.
#[cold]
pub(crate) fn failed(span: &Span, error: ErrorType) {
    span.record("error.type", error.as_str());
    span.record("otel.status_code", "ERROR");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: bool) {
        assert_eq!(is_traceparent(text), expected, "{text}");
    }

    #[test]
    fn a_traceparent_is_what_the_w3c_says() {
        check("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", true);
        check("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", true);
        check("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-later", true);
        check("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.later", false);
        check("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-later", false);
        check("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false);
        check("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", false);
        check("00-00000000000000000000000000000000-00f067aa0ba902b7-01", false);
        check("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", false);
        check("00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01", false);
        check("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0", false);
        check("", false);
    }

    #[test]
    fn a_session_is_told_from_another_and_cannot_be_used() {
        assert_ne!(fingerprint("a"), fingerprint("b"));
        assert_eq!(fingerprint("a").len(), 12);
    }
}
