//! LHTTP, SESS, RESUM: Streamable HTTP in the legacy era.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use turbomcp::{Context, Middleware, MiddlewareResult, Next, Response};
use turbomcp_tests::{Http, Request, Site, fixture, initialize_params};

use crate::everything;

const VERSIONS: [&str; 3] = ["2025-03-26", "2025-06-18", "2025-11-25"];

async fn site() -> Site {
    Site::start(&fixture::server()).await
}

fn request(id: impl Into<Value>, method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id.into(), "method": method, "params": params})
}

fn call(id: impl Into<Value>, tool: &str, arguments: Value) -> Value {
    request(id, "tools/call", json!({"name": tool, "arguments": arguments, "_meta": {"progressToken": "p"}}))
}

fn initialize(version: &str) -> Request {
    Request::post(&request(0, "initialize", initialize_params(version, json!({}))))
}

/// Holds LHTTP-16.
#[tokio::test]
async fn lhttp_01_the_endpoint_is_posted_to_and_listened_to() {
    let site = site().await;
    for version in VERSIONS {
        let client = site.legacy(version, json!({})).await;
        assert_eq!(client.call("ping", json!({})).await["result"], json!({}));
        let stream = client.listen().await;
        assert_eq!((stream.status, stream.is_stream()), (200, true), "{version}");
    }
    let stranger = site.client();
    let refused = stranger.listen().await;
    assert_eq!((refused.status, refused.header("allow")), (405, Some("POST")));
}

#[tokio::test]
async fn lhttp_04_a_version_that_is_not_named_is_that_of_the_session() {
    let client = site().await.legacy("2025-06-18", json!({})).await;
    let list = client.within(Request::post(&request(1, "tools/list", json!({})))).without("MCP-Protocol-Version");
    let mut reply = client.send(list).await;
    assert!(reply.message().await["result"]["tools"][0].get("title").is_none());
    assert_eq!(reply.status, 200);
}

#[tokio::test]
async fn lhttp_05_an_unknown_version_in_the_header_is_refused() {
    let client = site().await.legacy("2025-06-18", json!({})).await;
    for version in ["2099-01-01", "x", "", "2025-06-18, 2025-06-18"] {
        let list =
            client.within(Request::post(&request(1, "tools/list", json!({})))).with("MCP-Protocol-Version", version);
        assert_eq!(client.send(list).await.status, 400, "{version}");
    }
    let doubled =
        client.within(Request::post(&request(1, "ping", json!({})))).header("MCP-Protocol-Version", "2025-06-18");
    assert_eq!(client.send(doubled).await.status, 400);
}

/// Holds LHTTP-10, LHTTP-12.
#[tokio::test]
async fn lhttp_06_a_stream_begins_with_an_id_and_ends_with_the_answer() {
    for version in VERSIONS {
        let client = site().await.legacy(version, json!({})).await;
        let mut stream = client.post(&call(5, "wait", json!({"ms": 20}))).await;
        assert!(stream.is_stream());
        let first = stream.event().await.unwrap();
        // Older clients would take an event without data for a message.
        assert_eq!((first.id.is_some(), first.message.is_none()), (version == "2025-11-25", true), "{version}");
        let all = stream.rest().await;
        assert_eq!((all.len(), &all[2]["id"]), (3, &json!(5)));
        assert!(all[..2].iter().all(|message| message["params"]["progressToken"] == "p"));
    }
}

/// Asks its client to come back, and goes on.
async fn interrupting() -> Site {
    let handler = |_: serde_json::Map<String, Value>, ctx: Context| async move {
        ctx.progress(1.0).await;
        ctx.close_stream();
        tokio::time::sleep(Duration::from_millis(100)).await;
        ctx.progress(2.0).await;
        "done"
    };
    Site::start(&fixture::builder().tool("interrupting", handler).unwrap().build()).await
}

