//! HTTP: Streamable HTTP in the modern era.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::sync::Notify;
use turbomcp::Context;
use turbomcp_tests::{Request, Site, fixture, modern};

use crate::everything;

async fn site() -> Site {
    Site::start(&fixture::server()).await
}

fn call(tool: &str, arguments: Value) -> Value {
    modern(1, "tools/call", json!({"name": tool, "arguments": arguments}), json!({}))
}

#[tokio::test]
async fn http_01_there_is_one_endpoint() {
    let site = site().await;
    let client = site.client();
    assert_eq!(client.send(Request::modern(&call("nothing", json!({})))).await.status, 200);
    for path in ["/", "/mcp/", "/mcp/sse", "/sse", "/message", "/MCP"] {
        assert_eq!(client.send(Request::modern(&call("nothing", json!({}))).path(path)).await.status, 404, "{path}");
    }
    let elsewhere = Site::serve(fixture::server().http().path("/tools/v1")).await;
    let request = Request::modern(&call("nothing", json!({})));
    assert_eq!(elsewhere.client().send(request.clone().path("/tools/v1?x=1")).await.status, 200);
    assert_eq!(elsewhere.client().send(request).await.status, 404);
}

/// Holds HTTP-03.
#[tokio::test]
async fn http_02_a_foreign_origin_is_refused() {
    let client = site().await.client();
    for method in ["POST", "GET", "DELETE", "OPTIONS", "PUT"] {
        let request =
            Request::modern(&call("nothing", json!({}))).method(method).with("Origin", "https://evil.example");
        let mut reply = client.send(request).await;
        assert_eq!(reply.status, 403, "{method}");
        let body = reply.message().await;
        assert!(body.get("error").is_some() && body.get("id").is_none(), "{body}");
    }
    let request = Request::modern(&call("nothing", json!({})));
    assert_eq!(client.send(request.clone()).await.status, 200);
    assert_eq!(client.send(request.header("Origin", "http://localhost:6274")).await.status, 200);
}

#[tokio::test]
async fn http_04_it_is_served_where_it_is_told_and_nowhere_else() {
    let listener = fixture::server().http().bind(("127.0.0.1", 0)).await.unwrap();
    assert!(listener.local_addr().ip().is_loopback());
}

#[tokio::test]
async fn http_10_a_notification_is_accepted_without_a_body() {
    let client = site().await.client();
    for params in [json!({"requestId": 1}), json!({}), json!({"_meta": {}})] {
        let message = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params});
        for request in [Request::modern(&message), Request::post(&message).header("MCP-Protocol-Version", "2026-07-28")]
        {
            let mut reply = client.send(request).await;
            assert_eq!((reply.status, reply.text().await.as_str()), (202, ""));
        }
    }
    let session = site().await.legacy("2025-11-25", json!({})).await;
    let mut reply = session.post(&json!({"jsonrpc": "2.0", "id": 9, "result": {}})).await;
    assert_eq!((reply.status, reply.text().await.as_str()), (202, ""));
}

#[tokio::test]
async fn http_11_a_notification_that_is_none_is_refused() {
    let client = site().await.client();
    for text in [
        r#"{"jsonrpc":"2.0","method":"notifications/x","params":[1]}"#,
        r#"{"jsonrpc":"1.0","method":"notifications/x"}"#,
        r#"{"jsonrpc":"2.0","method":5}"#,
        r#"{"jsonrpc":"2.0"}"#,
    ] {
        let mut reply = client.send(Request::post_text(text).header("MCP-Protocol-Version", "2026-07-28")).await;
        assert_eq!(reply.status, 400, "{text}");
        assert_eq!(reply.message().await.get("id"), None);
    }
    let mut strangers = site().await.legacy("2025-11-25", json!({})).await;
    strangers.session = Some("no-such-session".to_owned());
    let note = json!({"jsonrpc": "2.0", "method": "notifications/roots/list_changed"});
    assert_eq!(strangers.post(&note).await.status, 404);
    assert_eq!(strangers.post(&json!({"jsonrpc": "2.0", "id": 9, "result": {}})).await.status, 404);
}

