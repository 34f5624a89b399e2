//! Bad input over HTTP: after each case the server still answers, and in the end its memory is where it was.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use turbomcp_tests::{Http, Request, initialize_params, modern};

use crate::stdio::SERVER;

/// What is sent, the statuses it may be answered with, and the code of the error if there is one.
struct Case {
    name: String,
    request: Request,
    statuses: Vec<u16>,
    code: Option<i64>,
}

fn case(name: impl Into<String>, request: Request, status: u16, code: impl Into<Option<i64>>) -> Case {
    Case { name: name.into(), request, statuses: vec![status], code: code.into() }
}

fn body(method: &str, params: Value) -> Value {
    modern(1, method, params, json!({}))
}

fn request(method: &str, params: Value) -> Request {
    Request::modern(&body(method, params))
}

fn call(tool: &str, arguments: Value) -> Request {
    request("tools/call", json!({"name": tool, "arguments": arguments}))
}

fn plain(text: impl Into<Vec<u8>>) -> Request {
    Request::post_text(text).header("MCP-Protocol-Version", "2026-07-28")
}

fn bodies() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, text) in [
        ("nothing", &b""[..]),
        ("a space", b" "),
        ("an open brace", b"{"),
        ("an open string", br#"{"jsonrpc":"2.0"#),
        ("a trailing comma", br#"{"jsonrpc":"2.0",}"#),
        ("two messages", br#"{"jsonrpc":"2.0","id":1,"method":"ping"}{"jsonrpc":"2.0","id":1,"method":"ping"}"#),
        ("no UTF-8", b"{\"a\":\"\xff\"}"),
        ("a zero byte", b"\x00"),
        ("a byte order mark", b"\xef\xbb\xbf{}"),
        ("a form", b"jsonrpc=2.0&id=1&method=ping"),
        ("XML", b"<methodCall/>"),
    ] {
        cases.push(case(name, plain(text), 400, -32700));
    }
    cases.push(case("brackets without end", plain(b"[".repeat(200_000)), 400, -32700));
    cases.push(case(
        "braces nested too deep",
        plain([br#"{"a":"#.repeat(500), b"1".to_vec(), b"}".repeat(500)].concat()),
        400,
        -32700,
    ));
    for (name, text) in [
        ("an empty object", "{}"),
        ("a number", "1"),
        ("null", "null"),
        ("no version", r#"{"id":1,"method":"ping"}"#),
        ("an id that is null", r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#),
        ("a fractional id", r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#),
        ("an id that is too large", r#"{"jsonrpc":"2.0","id":99999999999999999999,"method":"ping"}"#),
        ("two ids", r#"{"jsonrpc":"2.0","id":1,"id":1,"method":"ping"}"#),
        ("two methods", r#"{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}"#),
        ("params that are an array", r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#),
        ("a request with a result", r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}"#),
    ] {
        cases.push(case(name, plain(text), 400, -32600));
    }
    for (name, text) in [
        ("an empty batch", "[]"),
        ("a batch", r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#),
        ("a response", r#"{"jsonrpc":"2.0","id":1,"result":{}}"#),
        ("a request of no era", r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#),
    ] {
        cases.push(case(name, Request::post_text(text), 400, -32600));
    }
    cases.push(case("a body that is too large", call("echo", json!({"text": "x".repeat(5 << 20)})), 413, None));
    cases.push(case("a body near the limit", call("echo", json!({"text": "x".repeat(3 << 20)})), 200, None));
    cases
}

fn heads() -> Vec<Case> {
    let nothing = || call("nothing", json!({}));
    let mut cases = vec![
        case("another path", nothing().path("/elsewhere"), 404, None),
        case("the path of a file", nothing().path("/mcp/../../etc/passwd"), 404, None),
        case("PUT", nothing().method("PUT"), 405, None),
        case("PATCH", nothing().method("PATCH"), 405, None),
        case("TRACE", Request::get().method("TRACE"), 405, None),
        case("GET without a session", Request::get(), 405, None),
        case("DELETE without a session", Request::delete(), 405, None),
        case("no content type", nothing().without("Content-Type"), 415, None),
        case("text", nothing().with("Content-Type", "text/plain"), 415, None),
        case("an answer of another kind", nothing().with("Accept", "text/html"), 406, None),
        case("an answer of one kind", nothing().with("Accept", "application/json"), 406, None),
        case("a foreign page", nothing().header("Origin", "https://evil.example"), 403, None),
        case("a page from nowhere", nothing().header("Origin", "null"), 403, None),
        case("a foreign host", nothing().header("Host", "evil.example"), 403, None),
        case(
            "an unknown session",
            Request::post(&json!({"jsonrpc": "2.0", "id": 1, "method": "ping"})).header("Mcp-Session-Id", "nobody"),
            404,
            -32600,
        ),
        case(
            "an endless session id",
            Request::post(&json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}))
                .header("Mcp-Session-Id", "x".repeat(5000)),
            404,
            -32600,
        ),
        case("listening in an unknown session", Request::get().header("Mcp-Session-Id", "nobody"), 404, None),
        case("ending an unknown session", Request::delete().header("Mcp-Session-Id", "nobody"), 404, None),
        case("an event of no session", Request::get().header("Last-Event-ID", "1-1"), 405, None),
        case(
            "an old version of a session",
            Request::post(&json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}))
                .header("Mcp-Session-Id", "x")
                .header("MCP-Protocol-Version", "1999-01-01"),
            400,
            -32600,
        ),
    ];
    for (name, request) in [
        ("no version", nothing().without("MCP-Protocol-Version")),
        ("another version", nothing().with("MCP-Protocol-Version", "2025-11-25")),
        ("two versions", nothing().header("MCP-Protocol-Version", "2026-07-28")),
        ("no method", nothing().without("Mcp-Method")),
        ("another method", nothing().with("Mcp-Method", "tools/list")),
        ("a method in capitals", nothing().with("Mcp-Method", "TOOLS/CALL")),
        ("two methods", nothing().header("Mcp-Method", "tools/call")),
        ("no name", nothing().without("Mcp-Name")),
        ("another name", nothing().with("Mcp-Name", "echo")),
        ("two names", nothing().header("Mcp-Name", "nothing")),
        ("a name of bytes", nothing().with("Mcp-Name", b"\xff\xfe")),
        ("a name of broken Base64", nothing().with("Mcp-Name", "=?base64?bm90aGluZw?=")),
    ] {
        cases.push(case(format!("{name} in the head"), request, 400, -32020));
    }
    cases
}

fn messages() -> Vec<Case> {
    let mut unknown = body("tools/list", json!({}));
    unknown["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2099-01-01");
    let mut silent = body("tools/list", json!({}));
    silent["params"]["_meta"].as_object_mut().unwrap().remove("io.modelcontextprotocol/clientCapabilities");
    let handshake =
        |params: Value| Request::post(&json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}));
    vec![
        case("an unknown version", Request::modern(&unknown), 400, -32022),
        case("no capabilities", Request::modern(&silent), 400, -32602),
        case("no metadata", plain(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#), 400, -32602),
        case("an unknown method", request("no/such", json!({})), 404, -32601),
        case("a legacy method", request("initialize", json!({})), 404, -32601),
        case("an unknown tool", call("missing", json!({})), 200, -32602),
        case("arguments that are a text", call("add", json!("{}")), 200, -32602),
        case("arguments that do not fit", call("add", json!({"a": "x"})), 200, None),
        case("a missing resource", request("resources/read", json!({"uri": "test://gone"})), 200, -32602),
        case(
            "a way out of a folder",
            request("resources/read", json!({"uri": "file:///srv/../etc/passwd"})),
            200,
            -32602,
        ),
        case("a prompt without its argument", request("prompts/get", json!({"name": "review"})), 200, -32602),
        case("a cursor nobody gave out", request("tools/list", json!({"cursor": "x"})), 200, -32602),
        case("a missing capability", call("ask", json!({})), 400, -32021),
        case("a state that is none", request("tools/call", json!({"name": "ask", "requestState": "x"})), 200, -32602),
        case("a filter that is none", request("subscriptions/listen", json!({"notifications": 5})), 200, -32602),
        case("a panic", call("panic", json!({})), 200, -32603),
        case("a panic after a while", call("panic_late", json!({})), 200, -32603),
        case(
            "a stray notification",
            request("notifications/x", json!({})).body(r#"{"jsonrpc":"2.0","method":"x"}"#),
            202,
            None,
        ),
        case("a handshake without params", handshake(json!({})), 200, -32602),
        case(
            "a handshake with a batch",
            Request::post_text(format!(
                "[{}]",
                json!({"jsonrpc": "2.0", "id": 1,
            "method": "initialize", "params": initialize_params("2025-03-26", json!({}))})
            )),
            400,
            -32600,
        ),
    ]
}

/// Heads that no client library would write: what they are answered with, if at all.
fn raw() -> Vec<(&'static str, Vec<u8>)> {
    let good = "Host: localhost\r\nContent-Type: application/json\r\n";
    vec![
        ("no HTTP", b"{\"jsonrpc\":\"2.0\"}\n\r\n\r\n".to_vec()),
        ("bytes", vec![0xff; 1000]),
        ("the start of TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec()),
        ("no version of HTTP", b"POST /mcp\r\n\r\n".to_vec()),
        ("another version of HTTP", b"POST /mcp HTTP/9.9\r\nHost: localhost\r\n\r\n".to_vec()),
        ("no host", b"POST /mcp HTTP/1.1\r\nContent-Length: 0\r\n\r\n".to_vec()),
        (
            "two hosts",
            b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nContent-Length: 0\r\n\r\n".to_vec(),
        ),
        ("a length that is a word", format!("POST /mcp HTTP/1.1\r\n{good}Content-Length: many\r\n\r\n").into_bytes()),
        ("a length below nothing", format!("POST /mcp HTTP/1.1\r\n{good}Content-Length: -1\r\n\r\n").into_bytes()),
        (
            "two lengths",
            format!("POST /mcp HTTP/1.1\r\n{good}Content-Length: 1\r\nContent-Length: 2\r\n\r\n{{}}").into_bytes(),
        ),
        (
            "a length and chunks",
            format!("POST /mcp HTTP/1.1\r\n{good}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
                .into_bytes(),
        ),
        (
            "chunks of no length",
            format!("POST /mcp HTTP/1.1\r\n{good}Transfer-Encoding: chunked\r\n\r\nzz\r\n").into_bytes(),
        ),
        ("an unknown encoding", format!("POST /mcp HTTP/1.1\r\n{good}Transfer-Encoding: gzip\r\n\r\n").into_bytes()),
        ("a header without a colon", format!("POST /mcp HTTP/1.1\r\n{good}Nonsense\r\n\r\n").into_bytes()),
        ("a header with a zero byte", format!("POST /mcp HTTP/1.1\r\n{good}X: a\0b\r\n\r\n").into_bytes()),
        ("a header name with a space", format!("POST /mcp HTTP/1.1\r\n{good}X Y: a\r\n\r\n").into_bytes()),
        ("an endless header", [b"POST /mcp HTTP/1.1\r\nX: ".to_vec(), vec![b'x'; 200_000]].concat()),
        ("endless headers", [b"POST /mcp HTTP/1.1\r\n".to_vec(), b"X: y\r\n".repeat(50_000)].concat()),
        ("an endless method", vec![b'A'; 200_000]),
        ("broken HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff".to_vec()),
    ]
}

async fn start() -> (Child, Http) {
    let mut command = Command::new(SERVER);
    command.arg("--http").stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).await.unwrap();
    (child, Http::at(line.trim().parse().unwrap()))
}

async fn run(client: &Http, case: &Case) {
    let mut reply = client.another().send(case.request.clone()).await;
    assert!(case.statuses.contains(&reply.status), "{}: {}", case.name, reply.status);
    if reply.header("content-type") == Some("application/json") {
        let message = reply.message().await;
        if let Some(code) = case.code {
            assert_eq!(message["error"]["code"], code, "{}: {message}", case.name);
        }
        assert_eq!(reply.status == 200 && case.code.is_none(), message.get("result").is_some(), "{}", case.name);
    } else {
        assert_eq!(case.code, None, "{}", case.name);
    }
    client.sync().await;
}

/// Clients that leave: before the head, in it, in the body, before the answer, and in a stream.
async fn leave(client: &Http) {
    let address = client.address();
    let whole = call("nothing", json!({})).bytes(address);
    for sent in [0, 1, 30, whole.len() - 10, whole.len()] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(&whole[..sent]).await.unwrap();
    }
    let mut wait = body("tools/call", json!({"name": "wait", "arguments": {"ms": 60_000}}));
    drop(TcpStream::connect(address).await.unwrap().write_all(&Request::modern(&wait).bytes(address)).await);
    wait["params"]["_meta"]["progressToken"] = json!("p");
    let mut stream = client.another().send(Request::modern(&wait)).await;
    stream.next().await.unwrap();
    drop(stream);
    let mut session = client.another();
    session.initialize("2025-11-25", json!({})).await;
    drop(session.listen().await);
    let end = session.within(Request::delete());
    assert_eq!(session.send(end).await.status, 204);
    client.sync().await;
}

async fn pass(client: &Http, cases: &[Case]) {
    for case in cases {
        run(client, case).await;
    }
    for (name, bytes) in raw() {
        if let Some(reply) = client.another().raw(&bytes).await {
            assert!((400..=505).contains(&reply.status), "{name}: {}", reply.status);
        }
        client.sync().await;
    }
    leave(client).await;
    let flood: Vec<_> = (0..50)
        .map(|_| {
            let client = client.another();
            tokio::spawn(async move {
                for _ in 0..10 {
                    client.sync().await;
                }
            })
        })
        .collect();
    for task in flood {
        task.await.unwrap();
    }
}

fn resident_kib(child: &Child) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()?)).ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix("kB")?.trim().parse().ok())
}

#[tokio::test]
async fn bad_input_over_http_hurts_nobody_and_leaves_nothing() {
    let cases: Vec<_> = [bodies(), heads(), messages()].into_iter().flatten().collect();
    assert!(cases.len() + raw().len() >= 60);
    let (mut child, client) = start().await;
    // First for the memory that is kept for good: buffers, tables, what the allocator holds on to in each thread.
    for _ in 0..3 {
        pass(&client, &cases).await;
    }
    let before = resident_kib(&child);
    for _ in 0..3 {
        pass(&client, &cases).await;
    }
    // One lost body of 5 MiB and one of 3 in each pass would be 24 MiB.
    let mut after = resident_kib(&child);
    for _ in 0..50 {
        if before.zip(after).is_none_or(|(before, after)| after < before + (16 << 10)) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        client.sync().await;
        after = resident_kib(&child);
    }
    let grown = before.zip(after).map(|(before, after)| after.saturating_sub(before));
    assert!(grown.is_none_or(|kib| kib < 16 << 10), "from {before:?} to {after:?} KiB");
    child.kill().await.unwrap();
}

#[tokio::test]
async fn a_slow_client_is_waited_for() {
    let (mut child, client) = start().await;
    let bytes = call("nothing", json!({})).header("Connection", "close").bytes(client.address());
    let mut stream = TcpStream::connect(client.address()).await.unwrap();
    stream.set_nodelay(true).unwrap();
    for byte in bytes {
        stream.write_all(&[byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut answer = String::new();
    let read = tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut answer);
    tokio::time::timeout(Duration::from_secs(20), read).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    child.kill().await.unwrap();
}