/// Holds LHTTP-11, RESUM-02.
#[tokio::test]
async fn lhttp_07_a_stream_that_is_closed_early_says_when_to_come_back() {
    let client = interrupting().await.legacy("2025-11-25", json!({})).await;
    let mut stream = client.post(&call(5, "interrupting", json!({}))).await;
    let (mut last, mut retry, mut messages) = (None, None, Vec::new());
    while let Some(event) = stream.event().await {
        last = event.id.or(last);
        retry = event.retry.or(retry);
        messages.extend(event.message);
    }
    assert!(retry.is_some());
    assert!(messages.iter().all(|message| message.get("id").is_none()), "{messages:?}");
    let mut rest = client.resume(&last.expect("an event with an id")).await;
    messages.extend(rest.rest().await);
    assert_eq!(messages.len(), 3, "{messages:?}");
    assert_eq!(messages[2]["result"]["content"][0]["text"], "done");
}

#[tokio::test]
async fn lhttp_13_a_dropped_connection_is_no_cancellation() {
    let client = site().await.legacy("2025-11-25", json!({})).await;
    let mut stream = client.post(&call(5, "wait", json!({"ms": 100}))).await;
    let id = stream.event().await.unwrap().id.unwrap();
    drop(stream);
    let all = client.resume(&id).await.rest().await;
    assert_eq!((all.len(), &all[2]["result"]["content"][0]["text"]), (3, &json!("done")), "{all:?}");
}

/// Holds LHTTP-17, LHTTP-19.
#[tokio::test]
async fn lhttp_18_what_belongs_to_no_request_goes_to_one_listening_stream() {
    let server = fixture::server();
    let site = Site::start(&server).await;
    let client = site.legacy("2025-11-25", everything()).await;
    let mut listening = client.listen().await;
    listening.event().await.unwrap();
    // Answers, progress and questions of a request stay on its own stream.
    let mut own = client.post(&call(5, "wait", json!({"ms": 10}))).await;
    assert_eq!(own.rest().await.len(), 3);
    let mut asking = client.post(&call(6, "roots", json!({}))).await;
    let asked = asking.next().await.unwrap();
    assert_eq!(asked["method"], "roots/list");
    assert_eq!(client.post(&json!({"jsonrpc": "2.0", "id": asked["id"], "result": {"roots": []}})).await.status, 202);
    assert_eq!(asking.next().await.unwrap()["id"], 6);
    assert!(server.remove_tool("add"));
    let told = listening.next().await.unwrap();
    assert_eq!(told["method"], "notifications/tools/list_changed");
    // A second stream takes over; nothing is sent twice.
    let mut second = client.listen().await;
    second.event().await.unwrap();
    assert!(listening.next().await.is_none());
    assert!(server.remove_tool("echo"));
    assert_eq!(second.next().await.unwrap()["method"], "notifications/tools/list_changed");
    server.shutdown_handle().shutdown();
    assert!(second.next().await.is_none());
}

/// Holds SESS-01, SESS-10.
#[tokio::test]
async fn sess_02_a_session_id_is_long_random_and_visible() {
    let site = site().await;
    let mut ids = BTreeSet::new();
    for _ in 0..100 {
        let reply = site.client().send(initialize("2025-11-25")).await;
        let id = reply.header("mcp-session-id").unwrap().to_owned();
        assert!(id.len() >= 22 && id.bytes().all(|byte| (0x21..=0x7e).contains(&byte)), "{id}");
        assert!(ids.insert(id));
    }
    // Two ids have nothing in common beyond chance, not even a beginning.
    let all: Vec<_> = ids.into_iter().collect();
    for place in 0..22 {
        let letters: BTreeSet<_> = all.iter().map(|id| id.as_bytes()[place]).collect();
        assert!(letters.len() > 10, "place {place}: {letters:?}");
    }
    // One that the client makes up is not taken over.
    let own = initialize("2025-11-25").header("Mcp-Session-Id", "my-own");
    assert_ne!(site.client().send(own).await.header("mcp-session-id"), Some("my-own"));
    let mut made_up = site.client();
    made_up.session = Some("my-own".to_owned());
    assert_eq!(made_up.post(&request(1, "ping", json!({}))).await.status, 404);
}

#[tokio::test]
async fn a_handshake_that_fails_opens_no_session() {
    let client = site().await.client();
    let mut reply = client.send(Request::post(&request(0, "initialize", json!({})))).await;
    assert_eq!((reply.status, reply.header("mcp-session-id")), (200, None));
    assert_eq!(reply.message().await["error"]["code"], -32602);
}

