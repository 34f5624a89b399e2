//! Requests that the pages send: by a connection within the process, as any client's.

use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use tokio::task::AbortHandle;
use turbomcp_protocol::message::{META_CLIENT_CAPABILITIES, META_CLIENT_INFO, META_PROTOCOL_VERSION};
use turbomcp_protocol::{Method, Revision};
use turbomcp_transport::{Batch, Extensions, Principal, Receive as _, Send as _, Transport as _, memory};

use super::watch::FromDashboard;
use crate::McpServer;

/// What became of a request.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) took: Duration,
    /// The result, or the error, of the protocol.
    pub(super) outcome: Result<Value, Value>,
}

/// Ends a task with whoever waits for it.
struct Owned(AbortHandle);

impl Drop for Owned {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Sends a request and waits for its answer; fails, with the reason, if there is none.
///
/// Dropping the future cancels the request.
pub(super) async fn send(
    server: &McpServer,
    caller: Option<&Principal>,
    method: &Method,
    mut params: Map<String, Value>,
) -> Result<Answer, String> {
    let meta = json!({
        META_PROTOCOL_VERSION: Revision::LATEST,
        META_CLIENT_INFO: {"name": "turbomcp-dashboard", "version": env!("CARGO_PKG_VERSION")},
        META_CLIENT_CAPABILITIES: {},
    });
    params.insert("_meta".to_owned(), meta);
    let mut line = json!({"jsonrpc": "2.0", "id": 1, "method": method.as_str(), "params": params}).to_string();
    line.push('\n');

    let (ours, theirs) = memory::pair();
    let mut extensions = Extensions::new();
    extensions.insert(FromDashboard);
    if let Some(principal) = caller {
        extensions.insert(principal.clone());
    }
    let theirs = theirs.max_message_bytes(server.limits().message_bytes).with_extensions(extensions);
    let serving = tokio::spawn(server.serve(theirs));
    let _owned = Owned(serving.abort_handle());

    let started = Instant::now();
    let (mut receive, mut send) = ours.split();
    // A server that lets nobody in says why itself.
    let _ = send.send(Batch::from_lines(line.as_bytes())).await;
    loop {
        match receive.recv().await {
            Ok(Some(frame)) => {
                let Ok(mut message) = serde_json::from_slice::<Value>(&frame) else { continue };
                if message.get("id") != Some(&json!(1)) {
                    continue;
                }
                let outcome = match message.get_mut("error") {
                    Some(error) => Err(error.take()),
                    None => Ok(message["result"].take()),
                };
                return Ok(Answer { took: started.elapsed(), outcome });
            }
            Ok(None) => break,
            Err(error) => return Err(error.to_string()),
        }
    }
    match serving.await {
        Ok(Err(error)) => {
            let source = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
            Err(format!("{error}{source}"))
        }
        _ => Err("the server ended the connection".to_owned()),
    }
}
