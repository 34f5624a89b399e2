//! A request over HTTPS that becomes a WebSocket.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use turbomcp::client::http::HttpTarget;
use turbomcp::client::{Client, WsConfig};

use crate::authority::Authority;
use crate::site::{Binding, PATIENCE, Site, WEBSOCKET, who};
use crate::versions::{BOTH, handshake};

/// Reads the head of an answer.
async fn head(stream: &mut (impl AsyncReadExt + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// Reads one short frame of text.
async fn text(stream: &mut (impl AsyncReadExt + Unpin)) -> Value {
    assert_eq!(stream.read_u8().await.unwrap(), 0x81, "a whole message of text");
    let length = match stream.read_u8().await.unwrap() {
        126 => stream.read_u16().await.unwrap().into(),
        length => usize::from(length),
    };
    let mut text = vec![0; length];
    stream.read_exact(&mut text).await.unwrap();
    serde_json::from_slice(&text).unwrap()
}

#[tokio::test]
async fn one_listener_has_https_and_wss() {
    let authority = Authority::new();
    let site = Site::open(Binding::Https, authority.server("localhost").config()).await;
    assert_eq!(site.who(authority.trusted()).await.unwrap(), "nobody");
    let target = WsConfig::new().url(format!("wss://localhost:{}{WEBSOCKET}", site.port)).tls(authority.trusted());
    assert_eq!(who(&Client::connect(target).await.unwrap()).await.unwrap(), "nobody");

    let site = Site::open(Binding::Wss, authority.server("localhost").config()).await;
    let elsewhere = HttpTarget::new(format!("https://localhost:{}/mcp", site.port)).tls(authority.trusted());
    assert_eq!(Client::connect(elsewhere).await.unwrap_err().status(), Some(404));
}

#[tokio::test]
async fn a_request_over_https_becomes_a_websocket() {
    let (authority, meta) = (
        Authority::new(),
        json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {}}),
    );
    let site = Site::open(Binding::Https, authority.server("localhost").config()).await;
    let talk = async {
        let mut stream = handshake(&site, &authority, &BOTH, "http/1.1").await.unwrap();
        let request = format!(
            "GET {WEBSOCKET} HTTP/1.1\r\nhost: localhost:{}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             sec-websocket-protocol: mcp\r\n\r\n",
            site.port
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let head = head(&mut stream).await;
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");

        let params = json!({"name": "who", "_meta": meta});
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).to_string();
        // One frame, masked by zeros.
        let mut frame = vec![0x81, 0x80 | 126];
        frame.extend(u16::try_from(call.len()).unwrap().to_be_bytes());
        frame.extend([0; 4]);
        frame.extend(call.as_bytes());
        stream.write_all(&frame).await.unwrap();
        let answer = text(&mut stream).await;
        assert_eq!(answer["result"]["content"][0]["text"], "nobody", "{answer}");
    };
    tokio::time::timeout(PATIENCE, talk).await.expect("the server answers");
}
