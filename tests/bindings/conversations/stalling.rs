//! Peers that stop reading, and go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::relay::Flow;
use crate::site::{Scene, Site, failure, said, soon, text};

/// More messages than fit in between: a system keeps some megabytes for a socket.
const MESSAGES: u32 = 400;
const BYTES: usize = 16 << 10;

/// So long that a few fill what is between a server and a client that does not read.
const ANSWER: usize = 256 << 10;

/// Waits until the server tells no more, and returns how much it has told.
async fn settled(site: &Site) -> u32 {
    let mut told = 0;
    loop {
        tokio::time::sleep(Duration::from_millis(250)).await;
        let now = site.counts().told;
        if now == told && now > 0 {
            return now;
        }
        told = now;
    }
}

pub async fn a_reader_that_stops_holds_up_its_handler(scene: Scene) {
    let site = scene.site().await;
    let relay = site.relay().await;
    let client = site.through(&relay, site.builder()).await;
    // Over HTTP the next call finds this connection idle, and needs no new one.
    soon(client.ping()).await.unwrap();
    relay.to_client(Flow::Stopped);
    let heard = Arc::new(AtomicU32::new(0));
    let hearing = heard.clone();
    let call = client.call_tool("chatter", json!({"messages": MESSAGES, "bytes": BYTES})).on_progress(move |_| {
        hearing.fetch_add(1, Ordering::Relaxed);
    });
    let call = tokio::spawn(call.into_future());
    assert!(settled(&site).await < MESSAGES, "the server goes on telling nobody");
    relay.to_client(Flow::Open);
    assert_eq!(text(&soon(call).await.unwrap().unwrap()), "told");
    assert_eq!(heard.load(Ordering::Relaxed), MESSAGES);
    site.counted(|counts| counts.told == MESSAGES).await;
}

pub async fn a_reader_that_stops_holds_up_what_it_asks_for(scene: Scene) {
    let site = scene.site().await;
    let relay = site.relay().await;
    let client = site.through(&relay, site.builder()).await;
    relay.to_client(Flow::Stopped);
    let calls: Vec<_> =
        (0..20).map(|_| tokio::spawn(client.call_tool("large", json!({"bytes": ANSWER})).into_future())).collect();
    let asked = || site.counts().requests.get("tools/call").copied().unwrap_or_default();
    let mut before = u32::MAX;
    while before != asked() || before == 0 {
        before = asked();
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    assert!(before < 20, "the server reads on while nothing it answers is taken");
    relay.to_client(Flow::Open);
    for call in calls {
        assert_eq!(text(&soon(call).await.unwrap().unwrap()).len(), ANSWER);
    }
}

pub async fn a_reader_that_stops_holds_up_nobody_else(scene: Scene) {
    let site = scene.site().await;
    let relay = site.relay().await;
    let stopped = site.through(&relay, site.builder()).await;
    let other = site.client().await;
    relay.to_client(Flow::Stopped);
    let calls: Vec<_> =
        (0..8).map(|_| tokio::spawn(stopped.call_tool("large", json!({"bytes": ANSWER})).into_future())).collect();
    for a in 0..20 {
        assert_eq!(said(&other, "add", json!({"a": a, "b": 1})).await, (a + 1).to_string());
    }
    assert!(calls.iter().all(|call| !call.is_finished()));
    calls.iter().for_each(|call| call.abort());
}

pub async fn a_server_that_stops_reading_runs_into_the_deadline(scene: Scene) {
    let site = scene.site().await;
    let relay = site.relay().await;
    let client = site.through(&relay, site.builder()).await;
    assert_eq!(said(&client, "add", json!({"a": 1, "b": 1})).await, "2");
    relay.to_server(Flow::Stopped);
    let call = client.call_tool("add", json!({"a": 2, "b": 1})).timeout(Duration::from_millis(150));
    let error = failure(call).await;
    assert!(error.is_timeout(), "{error:?}");
    relay.to_server(Flow::Open);
    assert_eq!(said(&client, "add", json!({"a": 3, "b": 1})).await, "4");
}

pub async fn a_server_that_stops_reading_holds_up_what_is_sent(scene: Scene) {
    let site = scene.site().await;
    let relay = site.relay().await;
    let client = site.through(&relay, site.builder()).await;
    relay.to_server(Flow::Stopped);
    let text_of = |number: usize| number.to_string().repeat(100_000);
    let calls: Vec<_> = (1..10)
        .map(|number| {
            let call = client.call_tool("echo", json!({"text": text_of(number)}));
            (number, tokio::spawn(call.into_future()))
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(calls.iter().all(|(_, call)| !call.is_finished()));
    relay.to_server(Flow::Open);
    for (number, call) in calls {
        assert!(text(&soon(call).await.unwrap().unwrap()) == text_of(number));
    }
}
