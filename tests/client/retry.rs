//! What has failed in passing is tried again, where that can do no harm.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use turbomcp::McpServer;
use turbomcp::client::{
    BackoffStrategy, CircuitBreakerConfig, Client, ClientBuilder, Era, ErrorKind, FailureThreshold, HealthStatus,
    Repeat, RetryConfig, RetryPolicy,
};

use crate::peer::{connected, failure, pair, soon, text};
use crate::web::{Reply, Web};

fn soon_again() -> RetryConfig {
    RetryConfig::new().strategy(BackoffStrategy::Fixed { delay: Duration::from_millis(5) })
}

fn builder(config: RetryConfig) -> ClientBuilder {
    Client::builder().request_timeout(Duration::from_secs(20)).retry(RetryPolicy::custom(config))
}

/// Starts a server that answers so many requests, of each method but `server/discover`, in another way than the rest.
async fn failing(times: usize, how: impl Fn() -> Reply + Send + Sync + 'static, rest: Value) -> Web {
    let calls = Arc::new(AtomicUsize::new(0));
    Web::modern(move |request| match calls.fetch_add(1, Ordering::SeqCst) < times {
        true => how(),
        false => Reply::result(request, rest.clone()),
    })
    .await
}

fn tools(hints: Value) -> Value {
    let tool = json!({"name": "x", "inputSchema": {"type": "object"}, "annotations": hints});
    json!({"resultType": "complete", "tools": [tool], "ttlMs": 0, "cacheScope": "private"})
}

#[tokio::test]
async fn f173_a_refused_call_is_made_again_when_the_server_says() {
    let web = failing(1, || Reply::status(503, "retry-after: 1\r\n", ""), text("fine")).await;
    let client = builder(soon_again()).connect(web.url.as_str()).await.unwrap();
    let started = Instant::now();
    let result = soon(client.call_tool("x", ()).into_future()).await.unwrap();
    assert_eq!(result.content[0].as_text(), Some("fine"));
    assert!(started.elapsed() >= Duration::from_millis(950), "{:?}", started.elapsed());
    assert_eq!(web.of("tools/call").len(), 2);
    assert_eq!(client.health().retries, 1);
    assert_eq!(client.health().status, HealthStatus::Healthy);
}

#[tokio::test]
async fn the_wait_that_a_server_asks_for_is_told() {
    let web = failing(9, || Reply::status(429, "retry-after: 7\r\n", ""), text("fine")).await;
    let client = Client::connect(web.url.as_str()).await.unwrap();
    let error = failure(client.call_tool("x", ()).into_future()).await;
    assert_eq!((error.retry_after(), error.kind()), (Some(Duration::from_secs(7)), Some(ErrorKind::TemporaryFailure)));
    assert_eq!(web.of("tools/call").len(), 1, "a client without a policy asks once");
}

#[tokio::test]
async fn f173_a_call_that_may_have_run_is_made_again_only_if_it_may_run_twice() {
    let broken = || Reply::raw("");
    // A list may be asked for twice, a tool may not be called twice.
    let web = failing(2, broken, tools(json!({}))).await;
    let client = builder(soon_again()).connect(web.url.as_str()).await.unwrap();
    soon(client.list_all_tools()).await.unwrap();
    assert_eq!(web.of("tools/list").len(), 3);
    let web = failing(1, broken, text("fine")).await;
    let client = builder(soon_again()).connect(web.url.as_str()).await.unwrap();
    let error = failure(client.call_tool("x", ()).into_future()).await;
    assert_eq!((error.kind(), web.of("tools/call").len()), (Some(ErrorKind::ConnectionReset), 1));

    // Unless the call, or the policy, says that it may.
    let web = failing(1, broken, text("fine")).await;
    let client = builder(soon_again()).connect(web.url.as_str()).await.unwrap();
    soon(client.call_tool("x", ()).idempotent().into_future()).await.unwrap();
    assert_eq!(web.of("tools/call").len(), 2);
    let web = failing(1, broken, text("fine")).await;
    let client = builder(soon_again().repeat(Repeat::Everything)).connect(web.url.as_str()).await.unwrap();
    soon(client.call_tool("x", ()).into_future()).await.unwrap();
    assert_eq!(web.of("tools/call").len(), 2);
}

