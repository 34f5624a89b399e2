//! Servers that are silent, slow, wrong or endless: each ends in an error that says so, within its time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use turbomcp::client::{Client, Era};
use turbomcp::types::{ElicitResult, SubscriptionFilter};

use crate::peer::{connected, failure, soon, text};

const ERAS: [Era; 2] = [Era::Modern, Era::Legacy];

fn builder() -> turbomcp::client::ClientBuilder {
    Client::builder().request_timeout(Duration::from_secs(5))
}

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

#[tokio::test]
async fn canc_03_a_call_that_was_answered_is_not_cancelled() {
    let (client, mut peer) = connected(builder(), Era::Modern).await;
    let (result, _) = tokio::join!(client.call_tool("x", ()).into_future(), peer.serve("tools/call", text("a")));
    drop(result);
    client.close().await;
    assert!(peer.drain().await.is_empty());
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

/// Holds BASE-09: only the exact id counts.
#[tokio::test(start_paused = true)]
async fn base_09_answers_with_other_ids_are_dropped() {
    for era in ERAS {
        let error = against(era, |mut peer, request| async move {
            let id = request["id"].as_u64().unwrap();
            let same = id.to_string();
            for wrong in
                [json!(id + 1), json!(same), json!(-1), json!(0), json!("x"), json!(id as f64 + 0.5), Value::Null]
            {
                peer.send(json!({"jsonrpc": "2.0", "id": wrong, "result": text("wrong")})).await;
            }
            peer
        })
        .await
        .unwrap_err();
        assert!(error.is_timeout(), "{error}");
    }
}

#[tokio::test]
async fn duplicate_answers_are_ignored() {
    for era in ERAS {
        let result = against(era, |mut peer, request| async move {
            peer.answer(&request, text("first")).await;
            peer.answer(&request, text("second")).await;
            peer
        })
        .await;
        assert_eq!(result.unwrap(), "first");
    }
}

#[tokio::test]
async fn answers_in_any_order_reach_their_callers() {
    let (client, mut peer) = connected(builder(), Era::Modern).await;
    let calls: Vec<_> = (0..10).map(|n| tokio::spawn(client.call_tool(format!("t{n}"), ()).into_future())).collect();
    let mut requests = Vec::new();
    for _ in 0..10 {
        requests.push(peer.expect("tools/call").await);
    }
    for request in requests.iter().rev() {
        peer.answer(request, text(request["params"]["name"].as_str().unwrap())).await;
    }
    for (n, call) in calls.into_iter().enumerate() {
        assert_eq!(soon(call).await.unwrap().unwrap().content[0].as_text().unwrap(), format!("t{n}"));
    }
}

#[tokio::test]
async fn garbage_between_messages_is_skipped() {
    for era in ERAS {
        let result = against(era, |mut peer, request| async move {
            for line in ["Server started on port 3000", "", "{", "[]", "null", "{}", "\"x\"", "{\"jsonrpc\":\"2.0\"}"] {
                peer.send_text(line).await;
            }
            peer.send_raw(b"\xff\xfe\x00\n\r\n   \n").await;
            peer.send_text(&format!("{}\r", json!({"jsonrpc": "2.0", "id": request["id"], "result": text("ok")})))
                .await;
            peer
        })
        .await;
        assert_eq!(result.unwrap(), "ok");
    }
}

#[tokio::test]
async fn an_answer_in_single_bytes_is_read() {
    let result = against(Era::Modern, |mut peer, request| async move {
        let line = format!("{}\n", json!({"jsonrpc": "2.0", "id": request["id"], "result": text("ok")}));
        for byte in line.as_bytes() {
            peer.send_raw(&[*byte]).await;
            tokio::task::yield_now().await;
        }
        peer
    })
    .await;
    assert_eq!(result.unwrap(), "ok");
}

/// Sends raw members of a response and returns the error.
async fn response(members: &str) -> turbomcp::client::Error {
    let members = members.to_owned();
    let result = against(Era::Modern, |mut peer, request| async move {
        peer.send_text(&format!(r#"{{"jsonrpc":"2.0","id":{}{members}}}"#, request["id"])).await;
        peer
    });
    result.await.unwrap_err()
}

/// Holds BASE-15, BASE-16.
#[tokio::test]
async fn base_16_a_response_that_is_none_is_a_protocol_error_at_once() {
    for members in [
        "",
        r#","result":{},"error":{"code":1,"message":""}"#,
        r#","error":{}"#,
        r#","error":{"code":"x","message":""}"#,
        r#","error":null"#,
        r#","result":3"#,
        r#","result":null"#,
        r#","result":[]"#,
        r#","result":{}"#,
        r#","result":{"resultType":"complete"}"#,
        r#","result":{"resultType":"complete","content":"x"}"#,
        r#","result":{"resultType":"complete","content":[{"type":"text"}]}"#,
        r#","result":{"resultType":7,"content":[]}"#,
    ] {
        let error = response(members).await;
        assert!(error.is_protocol(), "{members}: {error}");
    }
}

/// Holds BASE-30, BASE-32.
#[tokio::test]
async fn an_error_of_the_server_keeps_its_code_message_and_data() {
    let error = response(r#","error":{"code":-32602,"message":"no such tool","data":{"x":[1]}}"#).await;
    let inner = error.as_mcp().unwrap();
    assert_eq!((inner.code().0, inner.message(), inner.data()), (-32602, "no such tool", Some(&json!({"x": [1]}))));
    assert!(!error.is_timeout() && !error.is_closed() && !error.is_protocol());
    let error = response(r#","error":{"code":-32002,"message":"gone"}"#).await;
    assert!(error.is_resource_not_found());
}

/// Holds BASE-13.
#[tokio::test]
async fn base_12_an_unknown_result_type_is_an_invalid_response() {
    for kind in ["task", "", "Complete", "x"] {
        let error = response(&format!(r#","result":{{"resultType":"{kind}","content":[]}}"#)).await;
        assert!(error.is_protocol() && error.to_string().contains("result type"), "{error}");
    }
}

#[tokio::test]
async fn base_11_a_result_without_a_type_is_complete() {
    let result = against(Era::Modern, |mut peer, request| async move {
        peer.answer(&request, json!({"content": [{"type": "text", "text": "old"}]})).await;
        peer
    });
    assert_eq!(result.await.unwrap(), "old");
}

#[tokio::test(start_paused = true)]
async fn an_oversized_answer_is_skipped_and_the_call_ends_in_time() {
    let (ours, mut theirs) = crate::peer::pair();
    let transport = ours.max_message_bytes(10_000);
    let connect = tokio::spawn(builder().era(Era::Modern).connect(transport));
    theirs.discover().await;
    let client = soon(connect).await.unwrap().unwrap();
    let call = tokio::spawn(client.call_tool("x", ()).into_future());
    let request = theirs.expect("tools/call").await;
    theirs.answer(&request, text(&"x".repeat(20_000))).await;
    assert!(failure(async { call.await.unwrap() }).await.is_timeout());
    theirs.expect("notifications/cancelled").await;
    let (result, _) = tokio::join!(client.call_tool("x", ()).into_future(), theirs.serve("tools/call", text("small")));
    assert_eq!(result.unwrap().content[0].as_text(), Some("small"));
}

/// Holds PAGE-02, PAGE-03, PAGE-04.
#[tokio::test]
async fn page_03_an_empty_cursor_is_a_cursor() {
    for era in ERAS {
        let (client, mut peer) = connected(builder(), era).await;
        let listing = tokio::spawn(async move { client.list_all_tools().await });
        let tool = |name: &str| json!({"name": name, "inputSchema": {"type": "object"}});
        let first = peer.serve("tools/list", json!({"tools": [tool("a")], "nextCursor": ""})).await;
        assert!(first["params"].get("cursor").is_none());
        let second = peer.serve("tools/list", json!({"tools": [tool("b")], "nextCursor": "ä\"\\"})).await;
        assert_eq!(second["params"]["cursor"], "");
        let third = peer.serve("tools/list", json!({"tools": [tool("c")]})).await;
        assert_eq!(third["params"]["cursor"], "ä\"\\");
        let tools = soon(listing).await.unwrap().unwrap();
        assert_eq!(tools.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
    }
}

#[tokio::test]
async fn page_01_endless_pages_are_given_up() {
    let (client, mut peer) = connected(builder().max_pages(20), Era::Modern).await;
    let listing = tokio::spawn(async move { client.list_all_prompts().await });
    let mut asked = 0;
    for number in 0..20 {
        peer.serve("prompts/list", json!({"prompts": [], "nextCursor": number.to_string()})).await;
        asked += 1;
    }
    assert!(failure(async { listing.await.unwrap() }).await.is_protocol());
    assert_eq!(asked, 20);
}

#[tokio::test]
async fn a_page_that_is_followed_by_itself_is_given_up() {
    let (client, mut peer) = connected(builder(), Era::Legacy).await;
    let listing = tokio::spawn(async move { client.list_all_resources().await });
    peer.serve("resources/list", json!({"resources": [], "nextCursor": "a"})).await;
    peer.serve("resources/list", json!({"resources": [], "nextCursor": "a"})).await;
    assert!(failure(async { listing.await.unwrap() }).await.is_protocol());
}

#[tokio::test]
async fn cache_11_a_refused_cursor_begins_the_list_anew_once() {
    let (client, mut peer) = connected(builder(), Era::Modern).await;
    let listing = tokio::spawn(async move { client.list_all_tools().await });
    let tool = |name: &str| json!({"name": name, "inputSchema": {"type": "object"}});
    let kept = json!({"tools": [tool("old")], "nextCursor": "1", "ttlMs": 60_000, "cacheScope": "public"});
    peer.serve("tools/list", kept).await;
    let refused = peer.expect("tools/list").await;
    peer.fail(&refused, -32602, "invalid cursor").await;
    let again = peer.serve("tools/list", json!({"tools": [tool("new")], "ttlMs": 0})).await;
    assert!(again["params"].get("cursor").is_none());
    let tools = soon(listing).await.unwrap().unwrap();
    assert_eq!(tools.len(), 1);
    assert_eq!(tools[0].name, "new");
}

fn asks(key: &str, state: Option<&str>) -> Value {
    let schema = json!({"type": "object", "properties": {"ok": {"type": "boolean"}}});
    let params = json!({"mode": "form", "message": "Sure?", "requestedSchema": schema});
    let mut result = json!({"resultType": "input_required",
        "inputRequests": {key: {"method": "elicitation/create", "params": params}}});
    if let Some(state) = state {
        result["requestState"] = json!(state);
    }
    result
}

fn agreeing() -> turbomcp::client::ClientBuilder {
    builder().on_elicit(|_| async {
        let content = json!({"ok": true}).as_object().cloned().unwrap();
        Ok(ElicitResult::accept(content))
    })
}

/// Holds MRTR-10, MRTR-12, MRTR-13, MRTR-15, TOOL-24.
#[tokio::test]
async fn mrtr_11_rounds_repeat_the_request_with_the_answers_and_the_latest_state() {
    let (client, mut peer) = connected(agreeing(), Era::Modern).await;
    let call = tokio::spawn(client.call_tool("x", json!({"a": [1, {"b": null}]})).into_future());
    let state = "v1.\u{e4}\"\\\n\u{1F600}opaque==";
    let first = peer.serve("tools/call", asks("one", Some(state))).await;
    let second = peer.serve("tools/call", asks("two", Some("other"))).await;
    let third = peer.serve("tools/call", asks("three", None)).await;
    let fourth = peer.serve("tools/call", text("done")).await;
    assert_eq!(soon(call).await.unwrap().unwrap().content[0].as_text(), Some("done"));
    assert!(first["params"].get("inputResponses").is_none() && first["params"].get("requestState").is_none());
    let answered = json!({"action": "accept", "content": {"ok": true}});
    assert_eq!(second["params"]["inputResponses"], json!({"one": answered}));
    assert_eq!(second["params"]["requestState"], state);
    assert_eq!(third["params"]["inputResponses"], json!({"two": answered}));
    assert_eq!(third["params"]["requestState"], "other");
    assert!(fourth["params"].get("requestState").is_none());
    let mut ids: Vec<_> = [&first, &second, &third, &fourth].iter().map(|m| m["id"].as_u64().unwrap()).collect();
    ids.dedup();
    assert_eq!(ids.len(), 4);
    for request in [&second, &third, &fourth] {
        for member in ["name", "arguments"] {
            assert_eq!(request["params"][member], first["params"][member]);
        }
    }
}

#[tokio::test]
async fn mrtr_10_a_state_alone_is_given_back_at_once() {
    let (client, mut peer) = connected(builder(), Era::Modern).await;
    let call = tokio::spawn(client.read_resource("x://y").into_future());
    peer.serve("resources/read", json!({"resultType": "input_required", "requestState": "s"})).await;
    let again = peer.serve("resources/read", json!({"contents": [], "ttlMs": 60_000})).await;
    assert_eq!(again["params"]["requestState"], "s");
    assert!(again["params"].get("inputResponses").is_none());
    soon(call).await.unwrap().unwrap();
    // Holds CACHE-06: what a state went into is not kept.
    let call = tokio::spawn(client.read_resource("x://y").into_future());
    peer.serve("resources/read", json!({"contents": []})).await;
    soon(call).await.unwrap().unwrap();
}

#[tokio::test]
async fn endless_rounds_are_given_up() {
    let (client, mut peer) = connected(agreeing().max_rounds(10), Era::Modern).await;
    let call = tokio::spawn(client.call_tool("x", ()).into_future());
    for _ in 0..11 {
        peer.serve("tools/call", asks("k", Some("s"))).await;
    }
    assert!(failure(async { call.await.unwrap() }).await.is_protocol());
}

/// Holds MRTR-17.
#[tokio::test]
async fn mrtr_17_a_question_nobody_answers_ends_the_call_and_nothing_is_sent() {
    let (client, mut peer) = connected(builder(), Era::Modern).await;
    let call = tokio::spawn(client.call_tool("x", ()).into_future());
    peer.serve("tools/call", asks("k", Some("s"))).await;
    assert!(failure(async { call.await.unwrap() }).await.is_refused());
    client.close().await;
    assert!(peer.drain().await.is_empty());
}

#[tokio::test]
async fn questions_that_are_none_are_protocol_errors() {
    for result in [
        json!({"resultType": "input_required"}),
        json!({"resultType": "input_required", "inputRequests": 3}),
        json!({"resultType": "input_required", "inputRequests": {"k": {"method": "x/y"}}}),
        json!({"resultType": "input_required", "inputRequests": {"k": {"method": "elicitation/create"}}}),
        json!({"resultType": "input_required", "requestState": 3}),
        json!({"resultType": "input_required", "inputRequests":
            (0..100).map(|n| (n.to_string(), json!({"method": "roots/list"}))).collect::<serde_json::Map<_, _>>()}),
    ] {
        let (client, mut peer) = connected(agreeing(), Era::Modern).await;
        let call = tokio::spawn(client.call_tool("x", ()).into_future());
        peer.serve("tools/call", result.clone()).await;
        let error = failure(async { call.await.unwrap() }).await;
        assert!(error.is_protocol(), "{result}: {error}");
    }
}

#[tokio::test]
async fn lists_may_not_ask_for_input() {
    let (client, mut peer) = connected(agreeing(), Era::Modern).await;
    let listing = tokio::spawn(async move { client.list_all_tools().await });
    peer.serve("tools/list", asks("k", None)).await;
    assert!(failure(async { listing.await.unwrap() }).await.is_protocol());
}

/// Holds BASE-21, STDIO-05.
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

/// Holds LIFE-15.
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
    // Holds ELIC-03.
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
async fn malformed_notifications_are_ignored() {
    let result = against(Era::Modern, |mut peer, request| async move {
        for method in [
            "progress",
            "message",
            "cancelled",
            "resources/updated",
            "subscriptions/acknowledged",
            "tools/list_changed",
            "elicitation/complete",
            "x",
        ] {
            for params in [json!({}), json!({"progressToken": [], "level": 3, "uri": 7, "requestId": {}, "_meta": {}})]
            {
                peer.send(json!({"jsonrpc": "2.0", "method": format!("notifications/{method}"), "params": params}))
                    .await;
            }
        }
        peer.answer(&request, text("ok")).await;
        peer
    });
    assert_eq!(result.await.unwrap(), "ok");
}

/// Holds SUB-01, SUB-06, SUB-07, STDIO-07.
#[tokio::test]
async fn sub_07_notifications_reach_the_subscription_they_name() {
    let (client, mut peer) = connected(builder(), Era::Modern).await;
    let filter =
        SubscriptionFilter::new().with_tools_list_changed(true).with_resource_subscriptions(["x://a".to_owned()]);
    let mut listens = Vec::new();
    let mut subscriptions = Vec::new();
    for _ in 0..2 {
        let subscribing = tokio::spawn({
            let (client, filter) = (client.clone(), filter.clone());
            async move { client.subscribe(filter).await }
        });
        let listen = peer.expect("subscriptions/listen").await;
        assert_eq!(
            listen["params"]["notifications"],
            json!({"toolsListChanged": true, "resourceSubscriptions": ["x://a"]})
        );
        let tag = json!({"io.modelcontextprotocol/subscriptionId": listen["id"]});
        let params = json!({"notifications": {"toolsListChanged": true}, "_meta": tag});
        peer.send(json!({"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged", "params": params}))
            .await;
        let subscription = soon(subscribing).await.unwrap().unwrap();
        assert_eq!(subscription.filter().resource_subscriptions, None);
        listens.push(tag);
        subscriptions.push(subscription);
    }
    let changed = |meta: &Value| json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed", "params": {"_meta": meta}});
    peer.send(changed(&json!({}))).await;
    peer.send(changed(&json!({"io.modelcontextprotocol/subscriptionId": "1"}))).await;
    peer.send(changed(&listens[1])).await;
    assert!(soon(subscriptions[1].next()).await.unwrap().is_ok());
    assert!(tokio::time::timeout(Duration::from_millis(50), subscriptions[0].next()).await.is_err());
    // Holds SUB-09: ending it here tells the server.
    let second = subscriptions.pop().unwrap();
    second.close().await;
    let cancelled = peer.expect("notifications/cancelled").await;
    assert_eq!(cancelled["params"]["requestId"], listens[1]["io.modelcontextprotocol/subscriptionId"]);
    // Holds SUB-10: a graceful end by the server is no error.
    let first = json!({"id": listens[0]["io.modelcontextprotocol/subscriptionId"]});
    peer.answer(&first, json!({"resultType": "complete", "_meta": listens[0]})).await;
    assert!(soon(subscriptions[0].next()).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_subscription_that_is_never_acknowledged_times_out_and_is_cancelled() {
    let (client, mut peer) = connected(builder(), Era::Modern).await;
    let subscriber = client.clone();
    let subscribing = tokio::spawn(async move { subscriber.subscribe(SubscriptionFilter::new()).await });
    let listen = peer.expect("subscriptions/listen").await;
    assert!(failure(async { subscribing.await.unwrap() }).await.is_timeout());
    assert_eq!(peer.expect("notifications/cancelled").await["params"]["requestId"], listen["id"]);
}

#[tokio::test]
async fn sub_10_a_lost_connection_ends_a_subscription_with_an_error() {
    for era in ERAS {
        let (client, mut peer) = connected(builder(), era).await;
        let filter = SubscriptionFilter::new().with_tools_list_changed(true);
        let subscribing = tokio::spawn(async move { client.subscribe(filter).await });
        if era == Era::Modern {
            let listen = peer.expect("subscriptions/listen").await;
            let tag = json!({"io.modelcontextprotocol/subscriptionId": listen["id"]});
            let params = json!({"notifications": {}, "_meta": tag});
            peer.send(
                json!({"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged", "params": params}),
            )
            .await;
        }
        let mut subscription = soon(subscribing).await.unwrap().unwrap();
        drop(peer);
        assert!(soon(subscription.next()).await.unwrap().unwrap_err().is_closed());
        assert!(soon(subscription.next()).await.is_none());
    }
}

#[tokio::test]
async fn a_legacy_subscription_subscribes_and_unsubscribes_once() {
    let (client, mut peer) = connected(builder(), Era::Legacy).await;
    let filter = SubscriptionFilter::new().with_resource_subscriptions(["x://a".to_owned()]);
    let mut subscriptions = Vec::new();
    for _ in 0..2 {
        let subscribing = tokio::spawn({
            let (client, filter) = (client.clone(), filter.clone());
            async move { client.subscribe(filter).await }
        });
        assert_eq!(peer.serve("resources/subscribe", json!({})).await["params"]["uri"], "x://a");
        subscriptions.push(soon(subscribing).await.unwrap().unwrap());
    }
    for uri in ["x://b", "x://a/part"] {
        let params = json!({"uri": uri});
        peer.send(json!({"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": params})).await;
    }
    let change = soon(subscriptions[0].next()).await.unwrap().unwrap();
    assert_eq!(change, turbomcp::client::Change::Resource { uri: "x://a/part".to_owned() });
    drop(subscriptions.pop());
    let closing = tokio::spawn(subscriptions.pop().unwrap().close());
    assert_eq!(peer.serve("resources/unsubscribe", json!({})).await["params"]["uri"], "x://a");
    soon(closing).await.unwrap();
}

#[tokio::test]
async fn cache_10_a_kept_list_is_used_until_the_server_says_it_changed() {
    let (client, mut peer) = connected(builder(), Era::Legacy).await;
    let list = json!({"tools": [], "ttlMs": 60_000, "cacheScope": "private"});
    let (first, _) = tokio::join!(client.list_all_tools(), peer.serve("tools/list", list.clone()));
    first.unwrap();
    soon(client.list_all_tools()).await.unwrap();
    let (anew, _) = tokio::join!(client.list_tools().fresh().all(), peer.serve("tools/list", list.clone()));
    anew.unwrap();
    peer.send(json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"})).await;
    peer.send(json!({"jsonrpc": "2.0", "id": 9, "method": "ping"})).await;
    assert_eq!(peer.next().await["id"], 9);
    let (second, _) = tokio::join!(client.list_all_tools(), peer.serve("tools/list", list));
    second.unwrap();
}

#[tokio::test]
async fn arguments_that_are_no_object_are_refused_before_anything_is_sent() {
    let (client, peer) = connected(builder(), Era::Modern).await;
    assert!(failure(client.call_tool("x", [1]).into_future()).await.is_usage());
    assert!(failure(client.call_tool("x", "text").into_future()).await.is_usage());
    assert!(failure(client.request::<Value>("x/y", 7).into_future()).await.is_usage());
    client.close().await;
    assert!(peer.drain().await.is_empty());
}

/// A value that is not what the tool has announced.
#[tokio::test]
async fn tool_09_structured_content_that_does_not_fit_its_schema_is_refused() {
    for checked in [true, false] {
        let builder = if checked { builder() } else { builder().unchecked_outputs() };
        let (client, mut peer) = connected(builder, Era::Modern).await;
        let schema = json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]});
        let list = json!({"tools": [{"name": "x", "inputSchema": {"type": "object"}, "outputSchema": schema}]});
        let (tools, _) = tokio::join!(client.list_all_tools(), peer.serve("tools/list", list));
        tools.unwrap();
        for (content, fits) in [(json!({"n": 1}), true), (json!({"n": "one"}), false), (json!(null), false)] {
            let result = json!({"content": [], "structuredContent": content});
            let call = client.call_tool("x", ());
            let (outcome, _) = tokio::join!(call.into_future(), peer.serve("tools/call", result));
            match outcome {
                Ok(_) => assert!(fits || !checked, "{content}"),
                Err(error) => assert!(!fits && checked && error.is_protocol(), "{content}: {error}"),
            }
        }
    }
}

/// Holds BASE-22: batches exist in one revision only.
#[tokio::test(start_paused = true)]
async fn base_22_batches_are_read_where_the_revision_has_them() {
    for (version, answered) in [("2025-03-26", true), ("2025-11-25", false)] {
        let (transport, mut peer) = crate::peer::pair();
        let connect = tokio::spawn(builder().era(Era::Legacy).connect(transport));
        peer.initialize(version).await;
        let client = soon(connect).await.unwrap().unwrap();
        let call = tokio::spawn(client.call_tool("x", ()).into_future());
        let request = peer.expect("tools/call").await;
        let log = json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": 1}});
        peer.send(json!([log, {"jsonrpc": "2.0", "id": request["id"], "result": text("ok")}])).await;
        assert_eq!(soon(call).await.unwrap().is_ok(), answered, "{version}");
    }
}
