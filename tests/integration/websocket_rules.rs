//! What a server makes of clients that keep to the rules of WebSocket in unusual ways, and of those that break them.

use serde_json::{Value, json};
use tokio::net::TcpListener;
use turbomcp::McpServer;
use turbomcp_tests::websocket::{Frame, UPGRADE, WebSocket, frame, request};
use turbomcp_tests::{fixture, modern};

use crate::text;
use crate::websocket::Listening;

/// A call of the tool `echo`.
fn echo(id: i64, said: &str) -> Vec<u8> {
    let params = json!({"name": "echo", "arguments": {"text": said}});
    modern(id, "tools/call", params, json!({})).to_string().into_bytes()
}

/// Where to cut a message into frames.
fn cut(message: &[u8], parts: usize) -> Vec<&[u8]> {
    message.chunks(message.len().div_ceil(parts)).collect()
}

async fn is_served(socket: &mut WebSocket, what: &str) {
    socket.send_frame(0x81, &echo(77, "still here")).await;
    let answer = socket.next().await;
    assert_eq!((&answer["id"], text(&answer)), (&json!(77), "still here"), "{what}");
}

#[tokio::test]
async fn a_message_may_come_in_any_number_of_frames() {
    let listening = Listening::start(fixture::server()).await;
    let mut socket = WebSocket::connect(listening.address, "/").await;
    let message = echo(1, "grüße 🦀");
    for parts in [1, 2, 3, 7, message.len()] {
        let parts = cut(&message, parts);
        for (index, part) in parts.iter().enumerate() {
            let last = if index + 1 == parts.len() { 0x80 } else { 0 };
            socket.send_frame(last | u8::from(index == 0), part).await;
            if last == 0 {
                // Control frames may come in between, and fragments may be empty.
                socket.send_frame(0x89, &[7]).await;
                socket.send_frame(0x00, b"").await;
                socket.send_frame(0x8a, b"unasked").await;
            }
        }
        assert_eq!(text(&socket.next().await), "grüße 🦀", "{} frames", parts.len());
    }
}

#[tokio::test]
async fn a_message_may_come_byte_by_byte_or_many_at_once() {
    let listening = Listening::start(fixture::server()).await;
    let mut socket = WebSocket::connect(listening.address, "/").await;
    for byte in frame(0x81, &echo(1, "slow")) {
        socket.send_bytes(&[byte]).await;
    }
    assert_eq!(text(&socket.next().await), "slow");
    let many = (0..200).flat_map(|id| frame(0x81, &echo(id, "fast"))).collect::<Vec<_>>();
    socket.send_bytes(&many).await;
    for id in 0..200 {
        assert_eq!(socket.next().await["id"], id);
    }
}

#[tokio::test]
async fn a_ping_is_answered_with_what_it_says() {
    let listening = Listening::start(fixture::server()).await;
    let mut socket = WebSocket::connect(listening.address, "/").await;
    for payload in [&b""[..], b"x", &[0xff; 125]] {
        socket.send_frame(0x89, payload).await;
        let pong = socket.next_frame().await;
        assert_eq!(pong, Frame { is_final: true, opcode: 10, payload: payload.to_vec() });
    }
    is_served(&mut socket, "after pings").await;
}

#[tokio::test]
async fn text_that_is_no_message_costs_only_itself() {
    let listening = Listening::start(fixture::server()).await;
    let mut socket = WebSocket::connect(listening.address, "/").await;
    for (sent, code) in [
        ("", -32700),
        ("not json", -32700),
        ("{\"jsonrpc\":\"2.0\"", -32700),
        ("[]", -32600),
        ("7", -32600),
        ("{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"ping\"}", -32600),
    ] {
        socket.send_frame(0x81, sent.as_bytes()).await;
        let answer: Value = socket.next().await;
        assert_eq!(answer["error"]["code"], code, "{sent}: {answer}");
    }
    socket.send_frame(0x81, b"{\n \"jsonrpc\": \"2.0\",\r\n \"id\": 5, \"method\": \"ping\"\n}").await;
    assert_eq!(socket.next().await, json!({"jsonrpc": "2.0", "id": 5, "result": {}}), "newlines are nothing special");
    is_served(&mut socket, "after text that is no message").await;
}

