//! Servers that are silent, slow, wrong or endless: each ends in an error that says so, within its time.

mod answers;
mod lists;
mod notices;
mod questions;
mod rounds;
mod silence;
mod statuses;
mod streams;

use std::time::Duration;

use serde_json::{Value, json};
use turbomcp::client::{Client, Era};
use turbomcp::types::ElicitResult;

use crate::peer::{connected, soon};

const ERAS: [Era; 2] = [Era::Modern, Era::Legacy];

fn builder() -> turbomcp::client::ClientBuilder {
    Client::builder().request_timeout(Duration::from_secs(5))
}

/// Runs a call against a server that does something, and returns what became of the call.
async fn against<F>(
    era: Era,
    act: impl FnOnce(crate::peer::Peer, Value) -> F,
) -> Result<String, turbomcp::client::Error>
where
    F: Future<Output = crate::peer::Peer>,
{
    let (client, mut peer) = connected(builder(), era).await;
    let call = tokio::spawn(client.call_tool("x", ()).into_future());
    let request = peer.expect("tools/call").await;
    let _peer = act(peer, request).await;
    let result = soon(call).await.unwrap()?;
    Ok(result.content[0].as_text().unwrap().to_owned())
}

/// A client whose user agrees to everything.
fn agreeing() -> turbomcp::client::ClientBuilder {
    builder().on_elicit(|_| async {
        let content = json!({"ok": true}).as_object().cloned().unwrap();
        Ok(ElicitResult::accept(content))
    })
}
