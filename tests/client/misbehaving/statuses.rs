//! HTTP servers whose status, body or redirect is no answer.

use std::time::Duration;

use serde_json::json;
use turbomcp::client::Client;

use crate::peer::{failure, text};
use crate::web::{Reply, Web, builder, calling};

#[tokio::test]
async fn failures_say_nothing_of_the_era() {
    for (reply, status) in [
        (Reply::status(401, "www-authenticate: Bearer\r\n", ""), Some(401)),
        (Reply::status(403, "", ""), Some(403)),
        (Reply::status(500, "", ""), Some(500)),
        (Reply::status(503, "", "down"), Some(503)),
        (Reply::status(429, "", ""), None),
        (Reply::raw(""), None),
        (Reply::raw("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{"), None),
        (Reply::raw("nonsense\r\n\r\n"), None),
    ] {
        let web = Web::start(move |_| reply.clone()).await;
        let error = failure(builder().connect(web.url.as_str())).await;
        if let Some(status) = status {
            assert_eq!(error.status(), Some(status));
            assert!(web.of("initialize").is_empty(), "{status}");
        }
    }
    let error = failure(builder().connect("http://127.0.0.1:9/mcp")).await;
    assert!(error.is_connect(), "{error}");
    let web = Web::start(|_| Reply::raw("").holding()).await;
    let error = failure(Client::builder().request_timeout(Duration::from_millis(300)).connect(web.url.as_str())).await;
    assert!(error.is_timeout(), "{error}");
    assert!(web.of("initialize").is_empty());
}

#[tokio::test]
async fn responses_that_answer_nothing_are_protocol_errors() {
    for reply in [
        Reply::accepted(),
        Reply::status(204, "", ""),
        Reply::status(200, "content-type: text/html\r\n", "<html>"),
        Reply::status(200, "", "{}"),
        Reply::json(200, &json!({"jsonrpc": "2.0", "id": 999, "result": {}})),
        Reply::json(200, &json!({"jsonrpc": "2.0", "method": "x"})),
        Reply::json(200, &json!([])),
        Reply::status(200, "content-type: application/json\r\n", "{"),
        Reply::status(200, "content-type: application/json\r\n", ""),
    ] {
        let error = calling(move |_| reply.clone()).await.unwrap_err();
        assert!(error.is_protocol(), "{error}");
    }
}

/// Holds HDR-35.
#[tokio::test]
async fn statuses_and_errors_beside_them_reach_the_caller() {
    for status in [400, 404, 413, 431, 500, 502, 503] {
        let error = calling(move |_| Reply::status(status, "", "no")).await.unwrap_err();
        assert_eq!((error.status(), error.as_mcp().is_some()), (Some(status), false));
        let error = calling(move |request| Reply::error(request, status, json!({"code": -32603, "message": "broken"})));
        let error = error.await.unwrap_err();
        assert_eq!((error.status(), error.code().map(|code| code.0)), (Some(status), Some(-32603)));
    }
}

#[tokio::test]
async fn defence_21_redirects_stay_within_the_origin() {
    let elsewhere = Web::start(|request| Reply::result(request, text("stolen"))).await;
    let (host, port) = elsewhere.url.trim_start_matches("http://").trim_end_matches("/mcp").split_once(':').unwrap();
    for (status, location) in [
        (307, elsewhere.url.clone()),
        (308, format!("//{host}:{port}/x")),
        (302, "/x".to_owned()),
        (303, "/x".to_owned()),
        (301, "/x".to_owned()),
        (307, "/mcp".to_owned()),
        (307, "file:///etc/passwd".to_owned()),
    ] {
        let target = location.clone();
        let error = calling(move |request| match request.path.as_str() {
            "/mcp" => Reply::status(status, &format!("location: {target}\r\n"), ""),
            _ => Reply::result(request, text("never")),
        })
        .await
        .unwrap_err();
        assert!(error.is_protocol() || error.status().is_some(), "{status} {location}: {error}");
    }
    assert!(elsewhere.requests().is_empty(), "nothing may reach another origin");
    let moved = calling(|request| match request.path.as_str() {
        "/mcp" => Reply::status(308, "location: /new/mcp\r\n", ""),
        _ => Reply::result(request, text("moved")),
    });
    assert_eq!(moved.await.unwrap(), "moved");
}

