//! 1–8: HTTP.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use turbomcp::transport::Identity;
use turbomcp::transport::http::HttpRequest;
use turbomcp::transport::listener::Accept;
use turbomcp::{Context, Middleware, MiddlewareResult, Next, Response};
use turbomcp_tests::{Request, Site, fixture, initialize_params, modern};

use crate::core::{endless, endless_in, until};

fn call(tool: &str, arguments: Value) -> Value {
    modern(1, "tools/call", json!({"name": tool, "arguments": arguments}), json!({}))
}

fn nothing() -> Request {
    Request::modern(&call("nothing", json!({})))
}

fn initialize() -> Request {
    let params = initialize_params("2025-11-25", json!({}));
    Request::post(&json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}))
}

/// A server that counts how often its tool is called.
async fn counting() -> (Site, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = calls.clone();
    let handler = move |_: serde_json::Map<String, Value>, _: Context| {
        counter.fetch_add(1, Ordering::SeqCst);
        async { "counted" }
    };
    (Site::start(&fixture::builder().tool("count", handler).unwrap().build()).await, calls)
}

#[tokio::test]
async fn defence_01_only_its_own_pages_reach_a_local_server() {
    let (site, calls) = counting().await;
    let client = site.client();
    let count = || Request::modern(&call("count", json!({})));
    for origin in [
        "null",
        "https://evil.example",
        "http://localhost.evil.example",
        "http://evil.example/http://localhost",
        "http://127.0.0.1.evil.example:80",
        "file://",
        "localhost",
        "http://",
        "",
        "http://localhost, http://evil.example",
    ] {
        for method in ["POST", "GET", "DELETE", "OPTIONS"] {
            let reply = client.send(count().method(method).header("Origin", origin)).await;
            assert_eq!(reply.status, 403, "{method} {origin}");
            assert_eq!(reply.header("access-control-allow-origin"), None);
        }
    }
    let doubled = count().header("Origin", "http://localhost").header("Origin", "http://localhost");
    assert_eq!(client.send(doubled).await.status, 403);
    for host in
        ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", "0.0.0.0", "[::]", "a@localhost"]
    {
        let status = client.send(count().header("Host", host)).await.status;
        assert!((400..500).contains(&status), "{host}: {status}");
    }
    let two = client.send(count().header("Host", "localhost").header("Host", "localhost")).await.status;
    assert!((400..500).contains(&two), "{two}");
    let none = b"POST /mcp HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
    assert!(client.raw(none).await.is_none_or(|reply| (400..500).contains(&reply.status)));
    assert_eq!(calls.load(Ordering::SeqCst), 0, "nothing has run");
    for origin in ["http://localhost", "http://localhost:6274", "http://127.0.0.1:80", "https://[::1]:9"] {
        let mut reply = client.send(count().header("Origin", origin)).await;
        // It may ask; that its page may read the answer is another thing, which nobody has granted.
        assert_eq!((reply.status, reply.header("access-control-allow-origin")), (200, None), "{origin}");
        reply.message().await;
    }
    assert_eq!(calls.load(Ordering::SeqCst), 4);
    let preflight = Request::get().method("OPTIONS").header("Origin", "http://localhost");
    let reply = client.send(preflight.header("Access-Control-Request-Method", "POST")).await;
    assert!(!(200..300).contains(&reply.status) && reply.header("access-control-allow-origin").is_none());
}

#[tokio::test]
async fn defence_02_only_json_is_read() {
    let (site, calls) = counting().await;
    let client = site.client();
    let count = || Request::modern(&call("count", json!({})));
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "text/json",
        "application/jsonx",
        "application/json-patch+json",
        "application/problem+json",
        "json",
        "",
        "text/plain; application/json",
        "application/json, text/plain",
    ] {
        assert_eq!(client.send(count().with("Content-Type", kind)).await.status, 415, "{kind}");
    }
    assert_eq!(client.send(count().without("Content-Type")).await.status, 415);
    assert_eq!(client.send(count().header("Content-Type", "application/json")).await.status, 415, "twice");
    assert_eq!(calls.load(Ordering::SeqCst), 0, "nothing has run");
    for kind in [
        "application/json; charset=utf-8",
        "Application/JSON",
        " application/json ",
        "application/json;charset=\"utf-8\"",
    ] {
        assert_eq!(client.send(count().with("Content-Type", kind)).await.status, 200, "{kind}");
    }
}

