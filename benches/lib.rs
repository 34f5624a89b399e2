//! The pieces of work that are measured: each is one thing a server does for a request, without a socket.

mod layers;
mod message;
mod router;
mod server;

use std::fmt;

/// A piece of work: set up once, then done as often as asked.
pub struct Work {
    /// What it is called, on the command line and in reports.
    pub name: &'static str,
    /// Sets it up and returns what does it so many times.
    pub prepare: fn() -> Box<dyn FnMut(u64)>,
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// The arguments of the tool that is called.
#[derive(Debug, Clone, Copy, serde::Serialize)]
#[expect(clippy::exhaustive_structs, reason = "the tool takes these")]
pub struct Sum {
    /// One summand.
    pub a: i64,
    /// The other.
    pub b: i64,
}

/// What the others are compared with: the plainest way to read a tool call and write its answer.
pub const BASELINE: &str = "value";

/// Every piece of work.
pub const ALL: [Work; 30] = [
    Work { name: BASELINE, prepare: message::value },
    Work { name: "decode", prepare: message::decode },
    Work { name: "encode", prepare: message::encode },
    Work { name: "dispatch", prepare: server::dispatch },
    Work { name: "tool_call", prepare: || server::tool_call(100) },
    Work { name: "tool_call_legacy", prepare: server::tool_call_legacy },
    Work { name: "tool_call_waits", prepare: server::tool_call_waits },
    Work { name: "tool_call_layer", prepare: server::tool_call_layer },
    Work { name: "tool_call_4_layers", prepare: server::tool_call_layers },
    Work { name: "tool_call_middleware", prepare: server::tool_call_middleware },
    Work { name: "tool_call_caller", prepare: layers::nothing },
    Work { name: "tool_call_audit", prepare: layers::record },
    Work { name: "tool_call_error_handler", prepare: layers::error_handler },
    Work { name: "tool_call_rate_limit", prepare: layers::rate },
    Work { name: "tool_call_timeout", prepare: layers::timeout },
    Work { name: "tool_call_concurrency", prepare: layers::places },
    Work { name: "tool_call_cache", prepare: layers::cache },
    Work { name: "tool_call_single_flight", prepare: layers::single_flight },
    Work { name: "tool_call_production", prepare: layers::whole },
    Work { name: "tool_call_of_10000", prepare: || server::tool_call(10_000) },
    Work { name: "tool_call_needs", prepare: server::tool_call_needs },
    Work { name: "tool_call_hidden", prepare: server::tool_call_hidden },
    Work { name: "tools_list_100", prepare: server::tools_list },
    Work { name: "tools_list_100_hidden", prepare: server::tools_list_hidden },
    Work { name: "router_tool_call", prepare: router::tool_call },
    Work { name: "router_tool_call_token", prepare: router::tool_call_token },
    Work { name: "router_tool_call_jwt", prepare: router::tool_call_jwt },
    Work { name: "router_production", prepare: router::production },
    Work { name: "router_session", prepare: || router::session(1) },
    Work { name: "router_session_of_10000", prepare: || router::session(10_000) },
];

/// A modern tool call with this id.
fn call(tool: &str) -> String {
    let meta = r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1.0.0"}}"#;
    format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}","arguments":{{"a":2,"b":40}},"_meta":{meta}}}}}"#
    )
}

/// A tool call without metadata, as a legacy client sends it.
fn legacy_call(tool: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}","arguments":{{"a":2,"b":40}}}}}}"#
    )
}

/// The handshake of a legacy client.
const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bench","version":"1.0.0"}}}"#;
