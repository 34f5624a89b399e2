//! An example that listens, and an HTTP client of the simplest kind for it.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::child::{Era, PATIENCE, path_of, signal, text_of};

/// A running example that listens on a port of its own.
pub struct Server {
    child: Child,
    address: SocketAddr,
    path: &'static str,
    /// Sent with each request.
    pub headers: Vec<(&'static str, String)>,
    era: Era,
    session: Option<String>,
    last_id: i64,
}

/// What a server answered.
pub struct Answer {
    pub status: u16,
    pub headers: HashMap<String, String>,
    pub body: String,
}

impl Answer {
    /// Returns the messages in it: one as JSON, or those of an event stream.
    pub fn messages(&self) -> Vec<Value> {
        let read = |text: &str| serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        match self.headers.get("content-type").map(String::as_str) {
            Some("text/event-stream") => {
                let data = self.body.lines().filter_map(|line| line.strip_prefix("data:"));
                data.map(str::trim).filter(|data| !data.is_empty()).map(read).collect()
            }
            _ => vec![read(&self.body)],
        }
    }
}

impl Server {
    /// Starts an example that takes its address as an argument, and waits until it listens.
    pub fn start(name: &str, path: &'static str, era: Era) -> Self {
        Self::start_by(name, path, era, |command, address| {
            command.arg(address.to_string());
        })
    }

    /// Starts an example that is told its address by `tell`, and waits until it listens.
    pub fn start_by(name: &str, path: &'static str, era: Era, tell: impl Fn(&mut Command, SocketAddr)) -> Self {
        for _ in 0..5 {
            let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
            let mut command = Command::new(path_of(name));
            tell(command.stdin(Stdio::null()), address);
            let child = command.spawn().unwrap();
            let headers = Vec::new();
            let mut server = Self { child, address, path, headers, era, session: None, last_id: 0 };
            if server.is_listening() {
                return server;
            }
        }
        panic!("{name} does not listen");
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn process(&self) -> &Child {
        &self.child
    }

    /// False if the process has ended, as it does if another has taken the port meanwhile.
    fn is_listening(&mut self) -> bool {
        let started = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            assert!(started.elapsed() < PATIENCE, "nothing listens on {}", self.address);
            thread::sleep(Duration::from_millis(10));
        }
        true
    }

    /// Returns where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends an HTTP request on a connection of its own; a header that is given twice is sent as it was given last.
    pub fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        read(&mut self.open(method, path, headers, body))
    }

    fn open(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> BufReader<TcpStream> {
        let mut lines: HashMap<&str, &str> = HashMap::new();
        let host = self.address.to_string();
        lines.extend([("host", &host[..]), ("connection", "close")]);
        lines.extend(self.headers.iter().map(|(name, value)| (*name, &value[..])));
        lines.extend(headers.iter().copied());
        let length = body.len().to_string();
        lines.insert("content-length", &length);
        let mut head = format!("{method} {path} HTTP/1.1\r\n");
        for (name, value) in lines {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(format!("{head}\r\n{body}").as_bytes()).unwrap();
        BufReader::new(stream)
    }

    /// Posts a message to the endpoint, with the headers of its era.
    pub fn post(&self, message: &Value, headers: &[(&str, &str)]) -> Answer {
        read(&mut self.open_post(message, headers))
    }

    /// Posts a message and returns the answer before it has ended.
    pub fn open_post(&self, message: &Value, headers: &[(&str, &str)]) -> BufReader<TcpStream> {
        let mut all = vec![("content-type", "application/json"), ("accept", "application/json, text/event-stream")];
        if self.era == Era::Modern {
            all.push(("mcp-protocol-version", "2026-07-28"));
            all.extend(message["method"].as_str().map(|method| ("mcp-method", method)));
            all.extend(message["params"]["name"].as_str().map(|name| ("mcp-name", name)));
        } else if let Some(session) = &self.session {
            all.extend([("mcp-session-id", &session[..]), ("mcp-protocol-version", "2025-11-25")]);
        }
        all.extend(headers);
        self.open("POST", self.path, &all, &message.to_string())
    }

    /// Opens a session, in the legacy era.
    pub fn initialize(&mut self) {
        if self.era == Era::Modern {
            return;
        }
        let params = json!({"protocolVersion": "2025-11-25", "capabilities": {},
            "clientInfo": {"name": "test", "version": "0"}});
        let message = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params});
        let answer = self.post(&message, &[]);
        assert_eq!(answer.messages()[0]["result"]["protocolVersion"], "2025-11-25", "{}", answer.body);
        self.session = Some(answer.headers["mcp-session-id"].clone());
        let initialized = self.post(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}), &[]);
        assert_eq!(initialized.status, 202);
    }

    /// Ends the session, in the legacy era.
    pub fn end_session(&mut self) {
        if let Some(session) = self.session.take() {
            let headers = [("mcp-session-id", &session[..])];
            assert!((200..300).contains(&self.request("DELETE", self.path, &headers, "").status));
        }
    }

    /// Returns the message that calls a tool.
    pub fn message(&mut self, tool: &str, arguments: Value) -> Value {
        self.message_of("tools/call", json!({"name": tool, "arguments": arguments}))
    }

    /// Returns the message of a request.
    pub fn message_of(&mut self, method: &str, mut params: Value) -> Value {
        self.last_id += 1;
        if self.era == Era::Modern {
            params["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientCapabilities": {},
            });
        }
        json!({"jsonrpc": "2.0", "id": self.last_id, "method": method, "params": params})
    }

    /// Calls a tool that succeeds and returns the text it answers with.
    #[track_caller]
    pub fn text(&mut self, tool: &str, arguments: Value, headers: &[(&str, &str)]) -> String {
        let message = self.message(tool, arguments);
        let answer = self.post(&message, headers);
        assert_eq!(answer.status, 200, "{}", answer.body);
        let messages = answer.messages();
        let last = messages.last().unwrap();
        assert_eq!(last["id"], message["id"], "{last}");
        assert_ne!(last["result"]["isError"], true, "{last}");
        text_of(&last["result"])
    }

    /// Sends a signal to the process and waits for it to end.
    pub fn end_by(self, name: &str) -> ExitStatus {
        signal(&self.child, name);
        self.ended()
    }

    /// Waits for the process to end.
    pub fn ended(mut self) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(started.elapsed() < PATIENCE, "the example does not end");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn read(stream: &mut impl BufRead) -> Answer {
    let mut line = || {
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    };
    let status = line().split(' ').nth(1).and_then(|status| status.parse().ok()).expect("an HTTP answer");
    let mut headers = HashMap::new();
    while let Some((name, value)) = line().split_once(": ") {
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let mut body = Vec::new();
    if headers.get("transfer-encoding").is_some_and(|encoding| encoding == "chunked") {
        loop {
            let mut size = String::new();
            stream.read_line(&mut size).unwrap();
            let size = u64::from_str_radix(size.trim_end(), 16).expect("the size of a chunk");
            let mut chunk = Vec::new();
            stream.take(size + 2).read_to_end(&mut chunk).unwrap();
            if size == 0 {
                break;
            }
            chunk.truncate(chunk.len() - 2);
            body.extend(chunk);
        }
    } else {
        let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
        stream.take(length).read_to_end(&mut body).unwrap();
    }
    Answer { status, headers, body: String::from_utf8(body).unwrap() }
}
