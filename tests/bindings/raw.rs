//! A peer that says anything, right or wrong, within the framing of a binding.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use turbomcp::client::Era;
use turbomcp_tests::http::Request;
use turbomcp_tests::{Client, WebSocket, initialize_params, modern};

use crate::binding::BoxStream;
use crate::site::soon;

pub enum Raw {
    Lines(Box<Client>),
    WebSocket(WebSocket),
    Http(Http),
}

impl Raw {
    pub fn lines(stream: BoxStream) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        Self::Lines(Box::new(Client::over(reader, writer)))
    }

    pub fn http(stream: BoxStream, address: SocketAddr) -> Self {
        Self::Http(Http { stream, address, session: None, answers: Vec::new() })
    }

    /// Makes the handshake of the legacy era; in the modern one there is none.
    pub async fn greet(&mut self, era: Era) {
        if era == Era::Modern {
            return;
        }
        let params = initialize_params("2025-11-25", json!({}));
        self.say(&json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params})).await;
        assert_eq!(self.hear().await.unwrap()["result"]["protocolVersion"], "2025-11-25");
        self.say(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
    }

    /// Calls a tool as a client of this era does.
    pub async fn call(&mut self, era: Era, id: u64, tool: &str, arguments: Value) {
        let params = json!({"name": tool, "arguments": arguments});
        let request = match era {
            Era::Modern => modern(id, "tools/call", params, json!({})),
            _ => json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}),
        };
        self.say(&request).await;
    }

    /// Sends a message.
    pub async fn say(&mut self, message: &Value) {
        self.say_text(message.to_string().as_bytes()).await;
    }

    /// Sends one frame, whatever is in it.
    pub async fn say_text(&mut self, text: &[u8]) {
        match self {
            Self::Lines(client) => client.send_text(text).await,
            Self::WebSocket(socket) => socket.send_frame(0x81, text).await,
            Self::Http(http) => http.post(text).await,
        }
    }

    /// Waits for the next message; none if the server has ended its side.
    pub async fn hear(&mut self) -> Option<Value> {
        match self {
            Self::Lines(client) => client.try_next().await,
            Self::WebSocket(socket) => Some(socket.next().await),
            Self::Http(http) => {
                assert!(!http.answers.is_empty(), "every answer was heard");
                Some(http.answers.remove(0))
            }
        }
    }

    /// Says that no more will come, and goes on listening.
    pub async fn finish(&mut self) {
        match self {
            Self::Lines(client) => client.end_input().await,
            Self::WebSocket(socket) => socket.send_frame(0x88, &1000u16.to_be_bytes()).await,
            Self::Http(http) => http.stream.shutdown().await.unwrap(),
        }
    }
}

/// Requests over one connection, each answered by one JSON document before the next is sent.
pub struct Http {
    stream: BoxStream,
    address: SocketAddr,
    session: Option<String>,
    answers: Vec<Value>,
}

impl Http {
    async fn post(&mut self, text: &[u8]) {
        let message: Value = serde_json::from_slice(text).unwrap_or_default();
        let is_modern = message["params"]["_meta"].get("io.modelcontextprotocol/protocolVersion").is_some();
        let mut request = if is_modern { Request::modern(&message) } else { Request::post_text(text) };
        if let Some(session) = &self.session {
            request = request.header("Mcp-Session-Id", session).header("MCP-Protocol-Version", "2025-11-25");
        }
        soon(self.stream.write_all(&request.bytes(self.address))).await.unwrap();
        let head = soon(self.head()).await;
        let header = |name: &str| head.iter().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
        self.session = header("mcp-session-id: ").or(self.session.take());
        let length = header("content-length: ").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        soon(self.stream.read_exact(&mut body)).await.unwrap();
        if !body.is_empty() {
            self.answers.push(serde_json::from_slice(&body).unwrap());
        }
    }

    async fn head(&mut self) -> Vec<String> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.stream.read_u8().await.expect("the connection lives"));
        }
        let head = String::from_utf8(head).unwrap();
        let lower = |line: &str| match line.split_once(": ") {
            Some((name, value)) => format!("{}: {value}", name.to_ascii_lowercase()),
            None => line.to_owned(),
        };
        head.trim_end().split("\r\n").map(lower).collect()
    }
}
