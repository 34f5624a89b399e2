//! HTTP+SSE, the binding of the first revision.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use turbomcp::client::{Client, Era};
use turbomcp::layers::{MiddlewareStack, RateLimitConfig, RateLimitStrategy, RateLimits};
use turbomcp::transport::Identity;
use turbomcp::transport::http::HttpRequest;
use turbomcp::transport::metrics::{Binding, MetricsConfig, TransportMetrics};
use turbomcp::types::ElicitResult;
use turbomcp::{HttpServer, McpServer, Middleware, MiddlewareResult, Next, Request as McpRequest, Response};
use turbomcp_tests::{Request, Site, fixture, initialize_params};

const PATIENCE: Duration = Duration::from_secs(30);

fn offered(server: &McpServer) -> HttpServer {
    server.http().sse("/sse", "/messages")
}

/// A stream, and where it says to post to.
pub(crate) struct Stream {
    lines: BufReader<TcpStream>,
    pub(crate) address: String,
}

impl Stream {
    pub(crate) async fn open(site: &Site, path: &str, headers: &str) -> Self {
        let mut stream = TcpStream::connect(site.address).await.unwrap();
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: {}\r\naccept: text/event-stream\r\n{headers}\r\n", site.address);
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut stream = Self { lines: BufReader::new(stream), address: String::new() };
        assert_eq!(stream.line().await.unwrap(), "HTTP/1.1 200 OK");
        while stream.line().await.unwrap() != "event: endpoint" {}
        stream.address = stream.data().await.unwrap();
        stream
    }

    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = tokio::time::timeout(PATIENCE, self.lines.read_line(&mut line)).await.expect("a line in time");
        (read.unwrap_or(0) > 0).then(|| line.trim_end().to_owned())
    }

    /// Waits for the data of the next event; none if the stream is over.
    async fn data(&mut self) -> Option<String> {
        loop {
            if let Some(data) = self.line().await?.strip_prefix("data: ") {
                return Some(data.to_owned());
            }
        }
    }

    pub(crate) async fn message(&mut self) -> Value {
        serde_json::from_str(&self.data().await.expect("a message")).unwrap()
    }
}

fn initialize() -> Request {
    let params = initialize_params("2024-11-05", json!({}));
    Request::post(&json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}))
}

#[tokio::test]
async fn f158_our_client_is_served_by_http_and_sse() {
    let site = Site::serve(offered(&fixture::server())).await;
    let builder = Client::builder().era(Era::Legacy).on_elicit(|_| async { Ok(ElicitResult::decline()) });
    let client = builder.connect(format!("http://{}/sse", site.address)).await.unwrap();
    assert!(client.revision().is_legacy());
    assert_eq!(client.call_tool_as::<i64>("add", json!({"a": 1, "b": 2})).await.unwrap(), 3);
    let large = client.call_tool("large", json!({"bytes": 1_000_000})).await.unwrap();
    assert_eq!(large.content[0].as_text().unwrap().len(), 1_000_000);
    let asked = client.call_tool("ask", json!({})).await.unwrap();
    assert_eq!(asked.content[0].as_text(), Some("Decline"));
    client.close().await;
}

#[tokio::test]
async fn f158_a_stream_is_counted_as_the_connection_that_it_is() {
    let metrics = TransportMetrics::new(MetricsConfig::new());
    let server = fixture::builder().transport_metrics(metrics.clone()).build();
    let site = Site::serve(offered(&server)).await;
    let mut stream = Stream::open(&site, "/sse", "").await;
    let client = site.client();
    assert_eq!(client.send(initialize().path(&stream.address)).await.status, 202);
    stream.message().await;
    let counted = &metrics.snapshot().bindings[&Binding::Http];
    assert_eq!((counted.connections_opened, counted.active_connections), (2, 2), "the stream, and who posts");
}

#[tokio::test]
async fn f158_a_stream_says_where_to_post_to() {
    let site = Site::serve(offered(&fixture::server())).await;
    let mut stream = Stream::open(&site, "/sse", "").await;
    let (path, id) = stream.address.split_once("?sessionId=").unwrap();
    // Six bits a character: more than 128 of them.
    assert!(path == "/messages" && id.len() >= 22, "{}", stream.address);
    let other = Stream::open(&site, "/sse", "").await;
    assert_ne!(other.address, stream.address);

    let client = site.client();
    assert_eq!(client.send(initialize().path(&stream.address)).await.status, 202);
    assert_eq!(stream.message().await["result"]["protocolVersion"], "2024-11-05");
    assert_eq!(client.send(Request::post_text("{]").path(&stream.address)).await.status, 202);
    assert_eq!(stream.message().await["error"]["code"], -32700);

    let json = "application/json";
    for (request, status) in [
        (initialize().path("/sse"), 405),
        (initialize().path("/messages"), 400),
        (initialize().path("/messages?sessionId=nobody"), 404),
        (initialize().path(&stream.address).with("Content-Type", "text/plain"), 415),
        (initialize().path(&stream.address).header("Origin", "https://evil.example"), 403),
        (Request::get().path(&stream.address), 405),
        (Request::get().path("/sse").with("Accept", json), 406),
        (Request::get().path("/sse").header("Origin", "https://evil.example"), 403),
    ] {
        assert_eq!(
            client.send(request.clone()).await.status,
            status,
            "{:?}",
            request.bytes(site.address).escape_ascii()
        );
    }
}

