//! A web server that answers as a test tells it to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use turbomcp::client::{Client, ClientBuilder, Error};

use crate::peer::{discovered, initialized, soon};

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Request {
    pub verb: String,
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: Value,
    pub at: Instant,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The method of MCP; empty if there is none.
    pub fn method(&self) -> &str {
        self.body["method"].as_str().unwrap_or_default()
    }
}

/// What is written to the connection, piece by piece.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    pieces: Vec<Vec<u8>>,
    /// How long the server takes to think of it.
    after: Duration,
    /// Whether the connection is then held open until the client closes it.
    hold: bool,
}

impl Reply {
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self { pieces: vec![bytes.into()], ..Self::default() }
    }

    pub fn status(status: u16, headers: &str, body: &str) -> Self {
        let length = body.len();
        Self::raw(format!(
            "HTTP/1.1 {status} X\r\n{headers}connection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        ))
    }

    pub fn json(status: u16, body: &Value) -> Self {
        Self::status(status, "content-type: application/json\r\n", &body.to_string())
    }

    pub fn accepted() -> Self {
        Self::status(202, "", "")
    }

    /// A result for a request.
    pub fn result(request: &Request, result: Value) -> Self {
        Self::json(200, &json!({"jsonrpc": "2.0", "id": request.body["id"], "result": result}))
    }

    pub fn error(request: &Request, status: u16, error: Value) -> Self {
        Self::json(status, &json!({"jsonrpc": "2.0", "id": request.body["id"], "error": error}))
    }

    /// An event stream that ends with the connection.
    pub fn events(text: &str) -> Self {
        Self::raw(format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n{text}"))
    }

    /// Adds a piece that is written apart from what came before.
    pub fn then(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.pieces.push(bytes.into());
        self
    }

    pub fn holding(mut self) -> Self {
        self.hold = true;
        self
    }

    pub fn after(mut self, time: Duration) -> Self {
        self.after = time;
        self
    }
}

/// The server, and what it was asked.
pub struct Web {
    pub url: String,
    pub requests: Arc<Mutex<Vec<Request>>>,
    /// How many connections the client has closed while they were held open.
    pub dropped: Arc<Mutex<usize>>,
    accepting: JoinHandle<()>,
}

impl Drop for Web {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Web {
    /// Starts a server whose every answer a function makes.
    pub async fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let dropped = Arc::new(Mutex::new(0));
        let answer = Arc::new(answer);
        let accepting = tokio::spawn({
            let (requests, dropped) = (requests.clone(), dropped.clone());
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let (answer, requests, dropped) = (answer.clone(), requests.clone(), dropped.clone());
                    tokio::spawn(async move {
                        serve(stream, answer.as_ref(), &requests, &dropped).await;
                    });
                }
            }
        });
        Self { url, requests, dropped, accepting }
    }

    /// Starts a modern server; a function answers everything but `server/discover`.
    pub async fn modern(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::start(move |request| match request.method() {
            "server/discover" => Reply::result(request, discovered()),
            _ => answer(request),
        })
        .await
    }

    /// Starts a legacy server without a listening stream; a function answers what is beyond the handshake.
    pub async fn legacy(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::start(move |request| legacy(request).unwrap_or_else(|| answer(request))).await
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// Returns the requests of one method of MCP.
    pub fn of(&self, method: &str) -> Vec<Request> {
        self.requests().into_iter().filter(|request| request.method() == method).collect()
    }
}

/// The handshake of a legacy server.
pub fn legacy(request: &Request) -> Option<Reply> {
    Some(match (request.verb.as_str(), request.method()) {
        ("POST", "server/discover") => Reply::status(400, "", ""),
        ("POST", "initialize") => Reply::result(request, initialized("2025-11-25")),
        ("POST", "notifications/initialized") => Reply::accepted(),
        ("GET", _) if request.header("last-event-id").is_none() => Reply::status(405, "", ""),
        _ => return None,
    })
}

async fn serve(
    mut stream: TcpStream,
    answer: &(impl Fn(&Request) -> Reply + ?Sized),
    requests: &Mutex<Vec<Request>>,
    dropped: &Mutex<usize>,
) {
    let Some(request) = read(&mut stream).await else { return };
    requests.lock().unwrap().push(request.clone());
    let reply = answer(&request);
    tokio::time::sleep(reply.after).await;
    for piece in reply.pieces {
        if stream.write_all(&piece).await.is_err() {
            return;
        }
        // Apart, so that each piece is likely to arrive by itself.
        tokio::task::yield_now().await;
    }
    if reply.hold {
        let mut rest = [0; 16];
        if matches!(stream.read(&mut rest).await, Ok(0) | Err(_)) {
            *dropped.lock().unwrap() += 1;
        }
    }
    let _ = stream.shutdown().await;
}

async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut text = Vec::new();
    let end = loop {
        if let Some(end) = text.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut text).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(text[..end].to_vec()).unwrap();
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (verb, path) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: BTreeMap<_, _> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length: usize = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = text.split_off(end + 4);
    while body.len() < length {
        if stream.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
    Some(Request { verb, path, headers, body, at: Instant::now() })
}

pub fn builder() -> ClientBuilder {
    Client::builder().request_timeout(Duration::from_secs(5))
}

pub async fn connect(web: &Web) -> Client {
    soon(builder().connect(web.url.as_str())).await.unwrap()
}

/// Connects to a modern server that answers a tool call in one way, and calls it.
pub async fn calling(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Result<String, Error> {
    let web = Web::modern(answer).await;
    let client = builder().max_message_bytes(64 << 10).connect(web.url.as_str()).await.unwrap();
    let result = soon(client.call_tool("x", ()).into_future()).await?;
    Ok(result.content[0].as_text().unwrap().to_owned())
}

pub fn response(request: &Request, result: &Value) -> String {
    json!({"jsonrpc": "2.0", "id": request.body["id"], "result": result}).to_string()
}
