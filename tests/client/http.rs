//! Servers over HTTP: headers, eras, sessions, streams, credentials, and servers that do not behave.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use turbomcp::Revision;
use turbomcp::client::http::HttpTarget;
use turbomcp::client::http::authorize::{Authorize, BoxError, Challenge, Credentials, Head, Next};
use turbomcp::client::{Client, ClientBuilder, Era, Error};

use crate::peer::{discovered, failure, initialized, soon, text};
use crate::web::{Reply, Request, Web, legacy};

fn builder() -> ClientBuilder {
    Client::builder().request_timeout(Duration::from_secs(5))
}

async fn connect(web: &Web) -> Client {
    soon(builder().connect(web.url.as_str())).await.unwrap()
}

/// Connects to a modern server that answers a tool call in one way, and calls it.
async fn calling(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Result<String, Error> {
    let web = Web::modern(answer).await;
    let client = builder().max_message_bytes(64 << 10).connect(web.url.as_str()).await.unwrap();
    let result = soon(client.call_tool("x", ()).into_future()).await?;
    Ok(result.content[0].as_text().unwrap().to_owned())
}

fn response(request: &Request, result: &Value) -> String {
    json!({"jsonrpc": "2.0", "id": request.body["id"], "result": result}).to_string()
}

/// Holds HTTP-06, HTTP-07, HTTP-09, HTTP-23, HTTP-24, HDR-01, HDR-04, VER-01.
#[tokio::test]
async fn http_08_modern_requests_carry_their_metadata_in_headers() {
    let web = Web::modern(|request| match request.method() {
        "tools/call" => Reply::result(request, text("ok")),
        "resources/read" => Reply::result(request, json!({"resultType": "complete", "contents": []})),
        _ => Reply::result(request, json!({"resultType": "complete", "messages": []})),
    })
    .await;
    let client = connect(&web).await;
    client.call_tool("my-tool", ()).await.unwrap();
    client.read_resource("file:///ä b").await.unwrap();
    client.get_prompt("p", [("a", "b")]).await.unwrap();
    let requests = web.requests();
    for request in &requests {
        assert_eq!((request.verb.as_str(), request.path.as_str()), ("POST", "/mcp"));
        assert!(request.body["id"].is_u64() && request.body["method"].is_string());
        assert_eq!(request.header("content-type"), Some("application/json"));
        assert_eq!(request.header("accept"), Some("application/json, text/event-stream"));
        assert_eq!(request.header("mcp-protocol-version"), Some("2026-07-28"));
        assert_eq!(request.body["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
        assert_eq!(request.header("mcp-method"), Some(request.method()));
        assert_eq!(request.header("mcp-session-id"), None);
    }
    // Holds HDR-02.
    let names: Vec<_> = requests.iter().map(|request| request.header("mcp-name")).collect();
    assert_eq!(names, [None, Some("my-tool"), Some("=?base64?ZmlsZTovLy/DpCBi?="), Some("p")]);
}

fn tools(annotation: &str) -> Value {
    let schema = |property: Value| json!({"type": "object", "properties": {"region": property}});
    let tool = |name: &str, property: Value| json!({"name": name, "inputSchema": schema(property)});
    json!({"resultType": "complete", "tools": [
        tool("good", json!({"type": "string", "x-mcp-header": annotation})),
        tool("bad", json!({"type": "number", "x-mcp-header": "Region"})),
        tool("plain", json!({"type": "string"})),
    ]})
}

/// Holds HDR-11, HDR-18.
#[tokio::test]
async fn hdr_25_annotated_arguments_are_mirrored_and_invalid_tools_left_out() {
    let web = Web::modern(|request| match request.method() {
        "tools/list" => Reply::result(request, tools("Region")),
        _ => Reply::result(request, text("ok")),
    })
    .await;
    let client = connect(&web).await;
    // Before the schema was seen, nothing is mirrored.
    client.call_tool("good", json!({"region": "early"})).await.unwrap();
    let names: Vec<_> = client.list_all_tools().await.unwrap().into_iter().map(|tool| tool.name).collect();
    assert_eq!(names, ["good", "plain"]);
    client.call_tool("good", json!({"region": "blue"})).await.unwrap();
    client.call_tool("plain", json!({"region": "blue"})).await.unwrap();
    let mirrored: Vec<_> =
        web.of("tools/call").iter().map(|request| request.header("mcp-param-region").map(str::to_owned)).collect();
    assert_eq!(mirrored, [None, Some("blue".to_owned()), None]);
}

#[tokio::test]
async fn hdr_17_an_outdated_schema_is_fetched_anew_and_the_call_repeated_once() {
    let lists = Arc::new(AtomicUsize::new(0));
    let counter = lists.clone();
    let web = Web::modern(move |request| match request.method() {
        "tools/list" => {
            let first = counter.fetch_add(1, Ordering::SeqCst) == 0;
            Reply::result(request, tools(if first { "Old" } else { "New" }))
        }
        _ if request.header("mcp-param-new").is_some() => Reply::result(request, text("ok")),
        _ => Reply::error(request, 400, json!({"code": -32020, "message": "Mcp-Param-New is missing"})),
    })
    .await;
    let client = connect(&web).await;
    client.list_all_tools().await.unwrap();
    client.call_tool("good", json!({"region": "x"})).await.unwrap();
    assert_eq!(web.of("tools/call").len(), 2);
    // A mismatch that a fresh list does not mend is reported.
    let error = failure(client.call_tool("plain", json!({"region": "x"})).into_future()).await;
    assert_eq!((error.code().unwrap().0, error.status()), (-32020, Some(400)));
    assert_eq!(lists.load(Ordering::SeqCst), 3);
}

/// Holds LIFE-02, LIFE-07, LHTTP-02, LHTTP-03, SESS-04.
#[tokio::test]
async fn ver_15_a_refused_probe_without_a_modern_error_means_legacy() {
    for refusal in [
        Reply::status(400, "", ""),
        Reply::status(400, "content-type: text/plain\r\n", "Bad Request: no valid session"),
        Reply::json(400, &json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32000, "message": "no session"}})),
        Reply::status(404, "", ""),
        Reply::status(405, "", ""),
        Reply::status(406, "", ""),
        Reply::json(200, &json!({"jsonrpc": "2.0", "id": 1, "error": {"code": -32601, "message": "what?"}})),
        Reply::json(404, &json!({"jsonrpc": "2.0", "id": 1, "error": {"code": -32601, "message": "what?"}})),
    ] {
        let web = Web::start(move |request| match (request.verb.as_str(), request.method()) {
            (_, "server/discover") => refusal.clone(),
            (_, "initialize") => {
                let body = json!({"jsonrpc": "2.0", "id": request.body["id"], "result": initialized("2025-06-18")});
                Reply::status(200, "content-type: application/json\r\nMcp-Session-Id: abc-1\r\n", &body.to_string())
            }
            ("POST", "notifications/initialized") => Reply::accepted(),
            ("GET", _) => Reply::status(405, "", ""),
            ("DELETE", _) => Reply::status(204, "", ""),
            _ => Reply::result(request, json!({})),
        })
        .await;
        let client = connect(&web).await;
        assert_eq!(client.revision(), Revision::V2025_06_18);
        client.ping().await.unwrap();
        client.close().await;
        let requests = web.requests();
        let initialize = requests.iter().find(|request| request.method() == "initialize").unwrap();
        assert_eq!((initialize.header("mcp-session-id"), initialize.header("mcp-protocol-version")), (None, None));
        let later: Vec<_> = requests.iter().skip_while(|request| request.method() != "initialize").skip(1).collect();
        // Holds SESS-08: the last of them ends the session.
        assert!(later.len() >= 3 && later.last().unwrap().verb == "DELETE");
        for request in later {
            assert_eq!(request.header("mcp-session-id"), Some("abc-1"), "{request:?}");
            assert_eq!(request.header("mcp-protocol-version"), Some("2025-06-18"));
            assert_eq!(request.header("mcp-method"), None);
        }
    }
}

