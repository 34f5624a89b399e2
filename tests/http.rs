//! A client of HTTP/1.1 that writes what it is told and hides nothing of the answer.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base64::Engine;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use turbomcp::{Error, HttpServer, McpServer};

use crate::client::{PATIENCE, initialize_params, modern};
use crate::schema::Judge;

/// A server that listens on a port of its own.
pub struct Site {
    /// Where it listens.
    pub address: SocketAddr,
    serving: JoinHandle<Result<(), Error>>,
}

impl Site {
    /// Starts a server.
    pub async fn start(server: &McpServer) -> Self {
        Self::serve(server.http()).await
    }

    /// Starts a server with these settings.
    pub async fn serve(settings: HttpServer) -> Self {
        let listener = settings.bind("127.0.0.1:0").await.unwrap();
        Self { address: listener.local_addr(), serving: tokio::spawn(listener.serve()) }
    }

    /// Returns a client.
    pub fn client(&self) -> Http {
        Http { address: self.address, judge: Arc::default(), session: None, version: None }
    }

    /// Returns a client that has made the legacy handshake.
    pub async fn legacy(&self, version: &str, capabilities: Value) -> Http {
        let mut client = self.client();
        client.initialize(version, capabilities).await;
        client
    }

    /// Waits until the server has ended.
    pub async fn ended(self) -> Result<(), Error> {
        tokio::time::timeout(PATIENCE, self.serving).await.expect("it ends in time").unwrap()
    }
}

/// A client: what it is sent it holds against the schema.
#[derive(Clone)]
pub struct Http {
    address: SocketAddr,
    judge: Arc<Mutex<Judge>>,
    /// The legacy session.
    pub session: Option<String>,
    version: Option<String>,
}

impl Http {
    /// Talks to a server at this address.
    pub fn at(address: SocketAddr) -> Self {
        Self { address, judge: Arc::default(), session: None, version: None }
    }

    /// Returns another client of the same server, which knows nothing yet.
    pub fn another(&self) -> Self {
        Self { address: self.address, judge: Arc::default(), session: None, version: None }
    }

    /// Returns the same client, with its session, as it talks to another replica.
    pub fn moved_to(&self, site: &Site) -> Self {
        Self { address: site.address, ..self.clone() }
    }

