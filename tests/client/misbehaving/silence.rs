//! Servers that are silent, slow or gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use turbomcp::client::Era;

use super::{ERAS, builder};
use crate::peer::{connected, failure, text};

/// Holds LIFE-12, CANC-01, CANC-11, STDIO-08.
#[tokio::test(start_paused = true)]
async fn life_13_a_silent_server_runs_into_the_deadline_and_is_told() {
    for era in ERAS {
        let (client, mut peer) = connected(builder(), era).await;
        let call = tokio::spawn(client.call_tool("x", ()).into_future());
        let request = peer.expect("tools/call").await;
        let error = failure(async { call.await.unwrap() }).await;
        assert!(error.is_timeout() && error.as_mcp().is_none(), "{error}");
        let cancelled = peer.expect("notifications/cancelled").await;
        assert_eq!(cancelled["params"]["requestId"], request["id"]);
    }
}

#[tokio::test(start_paused = true)]
async fn life_14_the_deadline_is_the_calls_own_and_progress_extends_it_up_to_a_maximum() {
    for era in ERAS {
        let (client, mut peer) = connected(builder().max_request_timeout(Duration::from_secs(10)), era).await;
        let heard = Arc::new(AtomicUsize::new(0));
        let count = heard.clone();
        let call = client.call_tool("x", ()).timeout(Duration::from_secs(2)).on_progress(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
        });
        let started = tokio::time::Instant::now();
        let call = tokio::spawn(call.into_future());
        let request = peer.expect("tools/call").await;
        let token = request["params"]["_meta"]["progressToken"].clone();
        let progress = tokio::spawn(async move {
            for step in 1..100 {
                let params = json!({"progressToken": token, "progress": step});
                peer.send(json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": params})).await;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
        assert!(failure(async { call.await.unwrap() }).await.is_timeout());
        assert_eq!(started.elapsed().as_secs(), 10);
        assert!(heard.load(Ordering::Relaxed) >= 9);
        progress.abort();
    }
}

#[tokio::test]
async fn a_deadline_may_be_further_away_than_any_clock_goes() {
    for era in ERAS {
        let builder = builder().request_timeout(Duration::MAX).max_request_timeout(Duration::MAX);
        let (client, mut peer) = connected(builder, era).await;
        for call in [client.call_tool("x", ()), client.call_tool("x", ()).timeout(Duration::MAX)] {
            let (result, _) = tokio::join!(call.into_future(), peer.serve("tools/call", text("a")));
            assert_eq!(result.unwrap().content[0].as_text(), Some("a"));
        }
    }
}

/// Holds CANC-03, CANC-08.
#[tokio::test]
async fn canc_07_a_dropped_call_is_cancelled_and_its_late_answer_ignored() {
    for era in ERAS {
        let (client, mut peer) = connected(builder(), era).await;
        let call = tokio::spawn(client.call_tool("x", ()).into_future());
        let request = peer.expect("tools/call").await;
        call.abort();
        let cancelled = peer.expect("notifications/cancelled").await;
        assert_eq!(cancelled["params"]["requestId"], request["id"]);
        peer.answer(&request, text("late")).await;
        let again = client.call_tool("y", ());
        let (result, _) = tokio::join!(again.into_future(), peer.serve("tools/call", text("new")));
        assert_eq!(result.unwrap().content[0].as_text(), Some("new"));
    }
}

/// Holds CANC-02.
#[tokio::test]
async fn canc_03_a_call_that_was_answered_is_not_cancelled() {
    let (client, mut peer) = connected(builder(), Era::Modern).await;
    let (result, _) = tokio::join!(client.call_tool("x", ()).into_future(), peer.serve("tools/call", text("a")));
    drop(result);
    client.close().await;
    assert!(peer.drain().await.is_empty());
}

#[tokio::test]
async fn a_server_that_dies_fails_the_call_at_once() {
    for era in ERAS {
        let (client, mut peer) = connected(builder(), era).await;
        let call = tokio::spawn(client.call_tool("x", ()).into_future());
        peer.expect("tools/call").await;
        drop(peer);
        assert!(failure(async { call.await.unwrap() }).await.is_closed());
        assert!(client.is_closed());
        assert!(failure(client.call_tool("x", ()).into_future()).await.is_closed());
    }
}

#[tokio::test]
async fn a_server_that_dies_amid_an_answer_fails_the_call() {
    let (client, mut peer) = connected(builder(), Era::Modern).await;
    let call = tokio::spawn(client.call_tool("x", ()).into_future());
    peer.expect("tools/call").await;
    peer.send_raw(br#"{"jsonrpc":"2.0","id":"#).await;
    drop(peer);
    assert!(failure(async { call.await.unwrap() }).await.is_closed());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_at_all_is_given_up() {
    for (era, most) in [(Era::Auto, 10), (Era::Modern, 5), (Era::Legacy, 7)] {
        let (transport, peer) = crate::peer::pair();
        let started = tokio::time::Instant::now();
        let error = failure(builder().era(era).connect(transport)).await;
        assert!(error.is_timeout() || error.is_connect(), "{era:?}: {error}");
        assert_eq!(started.elapsed().as_secs(), most, "{era:?}");
        drop(peer);
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_whose_answer_trickles_in_runs_into_the_deadline() {
    let (client, mut peer) = connected(builder(), Era::Modern).await;
    let call = tokio::spawn(client.call_tool("x", ()).into_future());
    let request = peer.expect("tools/call").await;
    peer.send_raw(
        format!(r#"{{"jsonrpc":"2.0","id":{},"result":{{"content":[{{"type":"text","text":""#, request["id"])
            .as_bytes(),
    )
    .await;
    let trickling = tokio::spawn(async move {
        for _ in 0..1000 {
            peer.send_raw(b"a").await;
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        peer
    });
    assert!(failure(async { call.await.unwrap() }).await.is_timeout());
    trickling.abort();
}

/// What is sent waits for the server to read, within bounds, and no longer than the call.
#[tokio::test(start_paused = true)]
async fn a_server_that_reads_nothing_runs_into_the_deadline() {
    let (client, peer) = connected(builder(), Era::Legacy).await;
    let large = "x".repeat(600_000);
    let calls: Vec<_> =
        (0..20).map(|_| tokio::spawn(client.call_tool("x", json!({"text": large})).into_future())).collect();
    for call in calls {
        assert!(failure(async { call.await.unwrap() }).await.is_timeout());
    }
    drop(peer);
}

#[tokio::test]
async fn a_server_that_dies_in_the_handshake_is_reported() {
    for era in ERAS {
        let (transport, mut peer) = crate::peer::pair();
        let connecting = tokio::spawn(builder().era(era).connect(transport));
        peer.next().await;
        drop(peer);
        assert!(failure(async { connecting.await.unwrap() }).await.is_closed(), "{era:?}");
    }
}

/// Progress of somebody else's, or of nobody's, is no sign of life.
#[tokio::test(start_paused = true)]
async fn foreign_progress_does_not_keep_a_call_alive() {
    let (client, mut peer) = connected(builder(), Era::Legacy).await;
    let call = tokio::spawn(client.call_tool("x", ()).on_progress(|_| {}).into_future());
    let started = tokio::time::Instant::now();
    let token = peer.expect("tools/call").await["params"]["_meta"]["progressToken"].as_u64().unwrap();
    let noise = tokio::spawn(async move {
        for step in 1..100 {
            for token in [json!(token + 1), json!(token.to_string()), json!(0), json!(-1)] {
                let params = json!({"progressToken": token, "progress": step});
                peer.send(json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": params})).await;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    assert!(failure(async { call.await.unwrap() }).await.is_timeout());
    assert_eq!(started.elapsed().as_secs(), 5);
    noise.abort();
}