/// Holds VER-03.
#[tokio::test]
async fn ver_14_a_modern_refusal_is_followed_by_an_offered_version() {
    let asked = Arc::new(AtomicUsize::new(0));
    let web = Web::start(move |request| match asked.fetch_add(1, Ordering::SeqCst) {
        0 => {
            let data = json!({"supported": ["2026-07-28"], "requested": "2026-07-28"});
            Reply::error(request, 400, json!({"code": -32022, "message": "no", "data": data}))
        }
        _ => Reply::result(request, discovered()),
    })
    .await;
    assert!(connect(&web).await.revision().is_modern());
    assert!(web.of("initialize").is_empty());
}

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

/// Holds SSE24-07, SSE24-03.
#[tokio::test]
async fn sse24_07_a_server_of_the_first_revision_is_found_by_its_stream() {
    let (sender, _) = tokio::sync::broadcast::channel::<String>(16);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/sse", listener.local_addr().unwrap());
    let posts = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = posts.clone();
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        while let Ok((mut stream, _)) = listener.accept().await {
            let (sender, seen) = (sender.clone(), seen.clone());
            tokio::spawn(async move {
                let mut buffer = vec![0; 64 << 10];
                let read = stream.read(&mut buffer).await.unwrap();
                let request = String::from_utf8_lossy(&buffer[..read]).into_owned();
                if request.starts_with("GET /sse") {
                    let mut messages = sender.subscribe();
                    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
                    stream
                        .write_all(format!("{head}event: endpoint\ndata: messages?s=1\n\n").as_bytes())
                        .await
                        .unwrap();
                    while let Ok(message) = messages.recv().await {
                        stream.write_all(format!("event: message\ndata: {message}\n\n").as_bytes()).await.unwrap();
                    }
                    return;
                }
                let is_post = request.starts_with("POST /messages?s=1 ");
                let status = if is_post { "202 Accepted" } else { "405 Method Not Allowed" };
                let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
                stream.write_all(head.as_bytes()).await.unwrap();
                let Some((_, body)) = request.split_once("\r\n\r\n").filter(|_| is_post) else { return };
                let body: Value = serde_json::from_str(body).unwrap();
                seen.lock().unwrap().push(body["method"].clone());
                let result = if body["method"] == "initialize" { initialized("2024-11-05") } else { text("old") };
                let _ = sender.send(json!({"jsonrpc": "2.0", "id": body["id"], "result": result}).to_string());
            });
        }
    });
    let client = soon(builder().connect(url)).await.unwrap();
    assert_eq!(client.revision(), Revision::V2024_11_05);
    let result = soon(client.call_tool("x", ()).into_future()).await.unwrap();
    assert_eq!(result.content[0].as_text(), Some("old"));
    assert_eq!(*posts.lock().unwrap(), ["initialize", "notifications/initialized", "tools/call"]);
}