#[tokio::test]
async fn sess_05_a_request_without_its_session_is_a_bad_request() {
    let client = site().await.client();
    for message in [
        request(1, "tools/list", json!({})),
        request(1, "ping", json!({})),
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        json!({"jsonrpc": "2.0", "id": 1, "result": {}}),
    ] {
        let mut reply = client.post(&message).await;
        assert_eq!(reply.status, 400, "{message}");
        assert!(reply.message().await.get("error").is_some());
    }
}

#[tokio::test]
async fn sess_06_a_session_that_ended_is_not_found() {
    let site = site().await;
    let client = site.legacy("2025-11-25", json!({})).await;
    let other = site.legacy("2025-11-25", json!({})).await;
    let mut listening = client.listen().await;
    listening.event().await.unwrap();
    let mut running = client.post(&call(5, "wait", json!({"ms": 60_000}))).await;
    running.next().await.unwrap();
    assert_eq!(client.send(client.within(Request::delete())).await.status, 204);
    assert_eq!(client.post(&request(1, "ping", json!({}))).await.status, 404);
    assert_eq!(client.listen().await.status, 404);
    assert_eq!(client.resume("1-1").await.status, 404);
    assert_eq!(client.send(client.within(Request::delete())).await.status, 404);
    assert!(listening.next().await.is_none());
    assert!(running.rest().await.iter().all(|message| message.get("id").is_none()));
    assert_eq!(other.call("ping", json!({})).await["result"], json!({}));
    // One that nobody uses ends by itself.
    let brief = fixture::limited(|limits| limits.session_idle = Duration::from_secs(1));
    let client = Site::start(&brief).await.legacy("2025-11-25", json!({})).await;
    let gone = async {
        loop {
            // Asking keeps it alive, so between two questions it has to be left alone for long enough.
            tokio::time::sleep(Duration::from_secs(2)).await;
            if client.post(&request(1, "ping", json!({}))).await.status == 404 {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone).await.expect("the session ends");
}

/// Lets nobody in who has no token.
struct Token;

impl Middleware for Token {
    async fn process(&self, request: turbomcp::Request, next: Next) -> MiddlewareResult<Response> {
        let parts = request.extensions().get::<turbomcp::transport::http::HttpRequest>();
        let token = parts.and_then(|parts| parts.headers().get("authorization"));
        if token.is_some_and(|token| token == "Bearer secret") {
            return next.run(request).await;
        }
        Ok(Response::unauthorized("who are you?"))
    }
}

#[tokio::test]
async fn sess_09_a_session_is_no_proof_of_who_asks() {
    let site = Site::start(&fixture::builder().middleware(Token).build()).await;
    let mut reply = site.client().send(initialize("2025-11-25").header("Authorization", "Bearer secret")).await;
    assert_eq!(reply.status, 200);
    let mut client = site.client();
    client.session = reply.header("mcp-session-id").map(str::to_owned);
    reply.message().await;
    let list = || client.within(Request::post(&request(1, "tools/list", json!({}))));
    assert_eq!(client.send(list()).await.status, 401);
    assert_eq!(client.send(list().header("Authorization", "Bearer other")).await.status, 401);
    let ping = client.within(Request::post(&request(1, "ping", json!({}))));
    assert_eq!(client.send(ping).await.status, 401, "of every method");
    assert_eq!(client.send(list().header("Authorization", "Bearer secret")).await.status, 200);
}

/// What a user was asked and has answered is sealed for one caller, whichever session it came by.
#[tokio::test]
async fn sess_12_what_a_user_is_asked_does_not_hang_on_a_session_alone() {
    let site = site().await;
    let (a, b) = (site.legacy("2025-11-25", everything()).await, site.legacy("2025-11-25", everything()).await);
    let mut asking = a.post(&call(5, "roots", json!({}))).await;
    let asked = asking.next().await.unwrap();
    // Another session's answer, under the same id, is not taken for the one that is waited for.
    let answer = json!({"jsonrpc": "2.0", "id": asked["id"], "result": {"roots": [{"uri": "file:///evil"}]}});
    assert_eq!(b.post(&answer).await.status, 202);
    let answer = json!({"jsonrpc": "2.0", "id": asked["id"], "result": {"roots": [{"uri": "file:///mine"}]}});
    assert_eq!(a.post(&answer).await.status, 202);
    assert_eq!(asking.next().await.unwrap()["result"]["content"][0]["text"], "file:///mine");
    // In the modern era the state is bound to who asks; see MRTR-08.
    let state = site.client().modern("tools/call", json!({"name": "roots"}), everything()).await;
    assert!(state["result"]["requestState"].is_string());
}

/// Holds RESUM-04.
#[tokio::test]
async fn resum_01_events_are_numbered_across_all_streams_of_a_session() {
    let server = fixture::server();
    let site = Site::start(&server).await;
    let client = site.legacy("2025-11-25", json!({})).await;
    let mut ids = BTreeSet::new();
    let mut firsts = Vec::new();
    for n in 0..3 {
        let mut stream = client.post(&call(n, "wait", json!({"ms": 5}))).await;
        let mut events = Vec::new();
        while let Some(event) = stream.event().await {
            // One that only says how long to wait is nothing to come back to.
            let Some(id) = event.id else {
                assert_eq!((event.message, event.retry.is_some()), (None, true));
                continue;
            };
            assert!(ids.insert(id.clone()), "{id} twice");
            events.push(id);
        }
        firsts.push(events[0].clone());
    }
    let mut listening = client.listen().await;
    assert!(ids.insert(listening.event().await.unwrap().id.unwrap()));
    // Each stream is replayed by itself.
    for (n, first) in firsts.iter().enumerate() {
        client.expect(&call(n, "wait", json!({})));
        let all = client.resume(first).await.rest().await;
        assert_eq!((all.len(), &all[2]["id"]), (3, &json!(n)), "{all:?}");
    }
    for unknown in ["0-999", "77-1", "x", "", "1", "-", "1-x", "99999999999-1", "1-1-1"] {
        let reply = client.resume(unknown).await;
        assert!(reply.status == 400 || unknown == "0-999", "{unknown}: {}", reply.status);
    }
    // Nor is anything replayed to another session.
    let other = site.legacy("2025-11-25", json!({})).await;
    assert_eq!(other.resume(&firsts[0]).await.status, 400);
}

async fn batch(client: &Http, messages: &Value) -> (u16, Vec<Value>) {
    let mut reply = client.post(messages).await;
    if reply.status == 202 {
        return (202, Vec::new());
    }
    let status = reply.status;
    let answers = if reply.is_stream() {
        reply.rest().await.into_iter().flat_map(|m| m.as_array().cloned().unwrap_or(vec![m])).collect()
    } else {
        let message = reply.message().await;
        message.as_array().cloned().unwrap_or(vec![message])
    };
    (status, answers)
}

/// Holds BASE-22.
#[tokio::test]
async fn batches_are_posted_where_there_are_batches() {
    let site = site().await;
    let client = site.legacy("2025-03-26", json!({})).await;
    let note = json!({"jsonrpc": "2.0", "method": "notifications/x"});
    let ping = |id: i64| json!({"jsonrpc": "2.0", "id": id, "method": "ping"});
    let slow = request(3, "tools/call", json!({"name": "wait", "arguments": {"ms": 10}}));
    let (status, answers) = batch(&client, &json!([ping(1), note, ping(2), slow])).await;
    let ids: BTreeSet<_> = answers.iter().map(|answer| answer["id"].as_i64().unwrap()).collect();
    assert_eq!((status, ids), (200, BTreeSet::from([1, 2, 3])));
    assert_eq!(batch(&client, &json!([note, note])).await.0, 202);
    assert_eq!(batch(&client, &json!([])).await.0, 400);
    let newer = site.legacy("2025-06-18", json!({})).await;
    assert_eq!(batch(&newer, &json!([ping(1)])).await.0, 400);
}

/// Holds VER-18.
#[tokio::test]
async fn both_eras_are_served_at_one_url() {
    let site = site().await;
    let legacy = site.legacy("2025-11-25", json!({})).await;
    let text = json!([{"type": "text", "text": "3"}]);
    let arguments = json!({"name": "add", "arguments": {"a": 1, "b": 2}});
    assert_eq!(legacy.call("tools/call", arguments.clone()).await["result"], json!({"content": text}));
    let modern = legacy.modern("tools/call", arguments, json!({})).await;
    assert_eq!((&modern["result"]["content"], &modern["result"]["resultType"]), (&text, &json!("complete")));
}
