//! The answers to a JSON-RPC batch.

use std::sync::Mutex;

use turbomcp_protocol::scan::Span;
use turbomcp_protocol::{McpError, McpResult, Message, Revision};

use crate::Limits;
use crate::outlet::Outlet;
use crate::reply::write_error;
use crate::sync::lock;

/// The answers to a batch, sent together when the last of them is there: when the last handle is dropped.
pub(crate) struct BatchReply {
    outlet: Outlet,
    answers: Mutex<Vec<u8>>,
    limit: usize,
}

impl BatchReply {
    pub(crate) fn new(outlet: Outlet, limits: &Limits) -> Self {
        Self { outlet, answers: Mutex::default(), limit: limits.message_bytes }
    }

    /// Adds the answer to `id` that `write` appends, or an error where the answers are too long already.
    pub(crate) fn add(&self, id: Option<&[u8]>, revision: Revision, write: impl FnOnce(&mut Vec<u8>)) {
        let mut answers = lock(&self.answers);
        let has_room = answers.len() < self.limit;
        let opening = if answers.is_empty() { b'[' } else { b',' };
        answers.push(opening);
        if has_room {
            write(&mut answers);
        } else {
            let error = McpError::unavailable("the answers to the batch are too long");
            write_error(id, &error, revision, &mut answers);
        }
    }
}

impl Drop for BatchReply {
    fn drop(&mut self) {
        let mut answers = std::mem::take(&mut *lock(&self.answers));
        if !answers.is_empty() {
            answers.push(b']');
            self.outlet.answer(answers);
        }
    }
}

/// Returns the messages of a batch, of which there may be no more than requests may wait.
pub(crate) fn split(frame: &[u8], limits: &Limits) -> McpResult<Vec<Span>> {
    let spans = Message::split_batch(frame).map_err(|error| error.error)?.unwrap_or_default();
    if spans.len() > limits.requests_in_flight {
        return Err(McpError::invalid_request("the batch has too many messages"));
    }
    Ok(spans)
}
