//! Sessions of legacy servers over HTTP.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use turbomcp::types::{Root, SubscriptionFilter};

use crate::peer::{failure, initialized, soon, text};
use crate::web::{Reply, Web, builder, connect, legacy};

/// Holds SESS-07.
#[tokio::test]
async fn sess_07_a_lost_session_is_begun_anew_and_the_call_repeated() {
    let sessions = Arc::new(AtomicUsize::new(0));
    let counter = sessions.clone();
    let web = Web::start(move |request| match (request.verb.as_str(), request.method()) {
        ("POST", "initialize") => {
            assert_eq!(request.header("mcp-session-id"), None);
            let number = counter.fetch_add(1, Ordering::SeqCst);
            let body = json!({"jsonrpc": "2.0", "id": request.body["id"], "result": initialized("2025-11-25")});
            let headers = format!("content-type: application/json\r\nmcp-session-id: s{number}\r\n");
            Reply::status(200, &headers, &body.to_string())
        }
        ("POST", "tools/call") if request.header("mcp-session-id") == Some("s0") => {
            Reply::error(request, 404, json!({"code": -32001, "message": "session not found"}))
        }
        ("POST", "tools/call") => Reply::result(request, text("again")),
        _ => legacy(request).unwrap_or_else(|| Reply::status(200, "", "")),
    })
    .await;
    let client = connect(&web).await;
    let calls: Vec<_> = (0..5).map(|_| tokio::spawn(client.call_tool("x", ()).into_future())).collect();
    for call in calls {
        assert_eq!(soon(call).await.unwrap().unwrap().content[0].as_text(), Some("again"));
    }
    assert_eq!(sessions.load(Ordering::SeqCst), 2, "calls that lose a session together begin one together");
}

#[tokio::test]
async fn a_session_that_is_always_lost_is_given_up() {
    let web = Web::start(|request| match (request.verb.as_str(), request.method()) {
        ("POST", "initialize") => {
            let body = json!({"jsonrpc": "2.0", "id": request.body["id"], "result": initialized("2025-11-25")});
            Reply::status(200, "content-type: application/json\r\nmcp-session-id: s\r\n", &body.to_string())
        }
        ("POST", "tools/call") => Reply::status(404, "", ""),
        _ => legacy(request).unwrap_or_else(Reply::accepted),
    })
    .await;
    let client = connect(&web).await;
    assert!(failure(client.call_tool("x", ()).into_future()).await.is_closed());
    assert_eq!(web.of("initialize").len(), 2);
}

/// Answers as a server that has lost the session `s0`, and begins another by a function, which is told how often it was
/// asked to.
async fn forgetful(again: impl Fn(usize, Reply) -> Reply + Send + Sync + 'static) -> Web {
    let asked = AtomicUsize::new(0);
    Web::start(move |request| match (request.verb.as_str(), request.method()) {
        ("POST", "initialize") => {
            let number = asked.fetch_add(1, Ordering::SeqCst);
            let body = json!({"jsonrpc": "2.0", "id": request.body["id"], "result": initialized("2025-11-25")});
            let headers = format!("content-type: application/json\r\nmcp-session-id: s{number}\r\n");
            let reply = Reply::status(200, &headers, &body.to_string());
            if number == 0 { reply } else { again(number, reply) }
        }
        ("POST", "tools/call") => match request.header("mcp-session-id") {
            None => Reply::status(400, "", "a session is needed"),
            Some("s0") => Reply::status(404, "", ""),
            Some(_) => Reply::result(request, text("again")),
        },
        _ => legacy(request).unwrap_or_else(Reply::accepted),
    })
    .await
}

#[tokio::test]
async fn a_session_that_could_not_be_begun_anew_is_by_the_next_call() {
    let web = forgetful(|number, reply| if number == 1 { Reply::status(503, "", "") } else { reply }).await;
    let client = connect(&web).await;
    assert_eq!(failure(client.call_tool("x", ()).into_future()).await.status(), Some(503));
    let result = soon(client.call_tool("x", ()).into_future()).await.unwrap();
    assert_eq!(result.content[0].as_text(), Some("again"));
}

