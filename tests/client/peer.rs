//! The other end of a client: a server that says what a test tells it to.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf};
use turbomcp::client::{Client, ClientBuilder, Era, Error};
use turbomcp::transport::memory;

/// How long anything may take before a test fails.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Lines to and from a client.
pub struct Peer {
    writer: WriteHalf<DuplexStream>,
    lines: Lines<BufReader<ReadHalf<DuplexStream>>>,
}

/// Creates both ends.
pub fn pair() -> (memory::MemoryTransport, Peer) {
    let (ours, theirs) = tokio::io::duplex(1 << 20);
    let (reader, writer) = tokio::io::split(theirs);
    (memory::over(ours), Peer { writer, lines: BufReader::new(reader).lines() })
}

impl Peer {
    /// Sends text and a newline.
    pub async fn send_text(&mut self, text: &str) {
        // A client that has given up is no failure of the server's.
        let _ = self.writer.write_all(text.as_bytes()).await;
        let _ = self.writer.write_all(b"\n").await;
    }

    /// Sends bytes as they are.
    pub async fn send_raw(&mut self, bytes: &[u8]) {
        let _ = self.writer.write_all(bytes).await;
    }

    pub async fn send(&mut self, message: Value) {
        self.send_text(&message.to_string()).await;
    }

    /// Waits for the next message; none at the end.
    pub async fn try_next(&mut self) -> Option<Value> {
        let line = tokio::time::timeout(PATIENCE, self.lines.next_line()).await.expect("a message in time");
        line.unwrap().map(|line| serde_json::from_str(&line).expect("clients send JSON"))
    }

    pub async fn next(&mut self) -> Value {
        self.try_next().await.expect("the client is still there")
    }

    /// Waits for a message of this method.
    pub async fn expect(&mut self, method: &str) -> Value {
        let message = self.next().await;
        assert_eq!(message["method"], method, "{message}");
        message
    }

    /// Answers a request.
    pub async fn answer(&mut self, request: &Value, result: Value) {
        self.send(json!({"jsonrpc": "2.0", "id": request["id"], "result": result})).await;
    }

    /// Answers a request with an error.
    pub async fn fail(&mut self, request: &Value, code: i64, message: &str) {
        let error = json!({"code": code, "message": message});
        self.send(json!({"jsonrpc": "2.0", "id": request["id"], "error": error})).await;
    }

    /// Waits for the next request and answers it.
    pub async fn serve(&mut self, method: &str, result: Value) -> Value {
        let request = self.expect(method).await;
        self.answer(&request, result).await;
        request
    }

    /// Answers `server/discover` as a modern server with every capability.
    pub async fn discover(&mut self) -> Value {
        self.serve("server/discover", discovered()).await
    }

    /// Makes the handshake of a legacy server with every capability.
    pub async fn initialize(&mut self, version: &str) -> Value {
        let request = self.serve("initialize", initialized(version)).await;
        self.expect("notifications/initialized").await;
        request
    }

    /// Reads until the client is gone.
    pub async fn drain(mut self) -> Vec<Value> {
        let mut rest = Vec::new();
        while let Some(message) = self.try_next().await {
            rest.push(message);
        }
        rest
    }
}

pub fn capabilities() -> Value {
    json!({"tools": {"listChanged": true}, "prompts": {"listChanged": true}, "completions": {}, "logging": {},
        "resources": {"subscribe": true, "listChanged": true}})
}

pub fn discovered() -> Value {
    json!({"resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": capabilities(),
        "ttlMs": 0, "cacheScope": "private", "instructions": "be kind",
        "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "scripted", "version": "1"}}})
}

pub fn initialized(version: &str) -> Value {
    json!({"protocolVersion": version, "capabilities": capabilities(),
        "serverInfo": {"name": "scripted", "version": "1"}})
}

/// A tool's result of one text.
pub fn text(text: &str) -> Value {
    json!({"resultType": "complete", "content": [{"type": "text", "text": text}]})
}

/// Connects to a scripted server of one era.
pub async fn connected(builder: ClientBuilder, era: Era) -> (Client, Peer) {
    let (transport, mut peer) = pair();
    let shaking = async {
        match era {
            Era::Legacy => peer.initialize("2025-11-25").await,
            _ => peer.discover().await,
        };
        peer
    };
    let (client, peer) = tokio::join!(builder.era(era).connect(transport), shaking);
    (client.unwrap(), peer)
}

/// Waits for an outcome that has to come.
pub async fn soon<T>(outcome: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, outcome).await.expect("an outcome in time")
}

/// Waits for a failure that has to come.
pub async fn failure<T: std::fmt::Debug>(outcome: impl Future<Output = Result<T, Error>>) -> Error {
    soon(outcome).await.unwrap_err()
}