#[tokio::test]
async fn f173_a_tool_that_says_it_is_idempotent_is_called_again() {
    for (hints, expected) in [(json!({"idempotentHint": true}), 2), (json!({"readOnlyHint": true}), 2), (json!({}), 1)]
    {
        let calls = Arc::new(AtomicUsize::new(0));
        let web = Web::modern(move |request| match request.method() {
            "tools/list" => Reply::result(request, tools(hints.clone())),
            _ if calls.fetch_add(1, Ordering::SeqCst) == 0 => Reply::raw(""),
            _ => Reply::result(request, text("fine")),
        })
        .await;
        let client = builder(soon_again()).connect(web.url.as_str()).await.unwrap();
        client.list_all_tools().await.unwrap();
        let outcome = soon(client.call_tool("x", ()).into_future()).await;
        assert_eq!((outcome.is_ok(), web.of("tools/call").len()), (expected == 2, expected));
    }
}

#[tokio::test]
async fn f173_attempts_and_the_kinds_of_errors_are_what_is_configured() {
    let web = failing(9, || Reply::status(502, "", ""), text("fine")).await;
    let client = builder(soon_again().max_attempts(5)).connect(web.url.as_str()).await.unwrap();
    assert_eq!(failure(client.list_all_tools()).await.status(), Some(502));
    assert_eq!(web.of("tools/list").len(), 5);
    let only = soon_again().retryable_errors([ErrorKind::ConnectionReset]);
    let client = builder(only).connect(web.url.as_str()).await.unwrap();
    assert_eq!(failure(client.list_all_tools()).await.status(), Some(502));
    assert_eq!(web.of("tools/list").len(), 6);
    let error = failure(builder(soon_again().max_attempts(0)).connect(web.url.as_str())).await;
    assert!(error.is_usage(), "{error}");
}