    /// Makes the legacy handshake and returns the result.
    pub async fn initialize(&mut self, version: &str, capabilities: Value) -> Value {
        let mut reply = self.send(Request::post(&initialize(version, capabilities))).await;
        assert_eq!(reply.status, 200);
        self.session = reply.header("mcp-session-id").map(str::to_owned);
        self.version = (version != "2025-03-26").then(|| version.to_owned());
        let result = reply.message().await["result"].take();
        assert_eq!(result["protocolVersion"], version);
        assert_eq!(self.post(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await.status, 202);
        result
    }

    /// Returns where the server is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Expects the answer to a request, once more.
    pub fn expect(&self, request: &Value) {
        self.judge.lock().unwrap().sent(request.to_string().as_bytes());
    }

    /// Adds the headers of the session to a request.
    pub fn within(&self, mut request: Request) -> Request {
        if let Some(id) = &self.session {
            request = request.header("Mcp-Session-Id", id);
        }
        if let Some(version) = &self.version {
            request = request.header("MCP-Protocol-Version", version);
        }
        request
    }

    /// Posts a message within the session.
    pub async fn post(&self, message: &Value) -> Reply {
        self.send(self.within(Request::post(message))).await
    }

    /// Sends a legacy request within the session and waits for its answer, past all notifications.
    pub async fn call(&self, method: &str, params: Value) -> Value {
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        self.post(&request).await.answer().await
    }

    /// Sends a modern request with id 1 and waits for its answer, past all notifications.
    pub async fn modern(&self, method: &str, params: Value, capabilities: Value) -> Value {
        self.send(Request::modern(&modern(1, method, params, capabilities))).await.answer().await
    }

    /// Calls a tool in the modern era, with no capabilities.
    pub async fn tool(&self, name: &str, arguments: Value) -> Value {
        self.modern("tools/call", json!({"name": name, "arguments": arguments}), json!({})).await
    }

    /// Opens the stream of messages that belong to no request.
    pub async fn listen(&self) -> Reply {
        self.send(self.within(Request::get())).await
    }

    /// Goes on with a stream behind an event.
    pub async fn resume(&self, event: &str) -> Reply {
        self.send(self.within(Request::get()).header("Last-Event-ID", event)).await
    }

    /// Sends a request on a connection of its own and reads the head of the answer.
    pub async fn send(&self, request: Request) -> Reply {
        self.judge.lock().unwrap().sent(&request.body);
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // A server that refuses early need not take the rest.
        let _ = stream.write_all(&request.bytes(self.address)).await;
        Reply::read(stream, self.judge.clone()).await.expect("an answer")
    }

    /// Sends bytes as they are on a connection of their own; none if the server closes it without an answer.
    pub async fn raw(&self, bytes: &[u8]) -> Option<Reply> {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let _ = stream.write_all(bytes).await;
        Reply::read(stream, self.judge.clone()).await
    }

    /// Makes sure that the server answers.
    pub async fn sync(&self) {
        let answer = self.another().tool("echo", json!({"text": "still there"})).await;
        assert_eq!(answer["result"]["content"][0]["text"], "still there", "{answer}");
    }
}

fn initialize(version: &str, capabilities: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": initialize_params(version, capabilities)})
}

/// A request, header by header.
#[derive(Clone)]
pub struct Request {
    method: String,
    path: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Request {
    fn new(method: &str) -> Self {
        Self { method: method.to_owned(), path: "/mcp".to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    /// Opens a stream.
    pub fn get() -> Self {
        Self::new("GET").header("Accept", "text/event-stream")
    }

    /// Ends a session.
    pub fn delete() -> Self {
        Self::new("DELETE")
    }

    /// Posts a message with the headers every client sends.
    pub fn post(message: &Value) -> Self {
        Self::post_text(message.to_string())
    }

    /// Posts text with the headers every client sends.
    pub fn post_text(body: impl Into<Vec<u8>>) -> Self {
        let mut request = Self::new("POST")
            .header("Content-Type", "application/json")
            .header("Accept", "application/json, text/event-stream");
        request.body = body.into();
        request
    }

    /// Posts a modern request, with the headers that mirror it.
    pub fn modern(message: &Value) -> Self {
        let (method, params) = (message["method"].as_str().unwrap_or_default(), &message["params"]);
        let version = params["_meta"]["io.modelcontextprotocol/protocolVersion"].as_str().unwrap_or("2026-07-28");
        let mut request = Self::post(message).header("MCP-Protocol-Version", version).header("Mcp-Method", method);
        let name = match method {
            "tools/call" | "prompts/get" => params["name"].as_str(),
            "resources/read" => params["uri"].as_str(),
            _ => None,
        };
        if let Some(name) = name {
            request = request.header("Mcp-Name", encoded(name));
        }
        request
    }

    /// Sets the method of HTTP.
    pub fn method(mut self, method: &str) -> Self {
        self.method = method.to_owned();
        self
    }

    /// Sets the path.
    pub fn path(mut self, path: &str) -> Self {
        self.path = path.to_owned();
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Adds a header, beside any of the same name.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Removes a header.
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self
    }

    /// Replaces a header.
    pub fn with(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.without(name).header(name, value)
    }

    /// Writes the request.
    pub fn bytes(&self, address: SocketAddr) -> Vec<u8> {
        let mut out = format!("{} {} HTTP/1.1\r\n", self.method, self.path).into_bytes();
        let given = |name: &str| self.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
        let mut headers = self.headers.clone();
        if !given("host") {
            headers.insert(0, ("Host".to_owned(), address.to_string().into_bytes()));
        }
        if !given("content-length") && !given("transfer-encoding") && self.method == "POST" {
            headers.push(("Content-Length".to_owned(), self.body.len().to_string().into_bytes()));
        }
        for (name, value) in &headers {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
        if self.method == "POST" {
            out.extend_from_slice(&self.body);
        }
        out
    }
}

/// Writes a value as the headers that mirror it do.
pub fn encoded(value: &str) -> String {
    let plain = value.bytes().all(|byte| (0x20..0x7f).contains(&byte)) && value.trim_matches(' ') == value;
    match plain && !(value.starts_with("=?base64?") && value.ends_with("?=")) {
        true => value.to_owned(),
        false => format!("=?base64?{}?=", base64::engine::general_purpose::STANDARD.encode(value)),
    }
}

/// An answer: its head, and the rest as it comes.
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The headers, in order, their names in lower case.
    pub headers: Vec<(String, String)>,
    stream: TcpStream,
    judge: Arc<Mutex<Judge>>,
    /// What was read of the body and not taken yet, without its framing.
    body: Vec<u8>,
    framed: Vec<u8>,
    framing: Framing,
    events: VecDeque<Event>,
}

enum Framing {
    Length(usize),
    Chunked,
    ToTheEnd,
    Over,
}

/// An event of a stream.
#[derive(Debug, Clone)]
pub struct Event {
    /// Its id.
    pub id: Option<String>,
    /// How long to wait before coming back.
    pub retry: Option<u64>,
    /// Its message; none for an event without data.
    pub message: Option<Value>,
}

impl Reply {
    async fn read(mut stream: TcpStream, judge: Arc<Mutex<Judge>>) -> Option<Self> {
        let mut head = Vec::new();
        let end = loop {
            if let Some(at) = head.windows(4).position(|four| four == b"\r\n\r\n") {
                break at;
            }
            let mut buffer = [0; 4096];
            let read = tokio::time::timeout(PATIENCE, stream.read(&mut buffer)).await.expect("an answer in time");
            match read {
                Ok(0) | Err(_) => return None,
                Ok(read) => head.extend_from_slice(&buffer[..read]),
            }
        };
        let framed = head.split_off(end + 4);
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: Vec<(String, String)> = lines
            .map(|line| line.split_once(':').unwrap())
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let header = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let framing = match (header("transfer-encoding"), header("content-length")) {
            (Some("chunked"), _) => Framing::Chunked,
            (_, Some(length)) => Framing::Length(length.parse().unwrap()),
            _ if matches!(status, 202 | 204) => Framing::Over,
            _ => Framing::ToTheEnd,
        };
        let (body, events) = (Vec::new(), VecDeque::new());
        let mut reply = Self { status, headers, stream, judge, body, framed, framing, events };
        reply.unframe();
        Some(reply)
    }

    /// Returns a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Returns true if the answer is a stream of events.
    pub fn is_stream(&self) -> bool {
        self.header("content-type") == Some("text/event-stream")
    }

    /// Reads the one message of a plain answer.
    pub async fn message(&mut self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/json"), "{} {:?}", self.status, self.headers);
        while self.more().await {}
        let message = serde_json::from_slice(&self.body).unwrap();
        self.judge.lock().unwrap().received(&message);
        message
    }

    /// Reads the whole body.
    pub async fn text(&mut self) -> String {
        while self.more().await {}
        String::from_utf8(std::mem::take(&mut self.body)).unwrap()
    }

    /// Waits for the next event; none if the stream is over.
    pub async fn event(&mut self) -> Option<Event> {
        assert!(self.is_stream(), "{} {:?}", self.status, self.headers);
        loop {
            while let Some(end) = self.body.windows(2).position(|two| two == b"\n\n") {
                let text: Vec<u8> = self.body.drain(..end + 2).collect();
                self.events.extend(parse_event(std::str::from_utf8(&text).expect("UTF-8")));
            }
            if let Some(event) = self.events.pop_front() {
                if let Some(message) = &event.message {
                    self.judge.lock().unwrap().received(message);
                }
                return Some(event);
            }
            if !self.more().await {
                assert!(self.body.is_empty(), "half an event: {}", String::from_utf8_lossy(&self.body));
                return None;
            }
        }
    }

    /// Waits for the next message of a stream; none if it is over.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(message) = self.event().await?.message {
                return Some(message);
            }
        }
    }

