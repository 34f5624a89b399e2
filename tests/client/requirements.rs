//! What the specification demands of a client, where no other test of this folder shows it.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use turbomcp::client::{Client, Era};
use turbomcp::transport::memory;
use turbomcp::types::{
    CreateMessageResult, ElicitResult, JsonObject, Root, SamplingMessageContentBlock, SubscriptionFilter,
};

use crate::peer::{connected, discovered, failure, initialized, pair, soon, text};
use crate::web::{Reply, Web, builder};

/// Makes a client say all it can, and returns its lines as they were written.
async fn said(era: Era) -> Vec<Vec<u8>> {
    let (ours, theirs) = tokio::io::duplex(1 << 20);
    let serving = tokio::spawn(async move {
        let (reader, mut writer) = tokio::io::split(theirs);
        let mut reader = BufReader::new(reader);
        let mut said = Vec::new();
        loop {
            let mut line = Vec::new();
            if reader.read_until(b'\n', &mut line).await.unwrap() == 0 {
                return said;
            }
            let message: Value = serde_json::from_slice(&line).unwrap();
            said.push(line);
            let Some(id) = message.get("id").filter(|_| message.get("method").is_some()) else { continue };
            let result = match message["method"].as_str().unwrap() {
                "server/discover" => discovered(),
                "initialize" => initialized("2025-11-25"),
                "tools/call" if message["params"]["name"] == "silent" => continue,
                "tools/call" => text("ok"),
                "tools/list" => json!({"resultType": "complete", "tools": []}),
                _ => json!({"resultType": "complete"}),
            };
            let answer = json!({"jsonrpc": "2.0", "id": id, "result": result});
            let question = json!({"jsonrpc": "2.0", "id": "q", "method": "ping"});
            let _ = writer.write_all(format!("{answer}\n{question}\n").as_bytes()).await;
        }
    });
    let client = Client::builder().era(era).roots([Root::new("file:///a")]).connect(memory::over(ours)).await.unwrap();
    let awkward = json!({"text": "one\ntwo\r\n\u{2028}\u{85}\u{1f600}\"\\\u{0}"});
    let calls: Vec<_> = (0..20)
        .map(|_| tokio::spawn(client.call_tool("a\nb", awkward.clone()).on_progress(|_| {}).into_future()))
        .collect();
    for call in calls {
        soon(call).await.unwrap().unwrap();
    }
    client.list_all_tools().await.unwrap();
    client.ping().await.unwrap();
    client.roots_changed().await.unwrap();
    client.notify("example/said", json!({"line": "a\nb"})).await.unwrap();
    assert!(
        failure(client.call_tool("silent", ()).timeout(Duration::from_millis(50)).into_future()).await.is_timeout()
    );
    client.close().await;
    serving.await.unwrap()
}

/// Holds BASE-02, BASE-05, BASE-07, BASE-08, BASE-18, BASE-23, PROG-01, STDIO-01, STDIO-03.
#[tokio::test]
async fn base_01_everything_a_client_says_is_one_message_a_line() {
    for era in [Era::Modern, Era::Legacy] {
        let (mut ids, mut tokens) = (HashSet::new(), HashSet::new());
        let lines = said(era).await;
        assert!(lines.len() > 25, "{}", lines.len());
        for line in lines {
            let (newline, rest) = line.split_last().unwrap();
            assert!(*newline == b'\n' && !rest.contains(&b'\n') && !rest.contains(&b'\r'));
            let message: Value = serde_json::from_str(std::str::from_utf8(rest).unwrap()).unwrap();
            assert!(message.is_object() && message["jsonrpc"] == "2.0", "{message}");
            let method = message["method"].as_str().unwrap_or_default();
            let is_answer = message.get("result").is_some();
            let is_notification = method.starts_with("notifications/") || method == "example/said";
            assert_eq!(message.get("id").is_none(), is_notification, "{message}");
            if !is_notification && !is_answer {
                assert!(message["id"].is_u64() && ids.insert(message["id"].clone()), "{message}");
            }
            if let Some(token) = message["params"]["_meta"].get("progressToken") {
                assert!(token.is_u64() && tokens.insert(token.clone()), "{message}");
            }
        }
        assert_eq!(tokens.len(), 20);
    }
}

#[tokio::test]
async fn base_19_notifications_are_never_answered() {
    for era in [Era::Modern, Era::Legacy] {
        let (client, mut peer) = connected(builder(), era).await;
        for method in ["notifications/nothing", "notifications/message", "ping", "x", ""] {
            peer.send(json!({"jsonrpc": "2.0", "method": method, "params": {"level": 7}})).await;
        }
        let expected = if era == Era::Modern { "server/discover" } else { "ping" };
        let (pong, _) = tokio::join!(client.ping(), peer.serve(expected, discovered()));
        pong.unwrap();
        client.close().await;
        assert!(peer.drain().await.is_empty());
    }
}

