//! A server is asked for a sign of life, and what is made of the answer.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use turbomcp::client::{
    CircuitBreakerConfig, CircuitState, Client, ClientGroup, Era, FailureThreshold, HealthChecker, HealthConfig,
    HealthStatus, WsConfig,
};
use turbomcp::prelude::*;

use crate::peer::{connected, discovered, failure, soon, text};
use crate::web::{Reply, Web};

fn config() -> HealthConfig {
    HealthConfig::new()
        .check_interval(Duration::from_secs(30))
        .connection_timeout(Duration::from_secs(5))
        .max_consecutive_failures(3)
}

#[tokio::test(start_paused = true)]
async fn f177_a_check_says_healthy_degraded_or_unhealthy() {
    let builder = Client::builder().health_checks(config().check_interval(Duration::from_secs(3600)));
    let (client, mut peer) = connected(builder, Era::Modern).await;
    let checker = HealthChecker::new(config());
    assert_eq!(client.health().status, HealthStatus::Healthy, "it has just answered");
    let (status, _) = tokio::join!(checker.check(&client), peer.discover());
    assert_eq!(status, HealthStatus::Healthy);
    for failed in 1..=3 {
        let status = soon(checker.check(&client)).await;
        match (&status, failed) {
            (HealthStatus::Degraded(issues), 1..3) => {
                assert!(issues[0].starts_with(&format!("{failed} checks")), "{issues:?}");
            }
            (HealthStatus::Unhealthy(why), 3) => assert_eq!(why, "no answer within 5s"),
            _ => panic!("{failed}: {status:?}"),
        }
        peer.expect("server/discover").await;
        peer.expect("notifications/cancelled").await;
    }
    let health = client.health();
    assert_eq!((health.checks, health.failed_checks), (4, 3));
    assert_eq!(health.answered.unwrap().as_secs(), 15);
    assert_eq!(serde_json::to_value(&health).unwrap()["status"], json!({"unhealthy": "no answer within 5s"}));
    // Whatever it answers, it is there; but it took its time.
    let late = async {
        let request = peer.expect("server/discover").await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        peer.fail(&request, -32601, "never heard of it").await;
    };
    let (status, ()) = tokio::join!(checker.check(&client), late);
    let HealthStatus::Degraded(issues) = status else { panic!("{status:?}") };
    assert_eq!(issues, ["it took 2s to answer"]);
    let patient = HealthChecker::new(config().slow_after(Duration::from_secs(3)));
    let late = async {
        let request = peer.expect("server/discover").await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        peer.answer(&request, discovered()).await;
    };
    assert_eq!(tokio::join!(patient.check(&client), late).0, HealthStatus::Healthy);
    drop(peer);
    assert!(!soon(checker.check(&client)).await.is_healthy(), "the connection is lost");
}

#[tokio::test(start_paused = true)]
async fn f177_checks_in_the_background_end_with_the_client() {
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    let every_20_s = config().check_interval(Duration::from_secs(20));
    for ending in ["dropped", "closed"] {
        let (client, mut peer) = connected(Client::builder().health_checks(every_20_s), Era::Legacy).await;
        let started = tokio::time::Instant::now();
        for checks in 1..=3 {
            peer.serve("ping", json!({})).await;
            assert_eq!(started.elapsed().as_secs(), 20 * checks);
        }
        soon(async {
            while client.health().checks < 3 {
                tokio::task::yield_now().await;
            }
        })
        .await;
        if ending == "closed" {
            client.close().await;
        } else {
            drop(client);
        }
        assert_eq!(peer.drain().await.len(), 0);
        soon(async {
            while tasks() > before {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_check_finds_a_server_that_is_left_alone() {
    let breaker = CircuitBreakerConfig::production()
        .failure_threshold(FailureThreshold::Consecutive(1))
        .recovery_timeout(Duration::from_secs(3600));
    let builder = Client::builder().request_timeout(Duration::from_secs(5)).circuit_breaker(breaker);
    let (client, mut peer) = connected(builder, Era::Legacy).await;
    assert!(failure(client.ping()).await.is_timeout());
    peer.expect("ping").await;
    peer.expect("notifications/cancelled").await;
    assert_eq!(client.circuit(), Some(CircuitState::Open));
    let checker = HealthChecker::new(config());
    let (status, _) = tokio::join!(checker.check(&client), peer.serve("ping", json!({})));
    assert_eq!((status, client.circuit()), (HealthStatus::Healthy, Some(CircuitState::Closed)));
}

#[tokio::test]
async fn f177_a_transport_is_checked_by_connecting() {
    let web = Web::modern(|_| Reply::status(500, "", "")).await;
    let checker = HealthChecker::new(config());
    assert_eq!(soon(checker.check_transport(web.url.as_str())).await.unwrap(), HealthStatus::Healthy);
    let HealthStatus::Unhealthy(why) = soon(checker.check_transport("http://127.0.0.1:1/mcp")).await.unwrap() else {
        panic!("nobody listens on port 1");
    };
    assert_eq!(why, "the server at 127.0.0.1:1 cannot be reached");
    assert!(failure(checker.check_transport("http://")).await.is_connect());
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", silent.local_addr().unwrap());
    let checker = HealthChecker::new(config().connection_timeout(Duration::from_millis(100)));
    assert_eq!(
        soon(checker.check_transport(url)).await.unwrap(),
        HealthStatus::Unhealthy("no answer within 100ms".to_owned())
    );
}

/// Carries connections to a server until it is told to go silent, without closing anything.
async fn proxy(to: std::net::SocketAddr, silence: Arc<Notify>) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let mut far = TcpStream::connect(to).await.unwrap();
            let silence = silence.clone();
            tokio::spawn(async move {
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                    () = silence.notified() => std::future::pending().await,
                }
            });
        }
    });
    address
}

