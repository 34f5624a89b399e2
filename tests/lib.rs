//! A client of the simplest kind for the behaviour tests: it writes lines and reads lines.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf};
use tokio::task::JoinHandle;
use turbomcp::transport::memory;
use turbomcp::{Error, McpServer};

/// How long an answer may take before a test fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection to a server in the same process.
#[derive(Debug)]
pub struct Client {
    writer: WriteHalf<DuplexStream>,
    lines: Lines<BufReader<ReadHalf<DuplexStream>>>,
    serving: JoinHandle<Result<(), Error>>,
}

impl Client {
    /// Connects to a server.
    pub fn connect(server: &McpServer) -> Self {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let serving = tokio::spawn(server.serve(memory::over(theirs)));
        let (reader, writer) = tokio::io::split(ours);
        Self { writer, lines: BufReader::new(reader).lines(), serving }
    }

    /// Connects and makes the legacy handshake.
    pub async fn legacy(server: &McpServer, version: &str, capabilities: Value) -> Self {
        let mut client = Self::connect(server);
        let params = json!({"protocolVersion": version, "capabilities": capabilities,
            "clientInfo": {"name": "test", "version": "0"}});
        let answer = client.call("initialize", params).await;
        assert_eq!(answer["result"]["protocolVersion"], version, "{answer}");
        client.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
        client
    }

    /// Sends text as it is.
    pub async fn send_text(&mut self, text: &[u8]) {
        self.writer.write_all(text).await.unwrap();
        self.writer.write_all(b"\n").await.unwrap();
    }

    /// Sends a message.
    pub async fn send(&mut self, message: &Value) {
        self.send_text(message.to_string().as_bytes()).await;
    }

    /// Waits for the next message.
    pub async fn next(&mut self) -> Value {
        let line = tokio::time::timeout(PATIENCE, self.lines.next_line()).await;
        let line = line.expect("an answer in time").unwrap().expect("the server is still there");
        serde_json::from_str(&line).unwrap()
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

    /// Ends the input and waits for the server to end; returns how it ended and what it still sent.
    pub async fn end(mut self) -> (Result<(), Error>, Vec<Value>) {
        self.writer.shutdown().await.unwrap();
        let mut rest = Vec::new();
        while let Some(line) = tokio::time::timeout(PATIENCE, self.lines.next_line()).await.unwrap().unwrap() {
            rest.push(serde_json::from_str(&line).unwrap());
        }
        (self.serving.await.unwrap(), rest)
    }
}

/// Creates a modern request.
pub fn modern(id: i64, method: &str, mut params: Value, capabilities: Value) -> Value {
    let meta = params.as_object_mut().unwrap().entry("_meta").or_insert_with(|| json!({}));
    meta["io.modelcontextprotocol/protocolVersion"] = json!("2026-07-28");
    meta["io.modelcontextprotocol/clientCapabilities"] = capabilities;
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}
