//! The seam between what a client asks and how it travels.
//!
//! A binding sends a request and brings back the message that answers it; everything else that arrives it hands to the
//! [`Inbox`](crate::inbox::Inbox). So matching, progress, cancellation and questions from the server are done in one
//! place, whether messages share one stream or each request has a stream of its own.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tokio::time::Instant;
use turbomcp_protocol::encode::Adapt;
use turbomcp_protocol::escape::write_string;
use turbomcp_protocol::scan::Span;
use turbomcp_protocol::types::{
    ClientCapabilities, Implementation, LoggingLevel, Meta, ProgressNotificationParams, RequestId, Tool,
};
use turbomcp_protocol::{McpError, Method, Revision};

use crate::Error;
use crate::sync::{contain, lock};

pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A live connection, by whatever binding.
pub(crate) trait Exchange: Send + Sync {
    /// Sends a request and waits for its answer. Dropping the future gives the request up, and tells the server so.
    fn exchange<'a>(&'a self, request: &'a Outgoing<'a>) -> BoxFuture<'a, Result<Answer, Error>>;

    /// Sends a notification.
    fn notify<'a>(&'a self, notice: Notice<'a>) -> BoxFuture<'a, Result<(), Error>>;

    /// Takes notice of what was agreed on, from which on the connection may be used for everything.
    fn agreed(&self, dress: &Arc<Dress>);

    /// Ends the connection and waits until it is down.
    fn close(&self) -> BoxFuture<'_, ()>;

    /// Returns true once nothing can be sent any more.
    fn is_closed(&self) -> bool;

    /// Takes notice of tools that were listed, and drops those this binding cannot call.
    fn learn(&self, tools: &mut Vec<Tool>) {
        let _ = tools;
    }

    /// Returns true if what was learned of tools goes into requests, so that it may be out of date.
    fn has_learned(&self) -> bool {
        false
    }
}

/// A notification to be sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Notice<'a> {
    #[cfg_attr(not(feature = "http"), expect(dead_code, reason = "headers depend on the era, lines do not"))]
    pub(crate) dress: &'a Dress,
    pub(crate) method: &'a Method,
    /// The members of `params`, without braces.
    pub(crate) params: &'a [u8],
}

impl Notice<'_> {
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"method\":\"");
        out.extend_from_slice(self.method.as_str().as_bytes());
        out.push(b'"');
        if !self.params.is_empty() {
            out.extend_from_slice(b",\"params\":{");
            out.extend_from_slice(self.params);
            out.push(b'}');
        }
        out.push(b'}');
    }
}

/// A request to be sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outgoing<'a> {
    pub(crate) id: u64,
    pub(crate) dress: &'a Dress,
    pub(crate) method: &'a Method,
    /// The members of `params`, without braces and `_meta`.
    pub(crate) params: &'a [u8],
    /// Further members of `params`: what an `input_required` round adds.
    pub(crate) round: &'a [u8],
    /// The caller's members of `_meta`, without braces.
    pub(crate) meta: &'a [u8],
    pub(crate) log_level: Option<LoggingLevel>,
    pub(crate) tracking: Option<&'a Arc<Tracking>>,
    /// What HTTP mirrors in `Mcp-Name`.
    #[cfg_attr(not(feature = "http"), expect(dead_code, reason = "mirrored over HTTP only"))]
    pub(crate) name: Option<&'a str>,
    pub(crate) give_up: GiveUp,
}

/// What the server is told when nobody waits for the answer any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GiveUp {
    Cancel,
    /// `initialize` is never cancelled, and a probe may have reached a server that does not know it.
    Silently,
}

impl Outgoing<'_> {
    /// Appends the message, without a newline.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.reserve(160 + self.params.len() + self.round.len() + self.dress.meta.len());
        out.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"id\":");
        write_number(self.id, out);
        out.extend_from_slice(b",\"method\":");
        write_string(self.method.as_str(), out);
        let start = out.len();
        out.extend_from_slice(b",\"params\":{");
        let members = out.len();
        for part in [self.params, self.round].into_iter().filter(|part| !part.is_empty()) {
            separate(members, out);
            out.extend_from_slice(part);
        }
        self.write_meta(members, out);
        if out.len() == members {
            out.truncate(start);
        } else {
            out.push(b'}');
        }
        out.push(b'}');
    }

    fn write_meta(&self, members: usize, out: &mut Vec<u8>) {
        let start = out.len();
        separate(members, out);
        out.extend_from_slice(b"\"_meta\":{");
        let first = out.len();
        out.extend_from_slice(&self.dress.meta);
        if self.tracking.is_some() {
            separate(first, out);
            out.extend_from_slice(b"\"progressToken\":");
            write_number(self.id, out);
        }
        if let Some(level) = self.log_level.filter(|_| self.dress.is_modern()) {
            separate(first, out);
            out.push(b'"');
            out.extend_from_slice(Meta::LOG_LEVEL.as_bytes());
            out.extend_from_slice(b"\":\"");
            out.extend_from_slice(level.as_str().as_bytes());
            out.push(b'"');
        }
        if !self.meta.is_empty() {
            separate(first, out);
            out.extend_from_slice(self.meta);
        }
        if out.len() == first {
            out.truncate(start);
        } else {
            out.push(b'}');
        }
    }
}