/// Sends bytes and expects the close code that they are answered with, and then the end.
async fn closes(server: &McpServer, what: &str, bytes: Vec<u8>, code: u16) {
    let listening = Listening::start(server.clone()).await;
    let mut socket = WebSocket::connect(listening.address, "/").await;
    is_served(&mut socket, what).await;
    socket.send_bytes(&bytes).await;
    assert_eq!(socket.next_frame().await.close_code(), Some(code), "{what}");
    assert_eq!(socket.try_next_frame().await, None, "{what}");
    // Nobody else has noticed.
    let mut socket = WebSocket::connect(listening.address, "/").await;
    is_served(&mut socket, what).await;
}

#[tokio::test]
async fn what_breaks_the_rules_is_told_by_a_close_code() {
    let server = fixture::limited(|limits| limits.message_bytes = 10_000);
    let head_of = |first: u8, length: u64| {
        let mut bytes = vec![first, 0xff];
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes
    };
    let join = |frames: &[Vec<u8>]| frames.concat();
    let text_of = |length: usize| vec![b'x'; length];
    for (what, bytes, code) in [
        ("a binary message", frame(0x82, b"{}"), 1003),
        ("a binary message in fragments", join(&[frame(0x02, b"{"), frame(0x80, b"}")]), 1003),
        ("a frame that is too long", frame(0x81, &text_of(10_001)), 1009),
        ("a frame that says it is endless", head_of(0x81, u64::MAX >> 1), 1009),
        ("fragments that are too long", join(&[frame(0x01, &text_of(6000)), frame(0x80, &text_of(6000))]), 1009),
        ("text that is no UTF-8", frame(0x81, b"\"\xff\""), 1007),
        ("text that ends within a character", frame(0x81, b"\"\xf0\x9f\xa6"), 1007),
        ("a surrogate in UTF-8", frame(0x81, b"\xed\xa0\x80"), 1007),
        ("no UTF-8 in fragments", join(&[frame(0x01, b"\"\xf0\x9f"), frame(0x80, b"\"")]), 1007),
        ("a frame without a mask", vec![0x81, 2, b'{', b'}'], 1002),
        ("a reserved bit", frame(0xc1, b"{}"), 1002),
        ("another reserved bit", frame(0x91, b"{}"), 1002),
        ("an unknown kind of data", frame(0x83, b"{}"), 1002),
        ("an unknown kind of control", frame(0x8b, b""), 1002),
        ("a fragment of nothing", frame(0x80, b"{}"), 1002),
        ("a message within a message", join(&[frame(0x01, b"{"), frame(0x81, b"{}")]), 1002),
        ("a ping in fragments", frame(0x09, b"x"), 1002),
        ("a ping that is too long", frame(0x89, &text_of(126)), 1002),
        ("a close frame of one byte", frame(0x88, &[3]), 1002),
        ("a close code that is reserved", frame(0x88, &1005u16.to_be_bytes()), 1002),
        ("a close code that does not exist", frame(0x88, &999u16.to_be_bytes()), 1002),
        ("a close reason that is no UTF-8", frame(0x88, b"\x03\xe8\xff"), 1007),
    ] {
        closes(&server, what, bytes, code).await;
    }
}

#[tokio::test]
async fn a_message_of_exactly_the_limit_passes() {
    let message = echo(1, "x");
    let listening = Listening::start(fixture::limited(|limits| limits.message_bytes = message.len())).await;
    let mut socket = WebSocket::connect(listening.address, "/").await;
    socket.send_frame(0x81, &message).await;
    assert_eq!(text(&socket.next().await), "x");
    socket.send_frame(0x81, &echo(1, "xy")).await;
    assert_eq!(socket.next_frame().await.close_code(), Some(1009));
}

