//! What clients do to a server.

use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncWriteExt;
use turbomcp::client::{
    BackoffStrategy, Client, ClientBuilder, ClientGroup, Era, HealthConfig, RetryConfig, RetryPolicy,
};
use turbomcp::types::SubscriptionFilter;

use crate::raw;
use crate::site::{Site, WAYS, Way};

/// Numbers that look random, and are the same each time.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Returns a number below a bound.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }

    fn is_even(&mut self) -> bool {
        self.below(2) == 0
    }

    fn era(&mut self) -> Era {
        if self.is_even() { Era::Modern } else { Era::Legacy }
    }

    async fn pause(&mut self, most_ms: usize) {
        tokio::time::sleep(Duration::from_millis(self.below(most_ms) as u64)).await;
    }
}

#[derive(Debug, Clone, Copy)]
pub enum Scene {
    /// Connects, calls, and goes in good order or just goes.
    Use(Way),
    /// Calls many things at once and drops some of the calls.
    Cancel(Way),
    /// Goes while the server waits for an answer.
    LeaveUnanswered(Way),
    /// Subscribes, with checks in the background, and goes.
    Subscribe(Way),
    /// Connects and says nothing, or half of something, and goes or waits until it is thrown out.
    SayHalf,
    /// Opens a session and leaves it behind, with or without its listening stream.
    AbandonSession,
    /// Leaves a response that has only begun.
    AbandonStream,
    /// Never reads what it has asked for.
    NeverRead,
    /// Looks for servers that are not there.
    FindNobody,
}

pub const SCENES: [Scene; 38] = {
    let mut scenes = [Scene::SayHalf; 38];
    let mut at = 0;
    while at < WAYS.len() {
        scenes[at] = Scene::Use(WAYS[at]);
        scenes[at + 8] = Scene::Cancel(WAYS[at]);
        scenes[at + 16] = Scene::LeaveUnanswered(WAYS[at]);
        scenes[at + 24] = Scene::Subscribe(WAYS[at]);
        at += 1;
    }
    scenes[33] = Scene::AbandonSession;
    scenes[34] = Scene::AbandonStream;
    scenes[35] = Scene::NeverRead;
    scenes[36] = Scene::FindNobody;
    scenes
};

impl Scene {
    pub async fn play(self, site: &Site, dice: &mut Dice) {
        match self {
            Self::Use(way) => r#use(site, way, dice).await,
            Self::Cancel(way) => cancel(site, way, dice).await,
            Self::LeaveUnanswered(way) => leave_unanswered(site, way, dice).await,
            Self::Subscribe(way) => subscribe(site, way, dice).await,
            Self::SayHalf => say_half(site, dice).await,
            Self::AbandonSession => abandon_session(site, dice).await,
            Self::AbandonStream => abandon_stream(site, dice).await,
            Self::NeverRead => raw::never_read(site).await,
            Self::FindNobody => find_nobody().await,
        }
    }
}

async fn connect(site: &Site, way: Way, builder: ClientBuilder) -> Client {
    let connected = builder.connect(site.target(way).await).await;
    connected.unwrap_or_else(|error| panic!("{way:?}: {error:?}"))
}

async fn end(client: Client, dice: &mut Dice) {
    if dice.is_even() {
        client.close().await;
    }
}

async fn r#use(site: &Site, way: Way, dice: &mut Dice) {
    let client = connect(site, way, Client::builder().era(dice.era())).await;
    for a in 0..dice.below(4) {
        let sum: i64 = client.call_tool_as("add", json!({"a": a, "b": 2})).await.unwrap();
        assert_eq!(sum, a as i64 + 2);
        let text = "x".repeat(dice.below(100_000));
        let result = client.call_tool("echo", json!({"text": text})).await.unwrap();
        assert_eq!(result.content[0].as_text(), Some(text.as_str()));
    }
    client.list_all_tools().await.unwrap();
    end(client, dice).await;
}

