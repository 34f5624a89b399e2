//! What a conversation has: a server on one binding, and clients of one era.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use turbomcp::client::{Client, ClientBuilder, Era, Error, Target};
use turbomcp::types::CallToolResult;
use turbomcp_tests::stage::{Counts, Order, Plan};

use crate::binding::{Binding, BoxStream, Control, Door, Way};
use crate::papers::Papers;
use crate::raw::Raw;
use crate::relay::Relay;

/// How long anything may take before a conversation fails: long, because a busy machine is not what is looked for.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// Where a conversation is held.
#[derive(Clone)]
pub struct Scene {
    pub binding: &'static dyn Binding,
    pub era: Era,
    pub papers: Arc<Papers>,
}

impl Scene {
    /// Starts the server.
    pub async fn site(&self) -> Site {
        self.site_of(|_| {}).await
    }

    /// Starts the server as a conversation wants it.
    pub async fn site_of(&self, edit: impl FnOnce(&mut Plan)) -> Site {
        let mut plan = Plan::default();
        edit(&mut plan);
        let (door, control) = self.binding.start(&plan, &self.papers).await;
        Site { era: self.era, door, control }
    }

    /// Starts the server and connects a client.
    pub async fn client(&self) -> (Site, Client) {
        let site = self.site().await;
        let client = site.client().await;
        (site, client)
    }
}

/// A server that runs until this is dropped.
pub struct Site {
    pub era: Era,
    door: Arc<dyn Door>,
    control: Arc<dyn Control>,
}

/// The longest message our client takes, unless a conversation says otherwise.
const MESSAGE_BYTES: usize = 16 << 20;

impl Site {
    pub fn is_modern(&self) -> bool {
        self.era == Era::Modern
    }

    /// Returns settings of our client for the era of the conversation.
    pub fn builder(&self) -> ClientBuilder {
        Client::builder().name("host").version("1.0.0").era(self.era).request_timeout(PATIENCE)
    }

    pub async fn client(&self) -> Client {
        self.client_of(self.builder()).await
    }

    pub async fn client_of(&self, builder: ClientBuilder) -> Client {
        soon(self.connect(builder)).await.unwrap()
    }

    pub async fn connect(&self, builder: ClientBuilder) -> Result<Client, Error> {
        builder.connect(self.door.target(Way { relay: None, max_message_bytes: MESSAGE_BYTES }).await).await
    }

    /// Says where a client finds the server that says who it is; none if the binding carries nothing of the kind.
    pub async fn known(&self) -> Option<Target> {
        self.door.known().await
    }

    /// Opens a connection on which nothing was said yet.
    pub async fn dial(&self) -> BoxStream {
        self.door.dial().await
    }

    /// Waits until the metrics of the server say so.
    pub async fn measured(&self, what: &str, expected: u64) {
        // A request is counted once it is over, which its client may hear of before.
        let measured = async {
            while {
                self.order(Order::Measure).await;
                self.counts().measured.get(what) != Some(&expected)
            } {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let outcome = tokio::time::timeout(PATIENCE, measured).await;
        assert!(outcome.is_ok(), "{what} is not {expected}: {:?}", self.counts().measured);
    }

    /// Connects a client that takes messages up to this size.
    pub async fn client_taking(&self, max_message_bytes: usize) -> Client {
        let target = self.door.target(Way { relay: None, max_message_bytes }).await;
        soon(self.builder().max_message_bytes(max_message_bytes).connect(target)).await.unwrap()
    }

    /// Opens a relay to the server.
    pub async fn relay(&self) -> Relay {
        self.door.relay().await
    }

    /// Connects a client by way of a relay.
    pub async fn through(&self, relay: &Relay, builder: ClientBuilder) -> Client {
        let way = Way { relay: Some(relay), max_message_bytes: MESSAGE_BYTES };
        soon(builder.connect(self.door.target(way).await)).await.unwrap()
    }

    /// Connects a client whose connection can be lost: by a cut where the server outlives it, and with the server where that
    /// is started by the client.
    pub async fn losing(&self, builder: ClientBuilder) -> (Client, Loss<'_>) {
        if self.door.starts_again() {
            return (self.client_of(builder).await, Loss::OfTheServer(self));
        }
        let relay = self.relay().await;
        (self.through(&relay, builder).await, Loss::OfTheConnection(relay))
    }

    /// Connects a peer that says anything, after the handshake of the era.
    pub async fn raw(&self) -> Raw {
        let mut raw = self.door.raw().await;
        soon(raw.greet(self.era)).await;
        raw
    }

    pub async fn order(&self, order: Order) {
        soon(self.control.order(order)).await;
    }

    pub fn counts(&self) -> Counts {
        self.control.counts().borrow().clone()
    }

    /// Waits until the server has counted so much.
    pub async fn counted(&self, enough: impl Fn(&Counts) -> bool) {
        let mut counts = self.control.counts();
        let counted = tokio::time::timeout(PATIENCE, counts.wait_for(|counts| enough(counts))).await.map(drop);
        assert!(counted.is_ok(), "the server has counted only {:?}", self.counts());
    }

    /// Ends the server without a word.
    pub fn kill(&self) {
        self.control.kill();
    }

    /// Waits until the server has ended by itself.
    pub async fn ended(&self) {
        soon(self.control.ended()).await;
    }
}

/// How a connection is lost.
pub enum Loss<'a> {
    OfTheConnection(Relay),
    OfTheServer(&'a Site),
}

impl Loss<'_> {
    pub fn happens(&self) {
        match self {
            Self::OfTheConnection(relay) => relay.cut(),
            Self::OfTheServer(site) => site.kill(),
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Waits for an outcome that has to come.
pub async fn soon<T>(outcome: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, outcome).await.expect("an outcome in time")
}

/// Waits for a failure that has to come.
pub async fn failure<T: std::fmt::Debug>(outcome: impl IntoFuture<Output = Result<T, Error>>) -> Error {
    soon(outcome.into_future()).await.unwrap_err()
}

/// Returns the text of a tool's result.
pub fn text(result: &CallToolResult) -> &str {
    result.content[0].as_text().unwrap()
}

/// Calls a tool and returns its text.
pub async fn said(client: &Client, tool: &str, arguments: Value) -> String {
    let result = soon(client.call_tool(tool, arguments).into_future()).await.unwrap();
    text(&result).to_owned()
}