#[tokio::test(start_paused = true)]
async fn f173_no_attempt_outlasts_the_time_for_all_of_them() {
    let config = RetryConfig::new()
        .strategy(BackoffStrategy::Fixed { delay: Duration::from_secs(1) })
        .retryable_errors([ErrorKind::RequestTimeout])
        .max_attempts(50)
        .total_timeout(Duration::from_secs(8));
    let (client, mut peer) = connected(builder(config).request_timeout(Duration::from_secs(4)), Era::Legacy).await;
    let started = tokio::time::Instant::now();
    assert!(failure(client.ping()).await.is_timeout());
    assert_eq!(started.elapsed().as_secs(), 8, "an attempt, a pause, and an attempt that has no more than 3 s");
    for _ in 0..2 {
        peer.expect("ping").await;
        peer.expect("notifications/cancelled").await;
    }
    peer.send(json!({"jsonrpc": "2.0", "id": 1, "method": "ping"})).await;
    assert_eq!(peer.next().await["id"], 1, "nothing else was sent");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_answer_in_the_time_for_all_attempts_has_failed() {
    let config = RetryConfig::new().total_timeout(Duration::from_secs(5));
    let breaker = CircuitBreakerConfig::production().failure_threshold(FailureThreshold::Consecutive(2));
    let (client, mut peer) = connected(builder(config).circuit_breaker(breaker), Era::Legacy).await;
    for failures in 1..=2 {
        assert!(failure(client.ping()).await.is_timeout());
        peer.expect("ping").await;
        peer.expect("notifications/cancelled").await;
        assert_eq!(client.health().failures, failures);
    }
    assert!(failure(client.ping()).await.is_unavailable());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_between_attempts_is_over() {
    let hour = BackoffStrategy::Fixed { delay: Duration::from_secs(3600) };
    let config = RetryConfig::new().strategy(hour).retryable_errors([ErrorKind::RequestTimeout]);
    let (client, mut peer) = connected(builder(config).request_timeout(Duration::from_secs(1)), Era::Legacy).await;
    let given_up = tokio::time::timeout(Duration::from_secs(60), client.ping()).await;
    assert!(given_up.is_err());
    peer.expect("ping").await;
    peer.expect("notifications/cancelled").await;
    drop(client);
    assert_eq!(peer.drain().await.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_tried_on_a_connection_that_is_gone() {
    let hour = BackoffStrategy::Fixed { delay: Duration::from_secs(3600) };
    let (client, mut peer) = connected(builder(RetryConfig::new().strategy(hour)), Era::Legacy).await;
    let ending = async {
        peer.expect("ping").await;
        drop(peer);
    };
    let started = tokio::time::Instant::now();
    let (error, ()) = tokio::join!(failure(client.ping()), ending);
    assert!(error.is_closed() && started.elapsed() < Duration::from_secs(60), "{error}");
    assert!(!client.health().status.is_healthy());
}

#[tokio::test]
async fn a_server_that_is_not_there_yet_is_connected_to_again() {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{address}/mcp");
    let error = failure(Client::connect(url.as_str())).await;
    assert_eq!(error.kind(), Some(ErrorKind::ConnectionRefused), "{error:?}");
    let config = RetryConfig::new()
        .strategy(BackoffStrategy::Fixed { delay: Duration::from_millis(20) })
        .max_attempts(100)
        .total_timeout(Duration::from_secs(20));
    let connecting = tokio::spawn(builder(config).connect(url));
    tokio::time::sleep(Duration::from_millis(100)).await;
    let server = McpServer::builder().build();
    let listener = server.http().bind(address).await.unwrap();
    let serving = tokio::spawn(listener.serve());
    soon(connecting).await.unwrap().unwrap();
    serving.abort();
}

#[tokio::test]
async fn what_fails_again_and_again_is_left_alone_within_one_call() {
    let web = failing(99, || Reply::status(502, "", ""), text("fine")).await;
    let breaker = CircuitBreakerConfig::production().failure_threshold(FailureThreshold::Consecutive(2));
    let builder = builder(soon_again().max_attempts(9)).circuit_breaker(breaker);
    let client = builder.connect(web.url.as_str()).await.unwrap();
    let error = failure(client.list_all_tools()).await;
    assert!(error.is_unavailable(), "{error}");
    assert_eq!(web.of("tools/list").len(), 2);
    let health = client.health();
    assert_eq!((health.circuit_openings, health.failures, health.retries), (1, 2, 2));
    assert!(!health.status.is_healthy() && health.last_error.unwrap().contains("502"));
}

#[tokio::test]
async fn f173_where_calls_are_run_once_they_are_made_again_by_the_same_key() {
    const KEY: &str = "io.github.turbomcp/idempotency-key";
    const EXTENSION: &str = "io.github.turbomcp/idempotency";

    for (declared, is_repeated) in [(json!({EXTENSION: {}}), true), (json!({}), false)] {
        let (transport, mut peer) = pair();
        let connecting = builder(soon_again().max_attempts(3)).era(Era::Modern).connect(transport);
        let mut discovered = crate::peer::discovered();
        discovered["capabilities"]["extensions"] = declared;
        let (client, _) = tokio::join!(connecting, peer.serve("server/discover", discovered));
        let client = client.unwrap();
        let calling = tokio::spawn(async move {
            let first = client.call_tool("pay", json!({})).await;
            let own = client.call_tool("pay", json!({})).idempotency_key("mine").await;
            (first, own)
        });
        let request = peer.expect("tools/call").await;
        let key = request["params"]["_meta"][KEY].clone();
        assert_eq!(key.is_string(), is_repeated, "{request}");
        // It may have been run, and it is the same call that is sent again.
        peer.fail(&request, 409, "it is being run").await;
        if is_repeated {
            let again = peer.expect("tools/call").await;
            assert_eq!(again["params"]["_meta"][KEY], key);
            peer.answer(&again, text("paid")).await;
        }
        let own = peer.expect("tools/call").await;
        assert_eq!(own["params"]["_meta"][KEY], "mine");
        assert_ne!(own["params"]["_meta"][KEY], key);
        peer.answer(&own, text("paid")).await;
        let (first, own) = soon(calling).await.unwrap();
        assert_eq!((first.is_ok(), own.is_ok()), (is_repeated, true));
    }
}

/// What is reached when a connection is opened again may be another server.
#[tokio::test]
async fn f173_a_call_is_not_made_again_where_it_would_run_twice() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = format!("tcp://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        let mut calls = 0;
        for extensions in [json!({"io.github.turbomcp/idempotency": {}}), json!({})] {
            let (stream, _) = listener.accept().await.unwrap();
            let mut lines = BufReader::new(stream).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let request: Value = serde_json::from_str(&line).unwrap();
                if request["method"] == "tools/call" {
                    calls += 1;
                    break;
                }
                let mut discovered = crate::peer::discovered();
                discovered["capabilities"]["extensions"] = extensions.clone();
                let answer = json!({"jsonrpc": "2.0", "id": request["id"], "result": discovered});
                lines.get_mut().write_all(format!("{answer}\n").as_bytes()).await.unwrap();
            }
        }
        calls
    });
    let builder = builder(soon_again().max_attempts(3)).era(Era::Modern).reconnect();
    let client = builder.connect(target.as_str()).await.unwrap();
    let error = failure(client.call_tool("pay", json!({})).into_future()).await;
    soon(client.close()).await;
    assert_eq!((error.kind(), soon(serving).await.unwrap()), (Some(ErrorKind::ConnectionReset), 1), "{error}");
}