#[tokio::test]
async fn a_call_that_is_dropped_while_it_begins_a_session_leaves_that_to_the_next() {
    let web = forgetful(|number, reply| if number == 1 { Reply::default().holding() } else { reply }).await;
    let client = connect(&web).await;
    let begun = async {
        while web.of("initialize").len() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let mut dropped = client.call_tool("x", ()).into_future();
    tokio::select! {
        _ = &mut dropped => panic!("nothing has answered it"),
        () = soon(begun) => {}
    }
    drop(dropped);
    let result = soon(client.call_tool("x", ()).into_future()).await.unwrap();
    assert_eq!(result.content[0].as_text(), Some("again"));
}

/// Whoever has heard of the answer to `initialize` has not yet said so to the server, which may refuse anything else
/// until then.
#[tokio::test]
async fn a_session_that_the_server_was_not_told_is_begun_is_begun_once_more() {
    let told = Arc::new(AtomicUsize::new(0));
    let web = Web::start(move |request| match (request.verb.as_str(), request.method()) {
        ("POST", "initialize") => {
            let number = told.load(Ordering::SeqCst);
            let body = json!({"jsonrpc": "2.0", "id": request.body["id"], "result": initialized("2025-11-25")});
            let headers = format!("content-type: application/json\r\nmcp-session-id: s{number}\r\n");
            Reply::status(200, &headers, &body.to_string())
        }
        ("POST", "notifications/initialized") => match told.fetch_add(1, Ordering::SeqCst) {
            1 => Reply::status(503, "", ""),
            _ => Reply::accepted(),
        },
        ("POST", "tools/call") => match request.header("mcp-session-id") {
            Some("s0") => Reply::status(404, "", ""),
            Some("s1") => Reply::status(400, "", "not initialized"),
            _ => Reply::result(request, text("again")),
        },
        _ => legacy(request).unwrap_or_else(Reply::accepted),
    })
    .await;
    let client = connect(&web).await;
    assert_eq!(failure(client.call_tool("x", ()).into_future()).await.status(), Some(503));
    let result = soon(client.call_tool("x", ()).into_future()).await.unwrap();
    assert_eq!(result.content[0].as_text(), Some("again"));
}

#[tokio::test]
async fn calls_that_are_made_while_a_session_is_begun_wait_for_it() {
    let web = forgetful(|_, reply| reply.after(Duration::from_millis(300))).await;
    let client = connect(&web).await;
    let first = tokio::spawn(client.call_tool("x", ()).into_future());
    soon(async {
        while web.of("initialize").len() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    let second = soon(client.call_tool("x", ()).into_future()).await.unwrap();
    assert_eq!(second.content[0].as_text(), Some("again"));
    soon(first).await.unwrap().unwrap();
    assert_eq!(web.of("initialize").len(), 2);
}

#[tokio::test]
async fn a_subscription_is_told_that_its_session_was_lost() {
    let opened = Arc::new(AtomicUsize::new(0));
    let web = Web::start(move |request| match request.verb.as_str() {
        "GET" if opened.fetch_add(1, Ordering::SeqCst) == 0 => Reply::events(": here it is\n\n"),
        "GET" => Reply::status(404, "", ""),
        _ if request.method() == "ping" => Reply::result(request, json!({})),
        _ => legacy(request).unwrap_or_else(Reply::accepted),
    })
    .await;
    let client = connect(&web).await;
    let filter = SubscriptionFilter::new().with_tools_list_changed(true);
    let mut subscription = soon(client.subscribe(filter)).await.unwrap();
    assert!(soon(subscription.next()).await.unwrap().unwrap_err().is_closed());
}

/// An answer that the server does not take has to be told by another, or the server waits for it.
#[tokio::test]
async fn a_question_whose_answer_is_not_taken_is_answered_by_an_error() {
    let web = Web::start(|request| match (request.verb.as_str(), request.method()) {
        ("GET", _) => {
            let question = json!({"jsonrpc": "2.0", "id": "q", "method": "roots/list"});
            Reply::events(&format!("data: {question}\n\n")).holding()
        }
        ("POST", "") if request.body.get("result").is_some() => Reply::status(413, "", ""),
        ("POST", "") => Reply::accepted(),
        _ => legacy(request).unwrap_or_else(Reply::accepted),
    })
    .await;
    let client = builder().roots([Root::new("file:///a")]).connect(web.url.as_str()).await.unwrap();
    soon(async {
        let told = |request: &crate::web::Request| request.body["id"] == "q" && request.body["error"]["code"] == -32603;
        while !web.requests().iter().any(told) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    client.close().await;
}

/// Holds LHTTP-15.
#[tokio::test]
async fn lhttp_15_a_legacy_server_may_ask_and_tell_on_its_own_stream() {
    let web = Web::start(|request| match (request.verb.as_str(), request.method()) {
        ("GET", _) => {
            assert_eq!(request.header("accept"), Some("text/event-stream"));
            Reply::events("data: {\"jsonrpc\":\"2.0\",\"id\":\"q\",\"method\":\"ping\"}\n\n").holding()
        }
        ("POST", "") => Reply::accepted(),
        _ => legacy(request).unwrap_or_else(Reply::accepted),
    })
    .await;
    let client = connect(&web).await;
    soon(async {
        while !web.requests().iter().any(|request| request.body == json!({"jsonrpc": "2.0", "id": "q", "result": {}})) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    drop(client);
}