/// Only codes of JSON-RPC itself, however wrong the question is. So those of MCP keep their meaning.
/// Holds BASE-28.
#[tokio::test]
async fn base_27_no_code_is_invented() {
    let (_client, mut peer) = connected(builder(), Era::Legacy).await;
    let methods = ["elicitation/create", "sampling/createMessage", "roots/list", "tools/call", "x", ""];
    for (id, method) in methods.into_iter().enumerate() {
        for params in [json!({}), json!([]), json!({"mode": "url"}), json!({"messages": 7}), Value::Null] {
            peer.send(json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})).await;
        }
    }
    peer.send(json!({"jsonrpc": "2.0", "id": "last", "method": "ping"})).await;
    loop {
        let answer = peer.next().await;
        if answer["id"] == "last" {
            break;
        }
        let code = answer["error"]["code"].as_i64().unwrap();
        assert!([-32601, -32602].contains(&code), "{answer}");
    }
}

/// Whatever stands there, the rest is read.
#[tokio::test]
async fn base_46_nothing_is_assumed_of_metadata() {
    let (client, mut peer) = connected(builder(), Era::Modern).await;
    for value in [json!(7), json!(null), json!({"a": []}), json!("x")] {
        let mut result = text("ok");
        for key in ["io.modelcontextprotocol/serverInfo", "io.modelcontextprotocol/x", "traceparent", "a b", ""] {
            result["_meta"][key] = value.clone();
        }
        let (outcome, _) = tokio::join!(client.call_tool("x", ()).into_future(), peer.serve("tools/call", result));
        assert_eq!(outcome.unwrap().content[0].as_text(), Some("ok"), "{value}");
    }
}

/// Holds BASE-50.
#[tokio::test]
async fn base_47_metadata_has_well_formed_keys() {
    let (client, mut peer) = connected(builder(), Era::Modern).await;
    let error = failure(client.call_tool("x", ()).meta("a b", 1).into_future()).await;
    assert!(error.is_usage(), "{error}");
    let call = client.call_tool("x", ()).meta("com.example/a", 1).meta("io.modelcontextprotocol/logLevel", "mine");
    let (_, request) = tokio::join!(call.into_future(), peer.serve("tools/call", text("ok")));
    let meta = request["params"]["_meta"].as_object().unwrap();
    assert_eq!(meta["com.example/a"], 1);
    assert!(!meta.contains_key("io.modelcontextprotocol/logLevel"), "{meta:?}");
}

#[tokio::test]
async fn ver_10_extensions_of_one_side_only_change_nothing() {
    for era in [Era::Modern, Era::Legacy] {
        let (transport, mut peer) = pair();
        let builder = builder().era(era).extension("com.example/ours", JsonObject::new());
        let connecting = tokio::spawn(builder.connect(transport));
        let mut hello = if era == Era::Modern { discovered() } else { initialized("2025-11-25") };
        hello["capabilities"]["extensions"] = json!({"com.example/theirs": {"a": 1}});
        hello["capabilities"]["experimental"] = json!({"theirs": {"a": 1}});
        let request = peer.next().await;
        peer.answer(&request, hello).await;
        if era == Era::Legacy {
            peer.expect("notifications/initialized").await;
        }
        let client = soon(connecting).await.unwrap().unwrap();
        let (result, _) = tokio::join!(client.call_tool("x", ()).into_future(), peer.serve("tools/call", text("core")));
        assert_eq!(result.unwrap().content[0].as_text(), Some("core"));
    }
}

#[tokio::test]
async fn life_10_what_was_not_negotiated_is_not_used() {
    let (transport, mut peer) = pair();
    let connecting = tokio::spawn(builder().era(Era::Legacy).connect(transport));
    let mut hello = initialized("2024-11-05");
    hello["capabilities"] = json!({"resources": {}, "tools": {}});
    peer.serve("initialize", hello).await;
    peer.expect("notifications/initialized").await;
    let client = soon(connecting).await.unwrap().unwrap();
    let wanted =
        SubscriptionFilter::new().with_tools_list_changed(true).with_resource_subscriptions(["x://a".to_owned()]);
    let subscription = client.subscribe(wanted).await.unwrap();
    assert_eq!(*subscription.filter(), SubscriptionFilter::new(), "nothing of it is offered");
    assert!(failure(client.roots_changed()).await.is_usage(), "there are no roots here");
    drop(subscription);
    client.close().await;
    assert!(peer.drain().await.is_empty());
}

