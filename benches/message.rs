//! Reading and writing messages.

use std::hint::black_box;

use serde_json::{Value, json};
use turbomcp::Revision;
use turbomcp::types::CallToolResult;
use turbomcp_protocol::{EncodeResult, Message};

use crate::call;

/// Reads a call into a tree and writes an answer from a tree.
pub(crate) fn value() -> Box<dyn FnMut(u64)> {
    let frame = call("add").into_bytes();
    Box::new(move |times| {
        for _ in 0..times {
            let request: Value = serde_json::from_slice(black_box(&frame)).expect("the frame is JSON");
            let sum = request["params"]["arguments"]["a"].as_i64().unwrap_or(0)
                + request["params"]["arguments"]["b"].as_i64().unwrap_or(0);
            let answer = json!({
                "jsonrpc": "2.0",
                "id": request["id"],
                "result": {"content": [{"type": "text", "text": sum.to_string()}], "resultType": "complete"},
            });
            black_box(answer.to_string());
        }
    })
}

pub(crate) fn decode() -> Box<dyn FnMut(u64)> {
    let frame = call("add").into_bytes();
    Box::new(move |times| {
        for _ in 0..times {
            black_box(Message::decode(black_box(&frame)).expect("the frame is a message"));
        }
    })
}

pub(crate) fn encode() -> Box<dyn FnMut(u64)> {
    let result = CallToolResult::text("42");
    let mut out = Vec::new();
    Box::new(move |times| {
        for _ in 0..times {
            out.clear();
            black_box(&result).encode_members(Revision::LATEST, &mut out);
            black_box(&out);
        }
    })
}