#[tokio::test]
async fn f174_a_stale_connection_is_found_and_replaced() {
    let server = McpServer::builder().tool("add", |_: turbomcp::Arguments| async { "1" }).unwrap().build();
    let listener = server.bind_websocket("127.0.0.1:0").await.unwrap();
    let silence = Arc::new(Notify::new());
    let address = proxy(listener.local_addr(), silence.clone()).await;
    let serving = tokio::spawn(listener.serve());
    let checks = HealthConfig::new()
        .check_interval(Duration::from_millis(50))
        .connection_timeout(Duration::from_millis(200))
        .max_consecutive_failures(2);
    let builder = Client::builder().reconnect().health_checks(checks);
    let client = soon(builder.connect(WsConfig::new().url(format!("ws://{address}/")))).await.unwrap();
    soon(client.call_tool("add", ()).into_future()).await.unwrap();
    silence.notify_waiters();
    // Nobody says that the connection is dead, but nothing comes of it any more.
    soon(async {
        while !client.is_closed() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    let before = client.health();
    assert_eq!(before.failed_checks, 2);
    // There is nothing to be found out about the server on a connection that is gone.
    soon(HealthChecker::new(checks).check(&client)).await;
    assert_eq!((client.health().checks, client.health().failed_checks), (before.checks, before.failed_checks));
    soon(client.call_tool("add", ()).into_future()).await.unwrap();
    assert_eq!((client.health().reconnections, client.health().failed_checks), (1, 0));
    soon(async {
        while client.health().status != HealthStatus::Healthy {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    serving.abort();
}

#[tokio::test]
async fn f174_another_server_of_a_group_stands_in() {
    let web = Web::modern(|request| Reply::result(request, text("from the other"))).await;
    let broken = Web::modern(|_| Reply::raw("")).await;
    let group = ClientGroup::new(Client::builder());
    group.add("gone", "http://127.0.0.1:1/mcp").unwrap();
    group.add("broken", broken.url.as_str()).unwrap();
    group.add("other", web.url.as_str()).unwrap();
    assert!(failure(group.call_tool("gone__x", ())).await.is_connect());
    group.fall_back("gone", "other").unwrap();
    group.fall_back("broken", "gone").unwrap();
    for (name, other) in [("gone", "gone"), ("other", "broken"), ("other", "nobody"), ("nobody", "other")] {
        assert!(group.fall_back(name, other).unwrap_err().is_usage(), "{name} {other}");
    }
    // Left alone or not, it makes no difference.
    for _ in 0..3 {
        let result = soon(group.call_tool("gone__x", json!({"a": 1}))).await.unwrap();
        assert_eq!(result.content[0].as_text(), Some("from the other"));
    }
    assert_eq!(web.of("tools/call")[0].body["params"]["arguments"], json!({"a": 1}));
    // What may have run here is not run there, until the server is left alone.
    for _ in 0..3 {
        assert!(failure(group.call_tool("broken__x", ())).await.is_closed());
    }
    assert_eq!(web.of("tools/call").len(), 3);
    soon(group.call_tool("broken__x", ())).await.unwrap();
    assert_eq!(web.of("tools/call").len(), 4);
    group.close().await;
}
