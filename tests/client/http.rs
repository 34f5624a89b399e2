//! The client over HTTP: what it sends, and how it finds the era.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use turbomcp::Revision;
use turbomcp::client::Era;

use crate::peer::{discovered, failure, initialized, soon, text};
use crate::web::{Reply, Web, builder, connect};

/// Holds HTTP-06, HTTP-07, HTTP-09, HTTP-23, HTTP-24, HDR-01, HDR-04, VER-01, HDR-02.
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

#[tokio::test]
async fn a_pinned_legacy_client_does_not_probe() {
    let web = Web::legacy(|request| Reply::result(request, json!({}))).await;
    let client = builder().era(Era::Legacy).connect(web.url.as_str()).await.unwrap();
    client.ping().await.unwrap();
    assert_eq!(web.requests()[0].method(), "initialize");
}