/// Puts a comma behind what stands after `start`, if anything does.
fn separate(start: usize, out: &mut Vec<u8>) {
    if out.len() > start {
        out.push(b',');
    }
}

fn write_number(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// What every request of a connection wears: nothing in the legacy era, its metadata in the modern one.
#[derive(Debug)]
pub(crate) struct Dress {
    /// What was agreed on, or is being proposed; none before `initialize` is answered.
    pub(crate) revision: Option<Revision>,
    /// The members of `_meta`, without braces.
    meta: Vec<u8>,
}

impl Dress {
    pub(crate) fn legacy(revision: Option<Revision>) -> Self {
        Self { revision, meta: Vec::new() }
    }

    pub(crate) fn modern(
        revision: Revision,
        capabilities: &ClientCapabilities,
        client_info: Option<&Implementation>,
    ) -> Self {
        let mut meta = Meta::new()
            .with(Meta::PROTOCOL_VERSION, revision)
            .with(Meta::CLIENT_CAPABILITIES, capabilities.adapted(revision));
        if let Some(info) = client_info {
            meta = meta.with(Meta::CLIENT_INFO, info.adapted(revision));
        }
        Self { revision: Some(revision), meta: members_of(&meta).unwrap_or_default() }
    }

    pub(crate) fn is_modern(&self) -> bool {
        self.revision.is_some_and(Revision::is_modern)
    }
}

/// Returns the members of a value that is an object, without its braces.
pub(crate) fn members_of<T: serde::Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, Error> {
    let mut json = serde_json::to_vec(value)
        .map_err(|error| Error::usage("params cannot be written as JSON").with_source(error))?;
    match json.as_slice() {
        b"null" => Ok(Vec::new()),
        [b'{', .., b'}'] => {
            json.pop();
            json.remove(0);
            Ok(json)
        }
        _ => Err(Error::usage("params must be an object")),
    }
}

/// The message that answers a request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) frame: Bytes,
    pub(crate) outcome: Result<Span, McpError>,
    /// The status it came with, where there is such a thing.
    pub(crate) status: Option<u16>,
}

impl Answer {
    /// Returns the result as JSON.
    pub(crate) fn into_result(self) -> Result<Bytes, Error> {
        let Self { frame, outcome, status } = self;
        match outcome {
            Ok(span) => Ok(frame.slice(span.range())),
            Err(error) => Err(Error::mcp(error).with_status(status)),
        }
    }
}

/// What is heard of a request before it is answered.
pub(crate) struct Tracking {
    hear: Option<Box<dyn Fn(ProgressNotificationParams) + Send + Sync>>,
    last: Mutex<Option<Instant>>,
}

impl Tracking {
    pub(crate) fn new(hear: Option<Box<dyn Fn(ProgressNotificationParams) + Send + Sync>>) -> Arc<Self> {
        Arc::new(Self { hear, last: Mutex::new(None) })
    }

    pub(crate) fn progress(&self, params: ProgressNotificationParams) {
        *lock(&self.last) = Some(Instant::now());
        if let Some(hear) = &self.hear {
            contain(|| hear(params));
        }
    }

    /// Returns when the last sign of progress came.
    pub(crate) fn last(&self) -> Option<Instant> {
        *lock(&self.last)
    }
}

impl std::fmt::Debug for Tracking {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tracking").field("last", &self.last).finish_non_exhaustive()
    }
}

/// Writes the params of `notifications/cancelled`.
pub(crate) fn cancelled_params(id: u64) -> Vec<u8> {
    let params = turbomcp_protocol::types::CancelledNotificationParams::new(RequestId::Number(
        i64::try_from(id).unwrap_or(i64::MAX),
    ));
    members_of(&params.with_reason("the client gave up the request".to_owned())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(dress: &Dress, params: &str, tracking: Option<&Arc<Tracking>>, meta: &str) -> String {
        let request = Outgoing {
            id: 7,
            dress,
            method: &Method::TOOLS_LIST,
            params: params.as_bytes(),
            round: b"",
            meta: meta.as_bytes(),
            log_level: Some(LoggingLevel::Debug),
            tracking,
            name: None,
            give_up: GiveUp::Cancel,
        };
        let mut out = Vec::new();
        request.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn base_39_a_modern_request_wears_its_metadata() {
        let dress = Dress::modern(Revision::V2026_07_28, &ClientCapabilities::new(), None);
        assert_eq!(
            written(&dress, "\"cursor\":\"\"", None, ""),
            r#"{"jsonrpc":"2.0","id":7,"method":"tools/list","params":{"cursor":"","_meta":{"io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/logLevel":"debug"}}}"#
        );
    }

    #[test]
    fn a_legacy_request_wears_nothing_it_does_not_need() {
        let dress = Dress::legacy(Some(Revision::V2025_11_25));
        assert_eq!(written(&dress, "", None, ""), r#"{"jsonrpc":"2.0","id":7,"method":"tools/list"}"#);
        assert_eq!(
            written(&dress, "\"a\":1", None, ""),
            r#"{"jsonrpc":"2.0","id":7,"method":"tools/list","params":{"a":1}}"#
        );
        let tracking = Tracking::new(None);
        assert_eq!(
            written(&dress, "\"a\":1", Some(&tracking), "\"x/y\":2"),
            r#"{"jsonrpc":"2.0","id":7,"method":"tools/list","params":{"a":1,"_meta":{"progressToken":7,"x/y":2}}}"#
        );
    }
}
