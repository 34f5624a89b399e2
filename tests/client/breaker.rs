//! Servers that fail again and again are left alone, and found again when they are back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use turbomcp::client::{
    CircuitBreakerConfig, CircuitState, Client, ClientGroup, Era, FailureThreshold, Health, RecoveryStrategy,
};

use crate::peer::{connected, failure, soon, text};
use crate::web::{Reply, Web};

fn config() -> CircuitBreakerConfig {
    CircuitBreakerConfig::production()
        .failure_threshold(FailureThreshold::Consecutive(2))
        .recovery_timeout(Duration::from_secs(10))
        .half_open_max_calls(1)
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_not_waited_for_again_and_again() {
    let builder = Client::builder().request_timeout(Duration::from_secs(5)).circuit_breaker(config());
    let (client, mut peer) = connected(builder, Era::Legacy).await;
    assert_eq!(client.circuit(), Some(CircuitState::Closed));
    for _ in 0..2 {
        assert!(failure(client.ping()).await.is_timeout());
    }
    assert_eq!(client.circuit(), Some(CircuitState::Open));
    let started = tokio::time::Instant::now();
    let error = failure(client.ping()).await;
    assert!(error.is_unavailable() && started.elapsed() < Duration::from_millis(1), "{error}");
    tokio::time::advance(Duration::from_secs(10)).await;
    // One call finds out whether the server is back; the others do not wait for it.
    let probe = tokio::spawn(client.call_tool("x", ()).into_future());
    for _ in 0..2 {
        peer.expect("ping").await;
        peer.expect("notifications/cancelled").await;
    }
    let request = peer.expect("tools/call").await;
    assert_eq!(client.circuit(), Some(CircuitState::HalfOpen));
    assert!(failure(client.ping()).await.is_unavailable());
    peer.answer(&request, text("back")).await;
    assert_eq!(soon(probe).await.unwrap().unwrap().content[0].as_text(), Some("back"));
    assert_eq!(client.circuit(), Some(CircuitState::Closed));
}

#[tokio::test]
async fn a_client_without_a_breaker_asks_each_time() {
    let web = Web::modern(|_| Reply::status(503, "", "")).await;
    let client = Client::connect(web.url.as_str()).await.unwrap();
    for _ in 0..8 {
        assert_eq!(failure(client.call_tool("x", ()).into_future()).await.status(), Some(503));
    }
    assert_eq!((client.circuit(), web.of("tools/call").len()), (None, 8));
}

#[tokio::test]
async fn a_server_of_a_group_that_breaks_down_is_left_alone_and_found_again() {
    let is_broken = Arc::new(AtomicBool::new(true));
    let broken = is_broken.clone();
    let web = Web::modern(move |request| match broken.load(Ordering::SeqCst) {
        true => Reply::status(503, "", "out of order"),
        false => Reply::result(request, text("fine")),
    })
    .await;
    let strategy = RecoveryStrategy::LinearBackoff {
        initial_delay: Duration::from_millis(300),
        max_delay: Duration::from_secs(1),
        multiplier: 1.0,
    };
    let group = ClientGroup::new(Client::builder().circuit_breaker(config().recovery_strategy(strategy)));
    group.add("shop", web.url.as_str()).unwrap();
    for _ in 0..2 {
        assert_eq!(failure(group.call_tool("shop__x", ())).await.status(), Some(503));
    }
    assert!(failure(group.call_tool("shop__x", ())).await.is_unavailable());
    assert_eq!(web.of("tools/call").len(), 2, "nothing is sent to a server that is left alone");
    let [(_, Health::Down { failures: 2, circuit: CircuitState::Open, .. })] = &group.health()[..] else {
        panic!("{:?}", group.health());
    };
    // The client of the group is behind the same circuit.
    let client = group.client("shop").await.unwrap();
    assert!(failure(client.call_tool("x", ()).into_future()).await.is_unavailable());
    is_broken.store(false, Ordering::SeqCst);
    soon(async {
        while group.call_tool("shop__x", ()).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    assert!(matches!(group.health()[0].1, Health::Up { .. }));
    assert_eq!(web.of("tools/call").len(), 3, "one call finds the server again");
}