/// Holds HDR-35.
#[tokio::test]
async fn defence_03_bodies_and_heads_are_bounded_in_size() {
    let server = fixture::limited(|limits| {
        limits.body_bytes = 10_000;
        limits.header_bytes = 16 << 10;
    });
    let client = Site::start(&server).await.client();
    let echo = |bytes: usize| Request::modern(&call("echo", json!({"text": "x".repeat(bytes)})));
    assert_eq!(client.send(echo(9000)).await.status, 200);
    assert_eq!(client.send(echo(10_000)).await.status, 413);
    // One that only says how long it is, and one that does not say.
    assert_eq!(client.send(echo(10).header("Content-Length", "99999999")).await.status, 413);
    let mut chunked = b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: */*\r\n\
        Transfer-Encoding: chunked\r\n\r\n"
        .to_vec();
    for _ in 0..100 {
        chunked.extend_from_slice(b"400\r\n");
        chunked.extend_from_slice(&[b' '; 0x400]);
        chunked.extend_from_slice(b"\r\n");
    }
    assert_eq!(client.raw(&chunked).await.unwrap().status, 413);
    // It has room in what is usual, but not in what was said.
    let larger = nothing().header("X-Long", "x".repeat(20 << 10));
    let reply = client.raw(&larger.bytes(client.address())).await;
    assert!(reply.as_ref().is_none_or(|reply| reply.status == 431), "{:?}", reply.map(|reply| reply.status));
    let long = nothing().header("X-Long", "x".repeat(64 << 10));
    let many = (0..200).fold(nothing(), |request, n| request.header(&format!("X-{n}"), "x".repeat(500)));
    for request in [long, many, nothing().path(&format!("/mcp?{}", "x".repeat(64 << 10)))] {
        let reply = client.raw(&request.bytes(client.address())).await;
        assert!(reply.as_ref().is_none_or(|reply| matches!(reply.status, 400 | 414 | 431)));
    }
    client.sync().await;
}

#[tokio::test]
async fn defence_03_bodies_and_heads_are_bounded_in_time() {
    let server = fixture::limited(|limits| {
        limits.body_timeout = Duration::from_millis(200);
        limits.header_timeout = Duration::from_millis(200);
    });
    let site = Site::start(&server).await;
    let whole = nothing().bytes(site.address);
    for sent in [0, 1, 20, whole.len() - 30, whole.len() - 1] {
        let mut stream = TcpStream::connect(site.address).await.unwrap();
        stream.write_all(&whole[..sent]).await.unwrap();
        let started = Instant::now();
        let mut answer = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await;
        assert!(read.is_ok(), "{sent} bytes: the connection stays open");
        let text = String::from_utf8_lossy(&answer);
        assert!(
            text.is_empty() || text.starts_with("HTTP/1.1 408") || text.starts_with("HTTP/1.1 400"),
            "{sent}: {text}"
        );
        assert!(started.elapsed() < Duration::from_secs(10));
    }
    site.client().sync().await;
}

#[tokio::test]
async fn defence_03_connections_are_counted() {
    let site = Site::start(&fixture::limited(|limits| limits.connections = 2)).await;
    let held = [TcpStream::connect(site.address).await.unwrap(), TcpStream::connect(site.address).await.unwrap()];
    tokio::time::sleep(Duration::from_millis(50)).await;
    let mut third = TcpStream::connect(site.address).await.unwrap();
    third.write_all(&nothing().bytes(site.address)).await.unwrap();
    let mut buffer = [0; 12];
    let early = tokio::time::timeout(Duration::from_millis(300), third.read_exact(&mut buffer)).await;
    assert!(early.is_err(), "it waits for its turn");
    drop(held);
    tokio::time::timeout(Duration::from_secs(20), third.read_exact(&mut buffer))
        .await
        .expect("its turn comes")
        .unwrap();
    assert_eq!(&buffer, b"HTTP/1.1 200");
}

#[tokio::test]
async fn defence_03_what_is_written_leaves_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    // What accepts connections for HTTP as for TCP.
    let (accepted, _) = Accept::accept(&listener).await.unwrap();
    assert!(accepted.nodelay().unwrap());
}

#[tokio::test]
async fn defence_04_headers_that_route_are_held_against_the_body() {
    let (site, calls) = counting().await;
    let client = site.client();
    let count = || Request::modern(&call("count", json!({})));
    for request in [
        count().with("Mcp-Method", "tools/list"),
        count().with("Mcp-Name", "nothing"),
        count().with("MCP-Protocol-Version", "2025-11-25"),
        count().header("Mcp-Method", "tools/call"),
        count().header("Mcp-Name", "count"),
        count().header("MCP-Protocol-Version", "2026-07-28"),
        count().with("Mcp-Name", "=?base64?!?="),
        count().without("Mcp-Name"),
        count().without("Mcp-Method"),
    ] {
        let mut reply = client.send(request).await;
        assert_eq!((reply.status, &reply.message().await["error"]["code"]), (400, &json!(-32020)));
    }
    assert_eq!(calls.load(Ordering::SeqCst), 0, "nothing has run");
    assert_eq!(client.send(count().with("Mcp-Name", "=?base64?Y291bnQ=?=")).await.status, 200);
}

/// Takes a header for who asks, as authentication takes a token.
struct Caller;

impl Middleware for Caller {
    async fn process(&self, mut request: turbomcp::Request, next: Next) -> MiddlewareResult<Response> {
        let parts = request.extensions().get::<HttpRequest>();
        let caller = parts.and_then(|parts| parts.headers().get("x-caller")).and_then(|caller| caller.to_str().ok());
        if let Some(identity) = caller.map(Identity::new) {
            request.extensions_mut().insert(identity);
        }
        next.run(request).await
    }
}

/// Holds SESS-11.
#[tokio::test]
async fn defence_05_sessions_are_few_own_and_end() {
    let mut limits = turbomcp::Limits::default();
    limits.sessions = 3;
    limits.session_idle = Duration::from_secs(5);
    let site = Site::start(&fixture::builder().limits(limits).middleware(Caller).build()).await;
    // One that fails takes no place.
    for _ in 0..5 {
        let failed = Request::post(&json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {}}));
        assert_eq!(site.client().send(failed).await.header("mcp-session-id"), None);
    }
    let mut sessions = Vec::new();
    for caller in ["ada", "", "eve"] {
        let reply = site.client().send(initialize().header("X-Caller", caller)).await;
        sessions.push((caller, reply.header("mcp-session-id").expect("a session").to_owned()));
    }
    // A further one is refused; none that is there has to go for it.
    assert_eq!(site.client().send(initialize()).await.status, 503);
    let ping =
        |id: &str| Request::post(&json!({"jsonrpc": "2.0", "id": 1, "method": "ping"})).header("Mcp-Session-Id", id);
    for (owner, id) in &sessions {
        assert_eq!(site.client().send(ping(id)).await.status, 403, "nobody in particular is not {owner:?}");
        for (caller, _) in &sessions {
            let status = site.client().send(ping(id).header("X-Caller", caller)).await.status;
            assert_eq!(status, if owner == caller { 200 } else { 403 }, "{caller:?} in the session of {owner:?}");
        }
    }
    let end = Request::delete().header("Mcp-Session-Id", &sessions[0].1).header("X-Caller", "ada");
    assert_eq!(site.client().send(end).await.status, 204);
    assert_eq!(site.client().send(initialize()).await.status, 200);
    let freed = async {
        while site.client().send(initialize()).await.status != 200 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), freed).await.expect("those nobody uses end by themselves");
}

/// Holds SESS-11.
#[tokio::test]
async fn defence_05_nobody_else_speaks_listens_or_ends_in_a_session() {
    let (server, running) = endless_in(fixture::builder().middleware(Caller));
    let site = Site::start(&server).await;
    let params = initialize_params("2025-03-26", json!({}));
    let initialize = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params});
    let opened = site.client().send(Request::post(&initialize).header("X-Caller", "ada")).await;
    let id = opened.header("mcp-session-id").expect("a session").to_owned();
    let within = |request: Request, caller: &str| {
        let request = request.header("Mcp-Session-Id", &id);
        if caller.is_empty() { request } else { request.header("X-Caller", caller) }
    };
    let status = async |request: Request, caller| site.client().send(within(request, caller)).await.status;
    let endless = json!({"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": {"name": "endless",
        "_meta": {"progressToken": "p"}}});
    let mut stream = site.client().send(within(Request::post(&endless), "ada")).await;
    stream.next().await.unwrap();
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 5}});
    let answer = json!({"jsonrpc": "2.0", "id": 1, "result": {}});
    for stranger in ["eve", ""] {
        for message in [&cancel, &answer, &json!([cancel]), &json!([answer, cancel])] {
            assert_eq!(status(Request::post(message), stranger).await, 403, "{stranger:?} {message}");
        }
        assert_eq!(status(Request::get(), stranger).await, 403);
        assert_eq!(status(Request::get().header("Last-Event-ID", "1-1"), stranger).await, 403);
        assert_eq!(status(Request::delete(), stranger).await, 403);
    }
    assert_eq!(running.load(Ordering::SeqCst), 1, "nothing was cancelled");
    assert_eq!(status(Request::get(), "ada").await, 200);
    assert_eq!(status(Request::post(&answer), "ada").await, 202);
    assert_eq!(status(Request::post(&json!([cancel])), "ada").await, 202);
    until(&running, 0).await;
    assert_eq!(status(Request::delete(), "ada").await, 204);
    assert_eq!(status(Request::delete(), "ada").await, 404);
}

#[tokio::test]
async fn defence_06_answers_go_where_the_question_came_from() {
    let site = Site::start(&fixture::server()).await;
    // The same id, at the same time, by many clients of both eras.
    let tasks: Vec<_> = (0..20)
        .map(|n| {
            let client = site.client();
            tokio::spawn(async move {
                let text = format!("mine {n}");
                let mut client = client;
                if n % 2 == 0 {
                    client.initialize("2025-11-25", json!({})).await;
                    let answer = client.call("tools/call", json!({"name": "echo", "arguments": {"text": text}})).await;
                    assert_eq!(answer["result"]["content"][0]["text"], text);
                } else {
                    assert_eq!(client.tool("echo", json!({"text": text})).await["result"]["content"][0]["text"], text);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    // Within one session an id that is in use is refused, and what it is in use for goes on.
    let session = site.legacy("2025-11-25", json!({})).await;
    let wait = json!({"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": {"name": "wait",
        "arguments": {"ms": 300}, "_meta": {"progressToken": "p"}}});
    let mut first = session.post(&wait).await;
    let mut second = session.post(&wait).await;
    assert_eq!((second.status, &second.message().await["error"]["code"]), (400, &json!(-32600)));
    assert_eq!(first.rest().await.last().unwrap()["result"]["content"][0]["text"], "done");
}

#[tokio::test]
async fn defence_07_what_is_kept_for_a_client_that_comes_back_is_bounded() {
    let handler = |_: serde_json::Map<String, Value>, ctx: Context| async move {
        for step in 1..=100 {
            ctx.progress(f64::from(step)).await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        "done"
    };
    let mut limits = turbomcp::Limits::default();
    limits.replay_events = 10;
    limits.replay_age = Duration::from_millis(1500);
    let server = fixture::builder().tool("steps", handler).unwrap().limits(limits).build();
    let session = Site::start(&server).await.legacy("2025-11-25", json!({})).await;
    let call = json!({"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": {"name": "steps",
        "arguments": {}, "_meta": {"progressToken": "p"}}});
    let mut stream = session.post(&call).await;
    let first = stream.event().await.unwrap().id.expect("an event to come back to");
    let all = stream.rest().await;
    assert_eq!(all.len(), 101);
    session.expect(&call);
    let again = session.resume(&first).await.rest().await;
    assert!(!again.is_empty() && again.len() <= 11, "{}", again.len());
    assert_eq!(again.last().unwrap()["id"], 5);
    let forgotten = async {
        loop {
            tokio::time::sleep(Duration::from_millis(300)).await;
            session.expect(&call);
            let mut reply = session.resume(&first).await;
            if reply.status == 400 || reply.rest().await.is_empty() {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), forgotten).await.expect("it is forgotten after its time");
}

#[tokio::test]
async fn defence_07_what_is_kept_of_all_streams_of_a_session_is_bounded() {
    let handler = |_: serde_json::Map<String, Value>, ctx: Context| async move {
        ctx.progress(1.0).await;
        "x".repeat(30_000)
    };
    let mut limits = turbomcp::Limits::default();
    limits.replay_bytes = 100_000;
    let server = fixture::builder().tool("large_stream", handler).unwrap().limits(limits).build();
    let session = Site::start(&server).await.legacy("2025-11-25", json!({})).await;
    let mut firsts = Vec::new();
    for id in 0..10 {
        let call = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": "large_stream",
            "arguments": {}, "_meta": {"progressToken": "p"}}});
        let mut stream = session.post(&call).await;
        firsts.push((call, stream.event().await.unwrap().id.unwrap()));
        stream.rest().await;
    }
    let mut kept = 0;
    for (call, first) in &firsts {
        session.expect(call);
        let mut reply = session.resume(first).await;
        if reply.status == 200 {
            kept += 1;
            assert_eq!(reply.rest().await.len(), 2);
        }
    }
    assert!((2..=4).contains(&kept), "{kept}");
}

#[tokio::test]
async fn defence_08_a_dropped_stream_cancels_in_the_modern_era_only() {
    let (server, running) = endless(turbomcp::Limits::default());
    let site = Site::start(&server).await;
    let session = site.legacy("2025-11-25", json!({})).await;
    let mut legacy = session
        .post(&json!({"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": {"name": "endless",
            "_meta": {"progressToken": "p"}}}))
        .await;
    legacy.next().await.unwrap();
    let mut message = call("endless", json!({}));
    message["params"]["_meta"]["progressToken"] = json!("p");
    let mut stream = site.client().send(Request::modern(&message)).await;
    stream.next().await.unwrap();
    until(&running, 2).await;
    drop(stream);
    until(&running, 1).await;
    drop(legacy);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(running.load(Ordering::SeqCst), 1);
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 5}});
    assert_eq!(session.post(&cancel).await.status, 202);
    until(&running, 0).await;
}