/// Holds HDR-05.
#[tokio::test]
async fn sess_03_a_session_is_kept_as_it_was_named_and_shown_to_nobody() {
    const ID: &str = "AbC-secret";
    let web = Web::start(|request| match (request.verb.as_str(), request.method()) {
        ("POST", "initialize") => {
            let body = json!({"jsonrpc": "2.0", "id": request.body["id"], "result": initialized("2025-11-25")});
            Reply::status(
                200,
                &format!("CONTENT-type: Application/JSON\r\nMCP-SESSION-ID: {ID}\r\n"),
                &body.to_string(),
            )
        }
        ("POST", "ping") => Reply::result(request, json!({})),
        ("POST", "tools/call") => Reply::status(307, "location: http://localhost:9/mcp\r\n", ""),
        _ => crate::web::legacy(request).unwrap_or_else(Reply::accepted),
    })
    .await;
    let client = crate::web::connect(&web).await;
    client.ping().await.unwrap();
    assert_eq!(web.of("ping")[0].header("mcp-session-id"), Some(ID));
    let error = failure(client.call_tool("x", ()).into_future()).await;
    assert!(!format!("{client:?} {error:?} {error}").contains(ID));
}

/// Holds CACHE-06.
#[tokio::test]
async fn cache_06_what_answers_went_into_is_asked_for_again() {
    let builder = builder().on_elicit(|_| async { Ok(ElicitResult::accept(JsonObject::new())) });
    let (client, mut peer) = connected(builder, Era::Modern).await;
    let params = json!({"mode": "form", "message": "?", "requestedSchema": {"type": "object", "properties": {}}});
    for _ in 0..2 {
        let reading = tokio::spawn(client.read_resource("x://a").into_future());
        let wanted = json!({"k": {"method": "elicitation/create", "params": params}});
        peer.serve("resources/read", json!({"resultType": "input_required", "inputRequests": wanted})).await;
        let contents = json!([{"uri": "x://a", "text": "t"}]);
        let kept = json!({"resultType": "complete", "contents": contents, "ttlMs": 60_000, "cacheScope": "public"});
        peer.serve("resources/read", kept).await;
        soon(reading).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn sub_09_a_subscription_is_ended_in_the_way_of_its_binding() {
    let filter = || SubscriptionFilter::new().with_tools_list_changed(true);
    let acknowledged = |id: &Value| {
        let meta = json!({"io.modelcontextprotocol/subscriptionId": id});
        json!({"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged",
            "params": {"notifications": {"toolsListChanged": true}, "_meta": meta}})
    };
    let (client, mut peer) = connected(builder(), Era::Modern).await;
    let subscribing = tokio::spawn({
        let client = client.clone();
        async move { client.subscribe(filter()).await }
    });
    let request = peer.expect("subscriptions/listen").await;
    peer.send(acknowledged(&request["id"])).await;
    soon(subscribing).await.unwrap().unwrap().close().await;
    assert_eq!(peer.expect("notifications/cancelled").await["params"]["requestId"], request["id"]);

    let web = Web::modern(move |request| {
        Reply::events(&format!("data: {}\n\n", acknowledged(&request.body["id"]))).holding()
    })
    .await;
    let client = crate::web::connect(&web).await;
    client.subscribe(filter()).await.unwrap().close().await;
    soon(async {
        while *web.dropped.lock().unwrap() == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    assert!(web.of("notifications/cancelled").is_empty());
}

/// What is no message is refused before a model sees it.
/// Holds SAMP-12.
#[tokio::test]
async fn samp_20_a_result_has_the_shape_of_its_revision() {
    let asked = Arc::new(AtomicUsize::new(0));
    for (version, is_list) in [("2025-06-18", false), ("2025-11-25", true)] {
        let (transport, mut peer) = pair();
        let count = asked.clone();
        let builder = builder().era(Era::Legacy).on_sample(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            let blocks = ["one", "two"].map(SamplingMessageContentBlock::text);
            async { Ok(CreateMessageResult::new(Vec::from(blocks), "tiny")) }
        });
        let connecting = tokio::spawn(builder.connect(transport));
        peer.initialize(version).await;
        let _client = soon(connecting).await.unwrap().unwrap();
        let mut ask = async |messages: Value| {
            let params = json!({"messages": messages, "maxTokens": 5});
            peer.send(json!({"jsonrpc": "2.0", "id": 1, "method": "sampling/createMessage", "params": params})).await;
            peer.next().await
        };
        let answer = ask(json!([{"role": "user", "content": {"type": "text", "text": "?"}}])).await;
        assert_eq!(answer["result"]["content"].is_array(), is_list, "{version}: {answer}");
        assert_eq!(answer["result"]["role"], "assistant");
        for bad in [json!([{"content": {"type": "text", "text": "?"}}]), json!([{"role": "user"}]), json!([7])] {
            assert_eq!(ask(bad.clone()).await["error"]["code"], -32602, "{bad}");
        }
    }
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn root_02_roots_are_files() {
    let builder = builder().roots([Root::new("file:///a"), Root::new("https://example.com")]);
    let (_client, mut peer) = connected(builder, Era::Legacy).await;
    peer.send(json!({"jsonrpc": "2.0", "id": 1, "method": "roots/list"})).await;
    assert_eq!(peer.next().await["error"]["code"], -32603);
}