/// Holds HTTP-13, HTTP-19.
#[tokio::test]
async fn def_22_an_answer_is_read_from_a_stream_in_any_chunks_and_line_ends() {
    for (name, end) in [("LF", "\n"), ("CRLF", "\r\n"), ("CR", "\r")] {
        for step in [1, 2, 3, 7, 64, 4096] {
            let answer = move |request: &Request| {
                let answer = response(request, &text("stre\u{e4}med"));
                let half = answer.find(",\"result").unwrap();
                let mut stream = format!("\u{feff}: hello{end}{end}retry: 10{end}event: ping{end}data: x{end}{end}");
                stream.push_str(&format!("data{end}{end}id: 7{end}data:{end}{end}"));
                let log = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}}"#;
                stream.push_str(&format!("event: message{end}data: {log}{end}{end}"));
                // The data of one event may be cut at any place where JSON allows white space.
                stream.push_str(&format!("data: {}{end}data:{}{end}{end}", &answer[..half], &answer[half..]));
                let mut reply = Reply::events("");
                for chunk in stream.as_bytes().chunks(step) {
                    reply = reply.then(chunk);
                }
                reply
            };
            assert_eq!(calling(answer).await.unwrap(), "stre\u{e4}med", "{name}, {step}");
        }
    }
}

#[tokio::test]
async fn an_answer_does_not_wait_for_the_stream_to_end() {
    let answer =
        |request: &Request| Reply::events(&format!("data: {}\n\n", response(request, &text("early")))).holding();
    assert_eq!(calling(answer).await.unwrap(), "early");
}