    /// Waits for the answer, in a stream past everything that comes before it, which has to be its last.
    pub async fn answer(&mut self) -> Value {
        if !self.is_stream() {
            return self.message().await;
        }
        let mut last = None;
        while let Some(message) = self.next().await {
            last = Some(message);
        }
        last.expect("the stream ends with an answer")
    }

    /// Reads every message of a stream to its end.
    pub async fn rest(&mut self) -> Vec<Value> {
        let mut all = Vec::new();
        while let Some(message) = self.next().await {
            all.push(message);
        }
        all
    }

    /// Reads more of the body; false at its end.
    async fn more(&mut self) -> bool {
        if matches!(self.framing, Framing::Over) {
            return false;
        }
        let mut buffer = [0; 16384];
        let read = tokio::time::timeout(PATIENCE, self.stream.read(&mut buffer)).await.expect("more in time");
        match read {
            Ok(0) | Err(_) => self.framing = Framing::Over,
            Ok(read) => {
                self.framed.extend_from_slice(&buffer[..read]);
                self.unframe();
            }
        }
        true
    }

    fn unframe(&mut self) {
        match self.framing {
            Framing::ToTheEnd => self.body.append(&mut self.framed),
            Framing::Length(length) => {
                self.body.append(&mut self.framed);
                if self.body.len() >= length {
                    self.framing = Framing::Over;
                }
            }
            Framing::Chunked => {
                while let Some(end) = self.framed.windows(2).position(|two| two == b"\r\n") {
                    let length = usize::from_str_radix(std::str::from_utf8(&self.framed[..end]).unwrap(), 16).unwrap();
                    if self.framed.len() < end + 2 + length + 2 {
                        return;
                    }
                    self.body.extend_from_slice(&self.framed[end + 2..end + 2 + length]);
                    self.framed.drain(..end + 2 + length + 2);
                    if length == 0 {
                        self.framing = Framing::Over;
                        return;
                    }
                }
            }
            Framing::Over => {}
        }
    }
}

fn parse_event(text: &str) -> Option<Event> {
    let mut event = Event { id: None, retry: None, message: None };
    let (mut data, mut any) = (Vec::new(), false);
    for line in text.lines().filter(|line| !line.starts_with(':')) {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => event.id = Some(value.to_owned()),
            "retry" => event.retry = value.parse().ok(),
            "data" => data.push(value),
            "event" => assert_eq!(value, "message"),
            "" => continue,
            other => panic!("an event has no `{other}`: {text}"),
        }
        any = true;
    }
    let data = data.join("\n");
    event.message = (!data.is_empty()).then(|| serde_json::from_str(&data).unwrap());
    any.then_some(event)
}
