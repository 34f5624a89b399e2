//! Questions of legacy servers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use turbomcp::client::Era;

use super::{agreeing, builder};
use crate::peer::{connected, soon, text};

/// Holds BASE-21, STDIO-05, STDIO-18.
#[tokio::test]
async fn base_21_a_modern_server_gets_no_answer_to_a_request_of_its_own() {
    let (client, mut peer) = connected(agreeing(), Era::Modern).await;
    peer.send(json!({"jsonrpc": "2.0", "id": 1, "method": "ping"})).await;
    peer.send(json!({"jsonrpc": "2.0", "id": 2, "method": "roots/list"})).await;
    let (result, _) = tokio::join!(client.call_tool("x", ()).into_future(), peer.serve("tools/call", text("a")));
    result.unwrap();
    client.close().await;
    assert!(peer.drain().await.is_empty());
}

/// Holds LIFE-15, BASE-14, ELIC-03.
#[tokio::test]
async fn life_15_a_legacy_server_gets_every_question_answered_or_refused() {
    let (client, mut peer) = connected(agreeing(), Era::Legacy).await;
    let mut ask = async |id: Value, method: &str, params: Value| {
        peer.send(json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})).await;
        let answer = peer.next().await;
        assert_eq!(answer["id"], id);
        answer
    };
    assert_eq!(ask(json!("p"), "ping", json!({})).await["result"], json!({}));
    assert_eq!(ask(json!(1), "x/y", json!({})).await["error"]["code"], -32601);
    assert_eq!(ask(json!(2), "roots/list", json!({})).await["error"]["code"], -32601);
    let form = json!({"message": "?", "requestedSchema": {"type": "object", "properties": {}}});
    assert_eq!(ask(json!(3), "elicitation/create", form).await["result"]["action"], "accept");
    let url = json!({"mode": "url", "message": "?", "url": "https://example.com", "elicitationId": "e"});
    assert_eq!(ask(json!(4), "elicitation/create", url).await["error"]["code"], -32602);
    assert_eq!(ask(json!(5), "elicitation/create", json!({"mode": "form"})).await["error"]["code"], -32602);
    drop(client);
}

#[tokio::test]
async fn a_legacy_server_may_withdraw_its_question() {
    let dropped = Arc::new(AtomicUsize::new(0));
    struct Count(Arc<AtomicUsize>);
    impl Drop for Count {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let asked = Arc::new(tokio::sync::Notify::new());
    let (counter, is_asked) = (dropped.clone(), asked.clone());
    let builder = builder().on_elicit(move |_| {
        let count = Count(counter.clone());
        is_asked.notify_one();
        async move {
            let _count = count;
            std::future::pending().await
        }
    });
    let (_client, mut peer) = connected(builder, Era::Legacy).await;
    let form = json!({"message": "?", "requestedSchema": {"type": "object", "properties": {}}});
    peer.send(json!({"jsonrpc": "2.0", "id": "q", "method": "elicitation/create", "params": form})).await;
    soon(asked.notified()).await;
    peer.send(json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "q"}})).await;
    peer.send(json!({"jsonrpc": "2.0", "id": "p", "method": "ping"})).await;
    assert_eq!(peer.next().await["id"], "p");
    soon(async {
        while dropped.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn handlers_that_panic_do_not_take_the_connection_with_them() {
    let builder = builder().on_log(|_| panic!("boom")).on_change(|_| panic!("boom"));
    let (client, mut peer) = connected(builder, Era::Legacy).await;
    let log = json!({"level": "info", "data": "x"});
    peer.send(json!({"jsonrpc": "2.0", "method": "notifications/message", "params": log})).await;
    peer.send(json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"})).await;
    let call = client.call_tool("x", ()).on_progress(|_| panic!("boom")).into_future();
    let call = tokio::spawn(call);
    let request = peer.expect("tools/call").await;
    let params = json!({"progressToken": request["params"]["_meta"]["progressToken"], "progress": 1});
    peer.send(json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": params})).await;
    peer.answer(&request, text("still here")).await;
    assert_eq!(soon(call).await.unwrap().unwrap().content[0].as_text(), Some("still here"));
}

#[tokio::test]
async fn a_server_is_told_when_the_handler_of_its_question_panics() {
    let builder = || builder().on_elicit(|_| async { panic!("boom") });
    let params = json!({"message": "?", "requestedSchema": {"type": "object", "properties": {}}});
    let (client, mut peer) = connected(builder(), Era::Legacy).await;
    peer.send(json!({"jsonrpc": "2.0", "id": "q", "method": "elicitation/create", "params": params})).await;
    let told = soon(peer.next()).await;
    assert_eq!((&told["id"], &told["error"]["code"]), (&json!("q"), &json!(-32603)), "{told}");
    let (pong, _) = tokio::join!(client.ping(), peer.serve("ping", json!({})));
    pong.unwrap();

    let (client, mut peer) = connected(builder(), Era::Modern).await;
    let question = json!({"q": {"method": "elicitation/create", "params": params}});
    let asks = json!({"resultType": "input_required", "inputRequests": question});
    let (refused, _) = tokio::join!(client.call_tool("x", ()).into_future(), peer.serve("tools/call", asks));
    refused.unwrap_err();
    let (result, _) = tokio::join!(client.call_tool("x", ()).into_future(), peer.serve("tools/call", text("a")));
    result.unwrap();
}

/// What is too much is refused, and the connection goes on.
/// Holds LIFE-15.
#[tokio::test]
async fn a_server_that_asks_without_end_is_refused() {
    let builder = builder().on_elicit(|_| std::future::pending());
    let (client, mut peer) = connected(builder, Era::Legacy).await;
    let params = json!({"message": "?", "requestedSchema": {"type": "object", "properties": {}}});
    for id in 0..100 {
        peer.send(json!({"jsonrpc": "2.0", "id": id, "method": "elicitation/create", "params": params})).await;
    }
    for _ in 0..36 {
        let refused = peer.next().await;
        assert_eq!(refused["error"]["code"], -32603, "{refused}");
    }
    let (pong, _) = tokio::join!(client.ping(), peer.serve("ping", json!({})));
    pong.unwrap();
}

#[tokio::test]
async fn a_server_that_asks_and_does_not_listen_fills_no_memory() {
    let (client, mut peer) = connected(builder(), Era::Legacy).await;
    let long = "x".repeat(1000);
    for number in 0..10_000 {
        peer.send(json!({"jsonrpc": "2.0", "id": format!("{long}{number}"), "method": "ping"})).await;
    }
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    assert!(tasks < 2000, "{tasks} answers wait for it");
    // Once it listens the connection goes on.
    let listening = async {
        loop {
            let message = peer.next().await;
            if message["method"] == "ping" {
                return peer.answer(&message, json!({})).await;
            }
        }
    };
    let (pong, ()) = tokio::join!(client.ping(), soon(listening));
    pong.unwrap();
}