/// Nobody can get credentials here, so the refusal is the answer, every time.
#[tokio::test]
async fn endless_403_reaches_the_caller_each_time() {
    let web =
        Web::modern(|_| Reply::status(403, "www-authenticate: Bearer error=\"insufficient_scope\"\r\n", "")).await;
    let client = Client::connect(web.url.as_str()).await.unwrap();
    for calls in 1..4 {
        let error = failure(client.call_tool("x", ()).into_future()).await;
        assert_eq!((error.status(), web.of("tools/call").len()), (Some(403), calls));
    }
}

#[tokio::test]
async fn responses_that_break_off_or_are_none_end_the_call() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
    for raw in [
        String::new(),
        "HTTP/1.1 200".to_owned(),
        "HTTP/1.1 200 OK\r\ncontent-type: applic".to_owned(),
        "HTTP/9.9 200 OK\r\n\r\n".to_owned(),
        "\u{0}\u{1}\u{2}\r\n\r\n".to_owned(),
        format!("{head}content-length: 50\r\n\r\n{{\"jsonrpc\""),
        format!("{head}content-length: -1\r\n\r\n{{}}"),
        format!("{head}transfer-encoding: chunked\r\n\r\nxyz\r\n{{}}\r\n0\r\n\r\n"),
        format!("{head}transfer-encoding: chunked\r\n\r\n5\r\n{{\"a\":"),
        format!("{head}x: {}\r\ncontent-length: 2\r\n\r\n{{}}", "y".repeat(1 << 20)),
    ] {
        let shown: String = raw.chars().take(80).collect();
        let error = calling(move |_| Reply::raw(raw.clone())).await.unwrap_err();
        assert!(error.is_closed() || error.is_protocol(), "{shown:?}: {error}");
    }
}

/// Nothing was asked to be compressed, and nothing is unpacked.
#[tokio::test]
async fn a_compressed_body_is_a_protocol_error() {
    let bomb = "content-type: application/json\r\ncontent-encoding: gzip\r\n";
    let error = calling(move |_| Reply::status(200, bomb, "\u{1f}\u{8b}...")).await.unwrap_err();
    assert!(error.is_protocol(), "{error}");
}

#[tokio::test]
async fn a_redirect_to_nowhere_is_a_protocol_error() {
    for location in ["", "location: \r\n", "location: http://\r\n", "location: javascript:alert(1)\r\n"] {
        let error = calling(move |_| Reply::status(307, location, "")).await.unwrap_err();
        assert!(error.is_protocol() && error.status() == Some(307), "{location:?}: {error}");
    }
}

#[tokio::test]
async fn a_server_that_refuses_the_end_of_the_handshake_is_reported() {
    let web = Web::start(|request| match request.method() {
        "server/discover" => Reply::status(404, "", ""),
        "initialize" => Reply::result(request, crate::peer::initialized("2025-11-25")),
        _ => Reply::status(500, "", ""),
    })
    .await;
    assert_eq!(failure(Client::connect(web.url.as_str())).await.status(), Some(500));
}

/// The end of a session is asked for, and not waited for without end.
#[tokio::test]
async fn a_session_whose_end_is_never_answered_does_not_hold_the_client() {
    let web = Web::start(|request| match (request.verb.as_str(), request.method()) {
        ("DELETE", _) => Reply::raw("").holding(),
        ("POST", "initialize") => {
            let result = crate::peer::initialized("2025-11-25");
            let body = json!({"jsonrpc": "2.0", "id": request.body["id"], "result": result}).to_string();
            Reply::status(200, "content-type: application/json\r\nmcp-session-id: s\r\n", &body)
        }
        _ => crate::web::legacy(request).unwrap_or_else(Reply::accepted),
    })
    .await;
    let client = Client::connect(web.url.as_str()).await.unwrap();
    let started = std::time::Instant::now();
    client.close().await;
    assert!(started.elapsed() < std::time::Duration::from_secs(8), "{:?}", started.elapsed());
    assert!(web.requests().iter().any(|request| request.verb == "DELETE"));
}