#[tokio::test]
async fn f158_a_server_has_no_such_paths_unless_it_is_told_to() {
    let site = Site::start(&fixture::server()).await;
    assert_eq!(site.client().send(Request::get().path("/sse")).await.status, 404);
    for (stream, messages) in [("/a", "/a"), ("/mcp", "/b"), ("/a", "/mcp"), ("/ws", "/b"), ("a", "/b"), ("/a", "/{b}")]
    {
        let settings = fixture::server().http().websocket("/ws").sse(stream, messages);
        assert!(settings.bind("127.0.0.1:0").await.unwrap_err().is_configuration(), "{stream} {messages}");
    }
}

/// Takes who sends something from a header.
#[derive(Debug)]
struct Names;

impl Middleware for Names {
    async fn process(&self, mut request: McpRequest, next: Next) -> MiddlewareResult<Response> {
        let head = request.extensions().get::<HttpRequest>();
        let name = head.and_then(|head| head.headers().get("x-name")).map(|name| name.to_str().unwrap().to_owned());
        match name.as_deref() {
            Some("nobody") => Ok(Response::unauthorized("log in first")),
            Some(name) => {
                request.extensions_mut().insert(Identity::new(name));
                next.run(request).await
            }
            None => next.run(request).await,
        }
    }
}

#[tokio::test]
async fn f158_a_stream_belongs_to_whoever_opened_it() {
    let site = Site::serve(offered(&fixture::builder().middleware(Names).build())).await;
    let client = site.client();
    assert_eq!(client.send(Request::get().path("/sse").header("x-name", "nobody")).await.status, 401);
    let mut stream = Stream::open(&site, "/sse", "x-name: ada\r\n").await;
    for (name, status) in [("nobody", 401), ("eve", 403), ("ada", 202)] {
        let request = initialize().path(&stream.address).header("x-name", name);
        assert_eq!(client.send(request).await.status, status, "{name}");
    }
    assert_eq!(client.send(initialize().path(&stream.address)).await.status, 403, "who says nothing is not Ada");
    assert_eq!(stream.message().await["id"], 0, "only Ada was heard");
    let who = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "who", "arguments": {}}});
    let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    for message in [initialized, who] {
        let request = Request::post(&message).path(&stream.address).header("x-name", "ada");
        assert_eq!(client.send(request).await.status, 202);
    }
    assert_eq!(stream.message().await["id"], 1);
}

#[tokio::test]
async fn f158_streams_are_bounded_and_end_with_their_client() {
    let site = Site::serve(offered(&fixture::limited(|limits| limits.sessions = 1))).await;
    let stream = Stream::open(&site, "/sse", "").await;
    let full = || async { site.client().send(Request::get().path("/sse")).await.status };
    assert_eq!(full().await, 503);
    let address = stream.address.clone();
    drop(stream);
    let started = std::time::Instant::now();
    while site.client().send(initialize().path(&address)).await.status != 404 {
        assert!(started.elapsed() < PATIENCE, "the place is not given up");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(full().await, 200);
}

#[tokio::test]
async fn f158_streams_end_with_the_server() {
    let server = fixture::server();
    let site = Site::serve(offered(&server)).await;
    let mut stream = Stream::open(&site, "/sse", "").await;
    let shutdown = server.shutdown_handle();
    let ((), ended) = tokio::join!(shutdown.shutdown(), site.ended());
    ended.unwrap();
    assert_eq!(stream.data().await, None);
}

#[tokio::test]
async fn f158_a_nested_router_says_where_it_is() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = axum::Router::new().nest("/api", offered(&fixture::server()).into_router().unwrap());
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });
    let client = Client::builder().era(Era::Legacy).connect(format!("http://{address}/api/sse")).await.unwrap();
    assert_eq!(client.call_tool_as::<i64>("add", json!({"a": 1, "b": 2})).await.unwrap(), 3);
    client.close().await;
    serving.abort();
}

#[tokio::test]
async fn f171_the_messages_of_a_batch_over_http_and_sse_are_counted_one_by_one() {
    let day = Duration::from_secs(24 * 60 * 60);
    let limits = RateLimits { requests_per_period: 1, period: day, burst_size: Some(6) };
    let stack = MiddlewareStack::new().with_rate_limit(RateLimitConfig::new(RateLimitStrategy::PerIp, limits));
    let server = fixture::builder().with_middleware_stack(stack).unwrap().build();
    let site = Site::serve(offered(&server)).await;
    let mut stream = Stream::open(&site, "/sse", "").await;
    let client = site.client();
    let params = initialize_params("2025-03-26", json!({}));
    let initialize = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params});
    let ready = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    for message in [initialize, ready] {
        assert_eq!(client.send(Request::post(&message).path(&stream.address)).await.status, 202);
    }
    stream.message().await;
    // Opening the stream and two messages were three; the body of the batch is one, and so is each of its messages.
    let batch: Vec<_> = (1..=6).map(|id| json!({"jsonrpc": "2.0", "id": id, "method": "ping"})).collect();
    assert_eq!(client.send(Request::post(&json!(batch)).path(&stream.address)).await.status, 202);
    let answers = stream.message().await;
    let refused = answers.as_array().unwrap().iter().filter(|answer| answer["error"]["code"] == 429).count();
    assert_eq!(refused, 4, "{answers}");
}
