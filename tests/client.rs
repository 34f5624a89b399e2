//! A client of the simplest kind: it writes lines and reads lines, and holds each one against the schema.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, Lines};
use tokio::task::JoinHandle;
use turbomcp::transport::memory;
use turbomcp::{Error, McpServer};

use crate::schema::Judge;

/// How long an answer may take before a test fails.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A connection to a server, in the same process or in a child.
pub struct Client {
    writer: Option<Box<dyn AsyncWrite + Send + Unpin>>,
    lines: Lines<BufReader<Box<dyn AsyncRead + Send + Unpin>>>,
    serving: Option<JoinHandle<Result<(), Error>>>,
    judge: Judge,
    synced: u64,
}

impl Client {
    /// Connects to a server.
    pub fn connect(server: &McpServer) -> Self {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let serving = tokio::spawn(server.serve(memory::over(theirs)));
        let (reader, writer) = tokio::io::split(ours);
        let mut client = Self::over(reader, writer);
        client.serving = Some(serving);
        client
    }

    /// Speaks over a pair of streams.
    pub fn over(
        reader: impl AsyncRead + Send + Unpin + 'static,
        writer: impl AsyncWrite + Send + Unpin + 'static,
    ) -> Self {
        let reader: Box<dyn AsyncRead + Send + Unpin> = Box::new(reader);
        let lines = BufReader::new(reader).lines();
        Self { writer: Some(Box::new(writer)), lines, serving: None, judge: Judge::default(), synced: 0 }
    }

    /// Connects and makes the legacy handshake.
    pub async fn legacy(server: &McpServer, version: &str, capabilities: Value) -> Self {
        let mut client = Self::connect(server);
        client.initialize(version, capabilities).await;
        client
    }

    /// Makes the legacy handshake and returns its result.
    pub async fn initialize(&mut self, version: &str, capabilities: Value) -> Value {
        let answer = self.call("initialize", initialize_params(version, capabilities)).await;
        assert_eq!(answer["result"]["protocolVersion"], version, "{answer}");
        self.notify("notifications/initialized", json!({})).await;
        answer["result"].clone()
    }

    /// Expects the answer to a request that is sent in another spelling.
    pub fn expect(&mut self, request: &Value) {
        self.judge.sent(request.to_string().as_bytes());
    }

    /// Sends text as it is, and a newline.
    pub async fn send_text(&mut self, text: &[u8]) {
        self.judge.sent(text);
        self.send_bytes(text).await;
        self.send_bytes(b"\n").await;
    }

    /// Sends bytes as they are.
    pub async fn send_bytes(&mut self, bytes: &[u8]) {
        let writer = self.writer.as_mut().expect("the input has not been ended");
        let written = async {
            writer.write_all(bytes).await.unwrap();
            writer.flush().await.unwrap();
        };
        tokio::time::timeout(PATIENCE, written).await.expect("the server takes what it is sent");
    }

    /// Sends a message.
    pub async fn send(&mut self, message: &Value) {
        self.send_text(message.to_string().as_bytes()).await;
    }

    /// Sends a notification.
    pub async fn notify(&mut self, method: &str, params: Value) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params})).await;
    }

    /// Answers a request of the server's.
    pub async fn answer(&mut self, request: &Value, result: Value) {
        self.send(&json!({"jsonrpc": "2.0", "id": request["id"], "result": result})).await;
    }

    /// Waits for the next message.
    pub async fn next(&mut self) -> Value {
        self.try_next().await.expect("the server is still there")
    }

    /// Waits for the next message; `None` if the server has ended its output.
    pub async fn try_next(&mut self) -> Option<Value> {
        let line = tokio::time::timeout(PATIENCE, self.lines.next_line()).await;
        let line = line.expect("an answer in time").expect("UTF-8")?;
        let message = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        self.judge.received(&message);
        Some(message)
    }

    /// Sends a request with id 1 and waits for the next message.
    pub async fn call(&mut self, method: &str, params: Value) -> Value {
        self.send(&json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})).await;
        self.next().await
    }

    /// Sends a modern request with id 1 and these client capabilities, and waits for the next message.
    pub async fn modern(&mut self, method: &str, params: Value, capabilities: Value) -> Value {
        self.send(&modern(1, method, params, capabilities)).await;
        self.next().await
    }

    /// Calls a tool in the modern era, with no capabilities, and waits for the next message.
    pub async fn tool(&mut self, name: &str, arguments: Value) -> Value {
        self.modern("tools/call", json!({"name": name, "arguments": arguments}), json!({})).await
    }

    /// Calls a tool in the legacy era and waits for the next message.
    pub async fn legacy_tool(&mut self, name: &str, arguments: Value) -> Value {
        self.call("tools/call", json!({"name": name, "arguments": arguments})).await
    }

    /// Makes sure that the server answers, and returns what it sent before.
    pub async fn sync(&mut self) -> Vec<Value> {
        self.synced += 1;
        let id = json!(format!("sync-{}", self.synced));
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": "ping"})).await;
        let mut before = Vec::new();
        loop {
            let message = self.next().await;
            if message["id"] == id {
                assert_eq!(message["result"], json!({}), "{message}");
                return before;
            }
            before.push(message);
        }
    }

    /// As [`sync`](Self::sync), where no handshake was made.
    pub async fn sync_modern(&mut self) -> Vec<Value> {
        self.synced += 1;
        let id = json!(format!("sync-{}", self.synced));
        self.send(&modern(id.clone(), "server/discover", json!({}), json!({}))).await;
        let mut before = Vec::new();
        loop {
            let message = self.next().await;
            if message["id"] == id {
                return before;
            }
            before.push(message);
        }
    }

    /// Ends the input.
    pub async fn end_input(&mut self) {
        if let Some(mut writer) = self.writer.take() {
            // The other side may be gone already.
            let _ = writer.shutdown().await;
        }
    }

    /// Ends the input and waits for the server to end; returns how it ended and what it still sent.
    pub async fn end(mut self) -> (Result<(), Error>, Vec<Value>) {
        self.end_input().await;
        let rest = self.rest().await;
        let serving = self.serving.take().expect("a server in this process");
        (serving.await.unwrap(), rest)
    }

    /// Reads until the server ends its output.
    pub async fn rest(&mut self) -> Vec<Value> {
        let mut rest = Vec::new();
        while let Some(message) = self.try_next().await {
            rest.push(message);
        }
        rest
    }
}

/// Creates a modern request.
pub fn modern(id: impl Into<Value>, method: &str, mut params: Value, capabilities: Value) -> Value {
    let meta = params.as_object_mut().unwrap().entry("_meta").or_insert_with(|| json!({}));
    meta["io.modelcontextprotocol/protocolVersion"] = json!("2026-07-28");
    meta["io.modelcontextprotocol/clientCapabilities"] = capabilities;
    json!({"jsonrpc": "2.0", "id": id.into(), "method": method, "params": params})
}

/// Creates the params of `initialize`.
pub fn initialize_params(version: &str, capabilities: Value) -> Value {
    json!({"protocolVersion": version, "capabilities": capabilities, "clientInfo": {"name": "test", "version": "0"}})
}