#[tokio::test]
async fn http_22_a_modern_stream_that_ends_early_has_lost_its_request() {
    for stream in ["", ": nothing\n\n", "id: 1\ndata: \n\n", "data: {\"jsonrpc\":", "retry: 1\n\n"] {
        let error = calling(move |_| Reply::events(stream)).await.unwrap_err();
        assert!(error.is_closed(), "{stream:?}: {error}");
    }
}

#[tokio::test]
async fn def_22_what_is_too_large_is_a_protocol_error() {
    let large = || "x".repeat(100_000);
    for reply in [
        Reply::events(&format!("data: {}\n\n", large())),
        Reply::events(&"data: x\n".repeat(40_000)),
        Reply::status(200, "content-type: application/json\r\n", &format!("\"{}\"", large())),
        Reply::raw(format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n\"{}\"", large())),
        Reply::raw("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99999999999\r\n\r\n"),
    ] {
        let error = calling(move |_| reply.clone()).await.unwrap_err();
        assert!(error.is_protocol(), "{error}");
    }
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

/// What is no part of an event is not kept, however long it is.
#[tokio::test]
async fn def_22_an_endless_comment_is_skipped() {
    let comment = format!(": {}\n\n", "x".repeat(300_000));
    let answer = move |request: &Request| {
        Reply::events(&comment).then(format!("data: {}\n\n", response(request, &text("after"))))
    };
    let outcome = calling(answer).await;
    assert!(outcome.as_ref().is_ok_and(|text| text == "after") || outcome.unwrap_err().is_protocol());
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
async fn def_21_redirects_stay_within_the_origin() {
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

/// Holds RESUM-03, LHTTP-09.
#[tokio::test]
async fn lhttp_08_a_legacy_stream_is_resumed_after_the_time_the_server_asks_for() {
    let web = Web::legacy(|request| match request.verb.as_str() {
        "POST" => Reply::events("id: s-1\nretry: 300\ndata: \n\n"),
        _ => {
            assert_eq!(request.header("last-event-id"), Some("s-1"));
            assert_eq!(request.header("accept"), Some("text/event-stream"));
            // The call is the third request of the handshake's client: probe, initialize, call.
            let result = json!({"jsonrpc": "2.0", "id": 3, "result": text("resumed")});
            Reply::events(&format!("id: s-2\ndata: {result}\n\n"))
        }
    })
    .await;
    let client = connect(&web).await;
    let result = soon(client.call_tool("x", ()).into_future()).await.unwrap();
    assert_eq!(result.content[0].as_text(), Some("resumed"));
    let requests = web.requests();
    let call = requests.iter().find(|request| request.method() == "tools/call").unwrap();
    let resumed = requests.iter().find(|request| request.header("last-event-id").is_some()).unwrap();
    assert!(resumed.at - call.at >= Duration::from_millis(300), "{:?}", resumed.at - call.at);
}

#[tokio::test]
async fn a_legacy_stream_that_cannot_be_resumed_fails_its_call_in_time() {
    for refusal in [404, 405, 400, 500] {
        let web = Web::legacy(move |request| match request.verb.as_str() {
            "POST" => Reply::events("id: 1\ndata: \n\n"),
            _ => Reply::status(refusal, "", ""),
        })
        .await;
        let client = connect(&web).await;
        let error = failure(client.call_tool("x", ()).timeout(Duration::from_secs(2)).into_future()).await;
        assert!(error.is_closed() || error.is_timeout(), "{refusal}: {error}");
    }
    let web = Web::legacy(|_| Reply::events(": no id\n\n")).await;
    let client = connect(&web).await;
    assert!(failure(client.call_tool("x", ()).into_future()).await.is_closed());
}

/// A server whose streams end as fast as they are opened gets no storm of connections.
#[tokio::test]
async fn def_22_reconnections_back_off() {
    let web = Web::start(|request| match (request.verb.as_str(), request.method()) {
        ("GET", _) => Reply::events("id: 1\nretry: 0\ndata: \n\n"),
        ("POST", "tools/call") => Reply::events("id: 2\nretry: 0\ndata: \n\n"),
        _ => legacy(request).unwrap_or_else(Reply::accepted),
    })
    .await;
    let client = connect(&web).await;
    let error = failure(client.call_tool("x", ()).timeout(Duration::from_secs(3)).into_future()).await;
    assert!(error.is_timeout() || error.is_closed(), "{error}");
    let gets = web.requests().iter().filter(|request| request.verb == "GET").count();
    assert!(gets < 60, "{gets} connections");
}

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

/// Holds HTTP-31, CANC-01.
#[tokio::test]
async fn canc_01_a_dropped_call_closes_its_stream_or_is_cancelled() {
    for early in [true, false] {
        let reply = move || if early { Reply::raw("") } else { Reply::events(": wait\n\n") };
        let web = Web::modern(move |_| reply().holding()).await;
        let client = connect(&web).await;
        let call = tokio::spawn(client.call_tool("x", ()).into_future());
        until(|| !web.of("tools/call").is_empty()).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        call.abort();
        until(|| *web.dropped.lock().unwrap() == 1).await;
        assert!(web.of("notifications/cancelled").is_empty());
    }
    // Holds LHTTP-14.
    let web = Web::legacy(|request| match request.method() {
        "notifications/cancelled" => Reply::accepted(),
        _ => Reply::events(": wait\n\n").holding(),
    })
    .await;
    let client = connect(&web).await;
    let call = tokio::spawn(client.call_tool("x", ()).into_future());
    until(|| !web.of("tools/call").is_empty()).await;
    call.abort();
    until(|| !web.of("notifications/cancelled").is_empty()).await;
    assert_eq!(web.of("notifications/cancelled")[0].body["params"]["requestId"], web.of("tools/call")[0].body["id"]);
}

async fn until(condition: impl Fn() -> bool) {
    soon(async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// Credentials that are counted up at each refusal.
struct Counting {
    token: AtomicUsize,
    told: Arc<AtomicUsize>,
}

impl Authorize for Counting {
    async fn credentials(&self, head: Head<'_>) -> Result<Credentials, BoxError> {
        assert!(head.url.ends_with("/mcp"));
        Ok(Credentials::bearer(&format!("t{}", self.token.load(Ordering::SeqCst)))?)
    }

    async fn challenged(&self, challenge: Challenge<'_>) -> Result<Next, BoxError> {
        assert!(challenge.headers.contains_key("www-authenticate"));
        self.told.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(50)).await;
        self.token.fetch_add(1, Ordering::SeqCst);
        Ok(Next::Retry)
    }
}

/// Holds AUTHC-31.
#[tokio::test]
async fn authc_31_refused_credentials_are_renewed_once_for_all() {
    let told = Arc::new(AtomicUsize::new(0));
    let web = Web::start(|request| match (request.header("authorization"), request.method()) {
        (Some("Bearer t1"), "server/discover") => Reply::result(request, discovered()),
        (Some("Bearer t2"), _) => Reply::result(request, text("in")),
        _ => Reply::status(401, "www-authenticate: Bearer\r\n", ""),
    })
    .await;
    let target =
        HttpTarget::new(web.url.as_str()).authorize(Counting { token: AtomicUsize::new(0), told: told.clone() });
    let client = builder().connect(target).await.unwrap();
    assert_eq!(told.load(Ordering::SeqCst), 1);
    let calls: Vec<_> = (0..8).map(|_| tokio::spawn(client.call_tool("x", ()).into_future())).collect();
    for call in calls {
        soon(call).await.unwrap().unwrap();
    }
    assert_eq!(told.load(Ordering::SeqCst), 2, "requests refused together are told of once");
}

/// Has credentials for the first request only, and nobody who would give others.
struct Refusing {
    told: Arc<AtomicUsize>,
}

impl Authorize for Refusing {
    async fn credentials(&self, _: Head<'_>) -> Result<Credentials, BoxError> {
        Ok(Credentials::bearer("t")?)
    }

    async fn challenged(&self, _: Challenge<'_>) -> Result<Next, BoxError> {
        self.told.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(300)).await;
        Err("the user said no".into())
    }
}

#[tokio::test]
async fn a_user_who_says_no_is_not_asked_once_for_every_request() {
    let told = Arc::new(AtomicUsize::new(0));
    let web = Web::start(|request| match request.method() {
        "server/discover" => Reply::result(request, discovered()),
        _ => Reply::status(401, "www-authenticate: Bearer\r\n", ""),
    })
    .await;
    let refusing = Refusing { told: told.clone() };
    let client = builder().connect(HttpTarget::new(web.url.as_str()).authorize(refusing)).await.unwrap();
    let calls: Vec<_> = (0..8).map(|_| tokio::spawn(client.call_tool("x", ()).into_future())).collect();
    for call in calls {
        soon(call).await.unwrap().unwrap_err();
    }
    assert_eq!(told.load(Ordering::SeqCst), 1);
    client.call_tool("x", ()).await.unwrap_err();
    assert_eq!(told.load(Ordering::SeqCst), 2, "the next request asks again");
}

#[tokio::test]
async fn authc_29_endless_refusals_are_given_up() {
    for status in [401, 403] {
        let told = Arc::new(AtomicUsize::new(0));
        let web = Web::start(move |_| Reply::status(status, "www-authenticate: Bearer\r\n", "")).await;
        let counting = Counting { token: AtomicUsize::new(0), told: told.clone() };
        let error = failure(builder().connect(HttpTarget::new(web.url.as_str()).authorize(counting))).await;
        assert_eq!(error.status(), Some(status));
        assert_eq!(told.load(Ordering::SeqCst), 3);
    }
}

/// Holds CACHE-07.
#[tokio::test]
async fn cache_07_what_was_kept_for_other_credentials_is_not_used() {
    let listed = Arc::new(AtomicUsize::new(0));
    let counter = listed.clone();
    let web = Web::start(move |request| match (request.header("authorization"), request.method()) {
        (Some("Bearer t0"), "server/discover") => Reply::result(request, discovered()),
        (_, "tools/list") => {
            counter.fetch_add(1, Ordering::SeqCst);
            Reply::result(
                request,
                json!({"resultType": "complete", "tools": [], "ttlMs": 60_000, "cacheScope": "private"}),
            )
        }
        (Some("Bearer t1"), _) => Reply::result(request, text("in")),
        _ => Reply::status(401, "www-authenticate: Bearer\r\n", ""),
    })
    .await;
    let counting = Counting { token: AtomicUsize::new(0), told: Arc::default() };
    let client = builder().connect(HttpTarget::new(web.url.as_str()).authorize(counting)).await.unwrap();
    client.list_all_tools().await.unwrap();
    client.list_all_tools().await.unwrap();
    assert_eq!(listed.load(Ordering::SeqCst), 1);
    client.call_tool("x", ()).await.unwrap();
    client.list_all_tools().await.unwrap();
    assert_eq!(listed.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_pinned_legacy_client_does_not_probe() {
    let web = Web::legacy(|request| Reply::result(request, json!({}))).await;
    let client = builder().era(Era::Legacy).connect(web.url.as_str()).await.unwrap();
    client.ping().await.unwrap();
    assert_eq!(web.requests()[0].method(), "initialize");
}

#[tokio::test]
async fn sub_10_a_listen_stream_that_breaks_is_an_error_and_one_that_is_answered_is_not() {
    for graceful in [true, false] {
        let web = Web::modern(move |request| {
            let tag = json!({"io.modelcontextprotocol/subscriptionId": request.body["id"]});
            let message = |method: &str, params: Value| {
                format!("data: {}\n\n", json!({"jsonrpc": "2.0", "method": method, "params": params}))
            };
            let mut stream = message(
                "notifications/subscriptions/acknowledged",
                json!({"notifications": {"toolsListChanged": true}, "_meta": tag}),
            );
            stream.push_str(&message("notifications/tools/list_changed", json!({"_meta": tag})));
            if graceful {
                stream.push_str(&format!("data: {}\n\n", response(request, &json!({"resultType": "complete"}))));
            }
            Reply::events(&stream)
        })
        .await;
        let client = connect(&web).await;
        let filter = turbomcp::types::SubscriptionFilter::new().with_tools_list_changed(true);
        let mut subscription = soon(client.subscribe(filter)).await.unwrap();
        assert!(soon(subscription.next()).await.unwrap().is_ok());
        match soon(subscription.next()).await {
            None => assert!(graceful),
            Some(end) => assert!(!graceful && end.unwrap_err().is_closed()),
        }
    }
}