async fn cancel(site: &Site, way: Way, dice: &mut Dice) {
    let retry = RetryPolicy::production();
    let client = connect(site, way, Client::builder().era(dice.era()).retry(retry)).await;
    // The server that is a process has another tool that takes its time.
    let (name, arguments) =
        if matches!(way, Way::Process) { ("wait", json!({"ms": 1000})) } else { ("steps", json!({})) };
    let calls: Vec<_> = (0..8)
        .map(|_| {
            let call = client.call_tool(name, &arguments).on_progress(|_| {}).into_future();
            let limit = Duration::from_millis(dice.below(60) as u64);
            tokio::spawn(async move { tokio::time::timeout(limit, call).await.is_err() })
        })
        .collect();
    dice.pause(30).await;
    for call in calls {
        assert!(call.await.unwrap(), "nobody waits so long");
    }
    client.list_all_tools().await.unwrap();
    end(client, dice).await;
}

async fn leave_unanswered(site: &Site, way: Way, dice: &mut Dice) {
    let builder = Client::builder().era(dice.era()).on_elicit(|_| std::future::pending());
    let client = connect(site, way, builder).await;
    let limit = Duration::from_millis(20 + dice.below(80) as u64);
    let _ = tokio::time::timeout(limit, client.call_tool("ask", json!({})).into_future()).await;
    end(client, dice).await;
}

async fn subscribe(site: &Site, way: Way, dice: &mut Dice) {
    let checks = HealthConfig::new().check_interval(Duration::from_millis(20));
    let builder = Client::builder().era(dice.era()).health_checks(checks).reconnect();
    let client = connect(site, way, builder).await;
    let filter = SubscriptionFilter::new().with_tools_list_changed(true);
    let subscription = client.subscribe(filter).await.unwrap();
    dice.pause(100).await;
    if dice.is_even() {
        drop(subscription);
        end(client, dice).await;
    } else {
        end(client, dice).await;
        drop(subscription);
    }
}

async fn say_half(site: &Site, dice: &mut Dice) {
    let mut stream = site.any_port(dice.below(4)).await;
    let text: &[u8] = match dice.below(6) {
        0 => b"",
        1 => b"POST /mcp HTTP/1.1\r\nhost: local",
        2 => {
            b"POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
               accept: application/json, text/event-stream\r\ncontent-length: 100\r\n\r\n{"
        }
        3 => b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        4 => b"\x16\x03\x01\x02\x00\x01",
        _ => b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"pi",
    };
    stream.write_all(text).await.unwrap();
    dice.pause(50).await;
    // Over TCP, and with HTTP/2, nobody is thrown out for being silent.
    if dice.is_even() {
        let _ = tokio::time::timeout(Duration::from_secs(2), raw::outlive(stream)).await;
    }
}

async fn abandon_session(site: &Site, dice: &mut Dice) {
    let (mut stream, id) = raw::session(site).await;
    if dice.is_even() {
        let get = format!(
            "GET /mcp HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\nmcp-session-id: {id}\r\n\r\n"
        );
        stream.write_all(get.as_bytes()).await.unwrap();
        raw::read_until(&mut stream, "retry:").await;
        dice.pause(50).await;
    }
}

async fn abandon_stream(site: &Site, dice: &mut Dice) {
    let stream = raw::stream(site).await;
    dice.pause(100).await;
    drop(stream);
}

async fn find_nobody() {
    let again = RetryConfig::new().strategy(BackoffStrategy::Fixed { delay: Duration::from_millis(5) });
    let group = ClientGroup::new(Client::builder().retry(RetryPolicy::custom(again)));
    group.add("port", "http://127.0.0.1:1/mcp").unwrap();
    group.add("program", "/nowhere/at/all").unwrap();
    group.connect().await;
    assert!(group.call_tool("port__x", ()).await.is_err());
    group.close().await;
}