/// Holds HTTP-16, HTTP-18, MRTR-18.
#[tokio::test]
async fn http_12_an_answer_is_json_or_a_stream_that_ends_with_it() {
    let client = site().await.client();
    for (method, params) in crate::requests() {
        let mut reply = client.send(Request::modern(&modern("x", method, params, everything()))).await;
        assert!(!reply.is_stream(), "{method}: nothing came before the answer");
        assert_eq!(reply.message().await["id"], "x");
    }
    let mut message = call("wait", json!({"ms": 10}));
    message["params"]["_meta"]["progressToken"] = json!("p");
    let mut reply = client.send(Request::modern(&message)).await;
    assert_eq!((reply.status, reply.is_stream(), reply.header("x-accel-buffering")), (200, true, Some("no")));
    let all = reply.rest().await;
    assert_eq!(all.iter().map(|message| message.get("id").is_some()).collect::<Vec<_>>(), [false, false, true]);
    // What is asked after something was told is the last of the stream, too.
    let mut listening = Request::modern(&modern(1, "subscriptions/listen", json!({"notifications": {}}), json!({})));
    listening = listening.with("Accept", "text/event-stream, application/json");
    assert!(client.send(listening).await.is_stream());
}

/// Holds HTTP-17, LOG-03.
#[tokio::test]
async fn http_14_a_stream_has_what_belongs_to_its_own_request() {
    let server = fixture::server();
    let site = Site::start(&server).await;
    let listen = modern("sub", "subscriptions/listen", json!({"notifications": {"toolsListChanged": true}}), json!({}));
    let mut listening = site.client().send(Request::modern(&listen)).await;
    assert_eq!(listening.next().await.unwrap()["method"], "notifications/subscriptions/acknowledged");
    let tasks: Vec<_> = (0..8)
        .map(|n| {
            let client = site.client();
            tokio::spawn(async move {
                let mut message = call("wait", json!({"ms": 30}));
                message["params"]["_meta"]["progressToken"] = json!(n);
                message["params"]["_meta"]["io.modelcontextprotocol/logLevel"] = json!("debug");
                let all = client.send(Request::modern(&message)).await.rest().await;
                assert!(all[..2].iter().all(|message| message["params"]["progressToken"] == n), "{all:?}");
                assert_eq!((all.len(), &all[2]["id"]), (3, &json!(1)));
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert!(server.remove_tool("add"));
    assert_eq!(listening.next().await.unwrap()["method"], "notifications/tools/list_changed");
    server.shutdown_handle().shutdown();
    let rest = listening.rest().await;
    assert_eq!((rest.len(), &rest[0]["id"]), (1, &json!("sub")), "{rest:?}");
    site.ended().await.unwrap();
}

#[tokio::test]
async fn http_15_no_stream_of_a_modern_client_has_a_request() {
    let client = site().await.client();
    let mut message = modern(1, "tools/call", json!({"name": "ask_all"}), everything());
    message["params"]["_meta"]["progressToken"] = json!("p");
    let answer = client.send(Request::modern(&message)).await.answer().await;
    assert_eq!((answer.get("method"), &answer["result"]["resultType"]), (None, &json!("input_required")));
    let mut slow = call("wait", json!({"ms": 5}));
    slow["params"]["_meta"]["progressToken"] = json!("p");
    for message in client.send(Request::modern(&slow)).await.rest().await {
        assert!(message.get("id").is_none() || message.get("method").is_none(), "{message}");
    }
}

/// Counts the handlers that run.
struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Holds HTTP-21.
#[tokio::test]
async fn http_20_a_client_that_closes_the_stream_has_cancelled() {
    let running = Arc::new(AtomicUsize::new(0));
    let counter = running.clone();
    let handler = move |_: serde_json::Map<String, Value>, ctx: turbomcp::Context| {
        let counter = counter.clone();
        async move {
            counter.fetch_add(1, Ordering::SeqCst);
            let running = Running(counter);
            ctx.progress(1.0).await;
            std::future::pending::<()>().await;
            drop(running);
        }
    };
    let site = Site::start(&fixture::builder().tool("endless", handler).unwrap().build()).await;
    let until = async |count: usize| {
        while running.load(Ordering::SeqCst) != count {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    // With a stream, and while nothing has been told yet.
    for token in [Some("p"), None] {
        let mut message = call("endless", json!({}));
        if let Some(token) = token {
            message["params"]["_meta"]["progressToken"] = json!(token);
        }
        let client = site.client();
        let request = tokio::spawn(async move {
            let mut reply = client.send(Request::modern(&message)).await;
            reply.next().await;
            reply
        });
        tokio::time::timeout(Duration::from_secs(20), until(1)).await.expect("it runs");
        if token.is_some() {
            drop(request.await.unwrap());
        } else {
            request.abort();
            assert!(request.await.is_err());
        }
        tokio::time::timeout(Duration::from_secs(20), until(0)).await.expect("it is dropped");
    }
    site.client().sync().await;
}

#[tokio::test]
async fn http_25_header_and_body_name_the_same_version() {
    let client = site().await.client();
    let mut unknown = call("nothing", json!({}));
    unknown["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2099-01-01");
    for (body, header) in [
        (call("nothing", json!({})), "2025-11-25"),
        (call("nothing", json!({})), "2099-01-01"),
        (call("nothing", json!({})), ""),
        (call("nothing", json!({})), "2026-07-28, 2026-07-28"),
        // That they differ is said before that one of them is unknown.
        (unknown, "2026-07-28"),
    ] {
        let mut reply = client.send(Request::modern(&body).with("MCP-Protocol-Version", header)).await;
        let message = reply.message().await;
        assert_eq!(
            (reply.status, &message["error"]["code"], &message["id"]),
            (400, &json!(-32020), &json!(1)),
            "{header}"
        );
    }
}

#[tokio::test]
async fn http_26_a_version_that_is_not_implemented_is_answered_with_those_that_are() {
    let client = site().await.client();
    for version in ["2099-01-01", "2025-11-25", "v1"] {
        let mut body = call("nothing", json!({}));
        body["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!(version);
        let mut reply = client.send(Request::modern(&body)).await;
        let error = reply.message().await["error"].take();
        assert_eq!((reply.status, &error["code"]), (400, &json!(-32022)), "{version}");
        assert_eq!(error["data"], json!({"supported": ["2026-07-28"], "requested": version}));
    }
}

#[tokio::test]
async fn http_27_a_method_that_does_not_exist_is_not_found() {
    let client = site().await.client();
    for method in ["no/such", "ping", "initialize", "logging/setLevel", "resources/subscribe", "tasks/list"] {
        let mut reply = client.send(Request::modern(&modern(7, method, json!({}), json!({})))).await;
        let message = reply.message().await;
        assert_eq!(
            (reply.status, &message["error"]["code"], &message["id"]),
            (404, &json!(-32601), &json!(7)),
            "{method}"
        );
    }
}

#[tokio::test]
async fn http_28_missing_metadata_and_capabilities_are_bad_requests() {
    let client = site().await.client();
    let body = modern(3, "tools/call", json!({"name": "roots"}), json!({}));
    let mut reply = client.send(Request::modern(&body)).await;
    let error = reply.message().await["error"].take();
    assert_eq!((reply.status, &error["code"]), (400, &json!(-32021)));
    assert_eq!(error["data"]["requiredCapabilities"], json!({"roots": {}}));
    for key in ["io.modelcontextprotocol/protocolVersion", "io.modelcontextprotocol/clientCapabilities"] {
        let mut body = body.clone();
        body["params"]["_meta"].as_object_mut().unwrap().remove(key);
        let mut reply = client.send(Request::modern(&body)).await;
        let message = reply.message().await;
        assert_eq!(
            (reply.status, &message["error"]["code"], &message["id"]),
            (400, &json!(-32602), &json!(3)),
            "{key}"
        );
    }
    for params in [None, Some(json!({})), Some(json!({"_meta": {}}))] {
        let mut body = json!({"jsonrpc": "2.0", "id": 3, "method": "tools/list"});
        if let Some(params) = params {
            body["params"] = params;
        }
        let mut reply = client.send(Request::modern(&body)).await;
        assert_eq!((reply.status, &reply.message().await["error"]["code"]), (400, &json!(-32602)), "{body}");
    }
}

#[tokio::test]
async fn http_29_a_request_that_names_its_version_nowhere_belongs_to_a_session_or_is_refused() {
    let site = site().await;
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    assert_eq!(site.client().send(Request::post(&list)).await.status, 400);
    let modern = Request::modern(&call("nothing", json!({}))).without("MCP-Protocol-Version");
    let mut reply = site.client().send(modern).await;
    assert_eq!((reply.status, &reply.message().await["error"]["code"]), (400, &json!(-32020)));
    // Clients of 2025-03-26 do not know the header.
    let session = site.legacy("2025-03-26", json!({})).await;
    let mut reply = session.post(&list).await;
    assert_eq!(reply.status, 200);
    assert!(reply.message().await["result"]["tools"].is_array());
}

#[tokio::test]
async fn http_30_sessions_and_event_ids_mean_nothing_to_a_modern_request() {
    let client = site().await.client();
    let request =
        Request::modern(&call("nothing", json!({}))).header("Mcp-Session-Id", "x").header("Last-Event-ID", "1-1");
    let mut reply = client.send(request).await;
    assert_eq!((reply.status, reply.header("mcp-session-id")), (200, None));
    assert_eq!(reply.message().await["result"]["content"][0]["text"], "nothing");
    for request in [Request::get(), Request::delete()] {
        let reply = client.send(request.header("MCP-Protocol-Version", "2026-07-28")).await;
        assert_eq!(reply.status, 405);
        assert!(reply.header("allow").is_some_and(|allowed| allowed.contains("POST")));
    }
}

/// The whole round trip, on connections that have nothing to do with each other.
#[tokio::test]
async fn base_38_what_spans_requests_is_named_in_each() {
    let site = site().await;
    let first = site.client().modern("tools/call", json!({"name": "roots"}), everything()).await["result"].take();
    let (key, _) = first["inputRequests"].as_object().unwrap().iter().next().unwrap();
    let retry = json!({"name": "roots", "requestState": first["requestState"],
        "inputResponses": {key: {"roots": [{"uri": "file:///a"}]}}});
    let done = site.client().modern("tools/call", retry, everything()).await;
    assert_eq!(done["result"]["content"][0]["text"], "file:///a");
}

/// A task that a handler leaves behind may be waiting for the client to read when the client goes.
#[tokio::test]
async fn a_client_that_goes_holds_nobody_up() {
    let (told, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let (counter, end) = (told.clone(), ended.clone());
    let handler = move |_: Map<String, Value>, ctx: Context| {
        let (counter, end) = (counter.clone(), end.clone());
        async move {
            tokio::spawn(async move {
                for step in 1..2000 {
                    ctx.progress(step.into()).message("x".repeat(100_000)).await;
                    counter.fetch_add(1, Ordering::SeqCst);
                }
                end.notify_one();
            });
            std::future::pending::<()>().await;
        }
    };
    let site = Site::start(&fixture::builder().tool("leave", handler).unwrap().build()).await;
    let mut message = call("leave", json!({}));
    message["params"]["_meta"]["progressToken"] = json!("p");
    let mut reply = site.client().send(Request::modern(&message)).await;
    reply.next().await.unwrap();
    let mut before = 0;
    while before == 0 || before != told.load(Ordering::SeqCst) {
        before = told.load(Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(before < 1999, "it waits for the client");
    drop(reply);
    tokio::time::timeout(Duration::from_secs(20), ended.notified()).await.expect("it goes on");
}