#[tokio::test]
async fn whoever_pings_and_never_reads_fills_no_memory() {
    let listening = Listening::start(fixture::server()).await;
    let mut socket = WebSocket::connect(listening.address, "/").await;
    let pings = frame(0x89, &[0; 125]).repeat(1000);
    for _ in 0..200 {
        socket.send_bytes(&pings).await;
    }
    socket.send_frame(0x81, &echo(1, "still here")).await;
    let mut pongs = 0;
    loop {
        let frame = socket.next_frame().await;
        if frame.opcode == 1 {
            break;
        }
        assert_eq!(frame.opcode, 10);
        pongs += 1;
    }
    assert!(pongs < 200_000, "every pong was kept until it could be written");
}

/// Returns the headers of a request to become a WebSocket with one of them replaced; an empty value leaves it out.
fn with<'a>(name: &'a str, value: &'a str) -> Vec<(&'a str, &'a str)> {
    let others = UPGRADE.iter().copied().filter(|(other, _)| *other != name);
    others.chain([(name, value)]).collect()
}

#[tokio::test]
async fn a_request_that_may_not_become_a_websocket_is_refused_before_it_does() {
    let listening = Listening::start(fixture::server()).await;
    let own = format!("http://{}", listening.address);
    for (name, value, expected) in [
        ("origin", "", 101),
        ("origin", &own[..], 101),
        ("origin", "http://localhost:3000", 101),
        ("origin", "https://evil.example", 403),
        ("origin", "null", 403),
        ("host", "evil.example", 403),
        ("host", "localhost", 101),
        ("host", "a b", 400),
        ("sec-websocket-protocol", "chat", 400),
        ("sec-websocket-protocol", "chat, mcp", 101),
        ("sec-websocket-protocol", "", 101),
        ("upgrade", "", 426),
        ("upgrade", "h2c", 426),
        ("connection", "keep-alive", 426),
        ("sec-websocket-version", "8", 426),
        ("sec-websocket-version", "", 426),
        ("sec-websocket-key", "", 400),
        ("sec-websocket-key", "short", 400),
    ] {
        let (_, status, head) = request(listening.address, "/", &with(name, value)).await;
        assert_eq!(status, expected, "{name}: {value}");
        if status == 426 {
            assert!(head.contains(&"upgrade: websocket".to_owned()), "{head:?}");
            assert!(head.contains(&"sec-websocket-version: 13".to_owned()), "{head:?}");
        }
        let offered = head.iter().any(|line| line.starts_with("sec-websocket-protocol"));
        assert_eq!(offered, status == 101 && (name, value) != ("sec-websocket-protocol", ""), "{head:?}");
        assert!(!head.iter().any(|line| line.starts_with("sec-websocket-extensions")), "{head:?}");
    }
    let (_, status, _) = request(listening.address, "/elsewhere", UPGRADE).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn a_router_keeps_to_the_hosts_and_origins_of_its_settings() {
    let server = fixture::server();
    let settings = server.http().websocket("/ws").allow_hosts(["mcp.example"]).allow_origins(["https://app.example"]);
    let router: axum::Router = settings.into_router().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });
    for (host, origin, expected) in [
        ("mcp.example", "", 101),
        ("mcp.example", "https://app.example", 101),
        ("mcp.example", "https://other.example", 403),
        ("127.0.0.1", "", 403),
    ] {
        let headers = [&with("origin", origin)[..], &[("host", host)]].concat();
        let (mut socket, status, _) = request(address, "/ws", &headers).await;
        assert_eq!(status, expected, "{host} {origin}");
        if status == 101 {
            is_served(&mut socket, host).await;
        }
    }
    server.shutdown_handle().shutdown().await;
    serving.abort();
}
