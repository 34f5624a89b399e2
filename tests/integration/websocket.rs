//! Conversations over WebSocket, in both eras.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use turbomcp::client::{Change, Client, ClientBuilder, Era, WsConfig};
use turbomcp::transport::websocket::WebSocketTransport;
use turbomcp::types::{CallToolResult, ElicitResult, SubscriptionFilter, Tool};
use turbomcp::{
    Context, Error, FnTool, McpServer, Middleware, MiddlewareResult, Next, Request, Response, ServerBuilder,
};
use turbomcp_tests::client::PATIENCE;
use turbomcp_tests::{WebSocket, fixture, initialize_params, modern};

use crate::text;

const ERAS: [Era; 2] = [Era::Modern, Era::Legacy];

/// A server that listens for WebSockets.
pub struct Listening {
    pub server: McpServer,
    pub address: SocketAddr,
    serving: JoinHandle<Result<(), Error>>,
}

impl Listening {
    pub async fn start(server: McpServer) -> Self {
        let listener = server.bind_websocket("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr();
        Self { server, address, serving: tokio::spawn(listener.serve()) }
    }

    fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    async fn client(&self, era: Era) -> Client {
        self.client_of(Client::builder(), era).await
    }

    async fn client_of(&self, builder: ClientBuilder, era: Era) -> Client {
        builder.era(era).connect(self.url()).await.unwrap()
    }

    async fn ended(self) {
        self.server.shutdown_handle().shutdown();
        in_time(self.serving).await.unwrap().unwrap();
    }
}

async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("this takes a moment")
}

/// Returns the text of a tool's result.
fn said(result: &CallToolResult) -> &str {
    result.content[0].as_text().unwrap()
}

#[tokio::test]
async fn a_client_without_a_library_is_served_in_both_eras() {
    let listening = Listening::start(fixture::server()).await;
    let add = json!({"name": "add", "arguments": {"a": 1, "b": 2}});
    let mut stranger = WebSocket::connect(listening.address, "/").await;
    stranger.send(&modern(1, "tools/call", add.clone(), json!({}))).await;
    assert_eq!(text(&stranger.next().await), "3");

    let mut stranger = WebSocket::connect(listening.address, "/").await;
    let params = initialize_params("2025-06-18", json!({}));
    stranger.send(&json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params})).await;
    assert_eq!(stranger.next().await["result"]["protocolVersion"], "2025-06-18");
    stranger.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
    stranger.send(&json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": add})).await;
    assert_eq!(text(&stranger.next().await), "3");
    listening.ended().await;
}

#[tokio::test]
async fn tools_are_listed_and_called() {
    let listening = Listening::start(fixture::server()).await;
    for era in ERAS {
        let client = listening.client(era).await;
        assert!(client.list_all_tools().await.unwrap().iter().any(|tool| tool.name == "add"), "{era:?}");
        let sum: i64 = client.call_tool_as("add", json!({"a": 40, "b": 2})).await.unwrap();
        assert_eq!(sum, 42, "{era:?}");
        client.close().await;
        assert!(client.is_closed());
    }
    listening.ended().await;
}

#[tokio::test]
async fn progress_is_heard_while_a_tool_runs() {
    let listening = Listening::start(fixture::server()).await;
    for era in ERAS {
        let client = listening.client(era).await;
        let progress = Arc::new(Mutex::new(Vec::new()));
        let heard = progress.clone();
        let call = client.call_tool("wait", json!({"ms": 5}));
        call.on_progress(move |params| heard.lock().unwrap().push(params.progress)).await.unwrap();
        assert_eq!(*progress.lock().unwrap(), [1.0, 1.5], "{era:?}");
    }
    listening.ended().await;
}

/// A server whose one tool waits for ever, and counts how often that was cut short.
fn patient() -> (McpServer, tokio::sync::watch::Receiver<u32>) {
    let (cut_short, counted) = tokio::sync::watch::channel(0);
    let wait = FnTool::from_request(Tool::new("wait"), move |_, ctx: Context| {
        let cut_short = cut_short.clone();
        async move {
            ctx.progress(1.0).await;
            struct CutShort(tokio::sync::watch::Sender<u32>);
            impl Drop for CutShort {
                fn drop(&mut self) {
                    self.0.send_modify(|count| *count += 1);
                }
            }
            let _cut_short = CutShort(cut_short);
            std::future::pending::<()>().await;
            Ok(CallToolResult::text("never"))
        }
    });
    (ServerBuilder::new().name("patient").tool("wait", wait).unwrap().build(), counted)
}

#[tokio::test]
async fn what_nobody_waits_for_is_cancelled() {
    let (server, mut counted) = patient();
    let listening = Listening::start(server).await;
    for (expected, era) in (1..).zip(ERAS) {
        let client = listening.client(era).await;
        let error = client.call_tool("wait", ()).timeout(Duration::from_millis(50)).await.unwrap_err();
        assert!(error.is_timeout(), "{era:?}: {error}");
        in_time(counted.wait_for(|count| *count == expected)).await.unwrap();
        client.ping().await.unwrap();
    }
    listening.ended().await;
}

#[tokio::test]
async fn a_client_that_is_killed_has_cancelled_everything() {
    let (server, mut counted) = patient();
    let listening = Listening::start(server).await;
    let mut stranger = WebSocket::connect(listening.address, "/").await;
    let params = json!({"name": "wait", "_meta": {"progressToken": 1}});
    stranger.send(&modern(1, "tools/call", params, json!({}))).await;
    assert_eq!(stranger.next().await["method"], "notifications/progress");
    drop(stranger);
    in_time(counted.wait_for(|count| *count == 1)).await.unwrap();
    listening.ended().await;
}

#[tokio::test]
async fn the_server_asks_the_client() {
    let listening = Listening::start(fixture::server()).await;
    for era in ERAS {
        let builder = Client::builder().on_elicit(|_| async {
            Ok(ElicitResult::accept(json!({"name": "Ada", "age": 36}).as_object().cloned().unwrap()))
        });
        let client = listening.client_of(builder, era).await;
        assert_eq!(said(&client.call_tool("ask", ()).await.unwrap()), "Hello, Ada!", "{era:?}");
    }
    listening.ended().await;
}

#[tokio::test]
async fn changes_are_reported_to_whoever_subscribed() {
    let listening = Listening::start(fixture::server()).await;
    for era in ERAS {
        let client = listening.client(era).await;
        let filter = SubscriptionFilter::new().with_tools_list_changed(true);
        let mut subscription = client.subscribe(filter).await.unwrap();
        // Nothing is sent for it in the legacy era, so what the server knows of the client may still be under way.
        client.ping().await.unwrap();
        let name = format!("new-{era:?}");
        listening.server.register_tool(name, |_: turbomcp::Arguments| async { "new" }).unwrap();
        let change = in_time(subscription.next()).await.unwrap().unwrap();
        assert!(matches!(change, Change::Tools), "{era:?}: {change:?}");
    }
    listening.ended().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_calls_at_once_are_each_answered() {
    let listening = Listening::start(fixture::server()).await;
    for era in ERAS {
        let client = listening.client(era).await;
        let calls = (0..1000).map(|a: i64| {
            let client = client.clone();
            tokio::spawn(async move {
                // Some wait, so that answers overtake each other.
                if a % 10 == 0 {
                    client.call_tool("wait", json!({"ms": 5})).await.unwrap();
                }
                client.call_tool_as::<i64>("add", json!({"a": a, "b": 1})).await.unwrap()
            })
        });
        for (a, call) in calls.collect::<Vec<_>>().into_iter().enumerate() {
            assert_eq!(in_time(call).await.unwrap(), i64::try_from(a).unwrap() + 1, "{era:?}");
        }
    }
    listening.ended().await;
}

#[tokio::test]
async fn messages_of_any_size_pass() {
    let listening = Listening::start(fixture::server()).await;
    for era in ERAS {
        let client = listening.client(era).await;
        for bytes in [0, 1, 125, 126, 65_000, 65_535, 65_536, 200_000, 8 << 20] {
            let sent = "y".repeat(bytes);
            let echoed = client.call_tool("echo", json!({"text": sent})).await.unwrap();
            assert!(said(&echoed) == sent, "{era:?}: {bytes} bytes");
        }
    }
    listening.ended().await;
}

#[tokio::test]
async fn a_server_that_ends_lets_requests_finish_and_says_goodbye() {
    let listening = Listening::start(fixture::server()).await;
    let mut stranger = WebSocket::connect(listening.address, "/").await;
    let params = json!({"name": "wait", "arguments": {"ms": 100}, "_meta": {"progressToken": 1}});
    stranger.send(&modern(1, "tools/call", params, json!({}))).await;
    stranger.next().await;
    listening.server.shutdown_handle().shutdown();
    let answer = loop {
        let message = stranger.next().await;
        if message["id"] == 1 {
            break message;
        }
    };
    assert_eq!(text(&answer), "done");
    assert_eq!(stranger.next_frame().await.close_code(), Some(1001));
    stranger.send_frame(0x88, &1001u16.to_be_bytes()).await;
    assert_eq!(stranger.try_next_frame().await, None);
    in_time(listening.serving).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_client_that_says_goodbye_is_answered_in_kind() {
    let listening = Listening::start(fixture::server()).await;
    let mut stranger = WebSocket::connect(listening.address, "/").await;
    stranger.send_frame(0x88, &[0x03, 0xe8, b'b', b'y', b'e']).await;
    let goodbye = stranger.next_frame().await;
    assert_eq!((goodbye.close_code(), &goodbye.payload[2..]), (Some(1000), &b"bye"[..]));
    assert_eq!(stranger.try_next_frame().await, None, "the server closes the connection");
    listening.ended().await;
}

#[tokio::test]
async fn a_client_hears_that_its_server_has_ended() {
    let listening = Listening::start(fixture::server()).await;
    let client = listening.client(Era::Modern).await;
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.call_tool("wait", json!({"ms": 60_000})).await }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    listening.serving.abort();
    let error = in_time(waiting).await.unwrap().unwrap_err();
    assert!(error.is_closed(), "{error}");
    let error = Client::connect(listening.url()).await.unwrap_err();
    assert!(error.is_connect() && error.status().is_none(), "{error:?}");
}

#[tokio::test]
async fn a_silent_client_is_pinged_and_one_that_stays_silent_is_given_up() {
    let server = fixture::limited(|limits| limits.keep_alive = Duration::from_millis(100));
    let listening = Listening::start(server).await;
    let mut stranger = WebSocket::connect(listening.address, "/").await;
    for _ in 0..5 {
        let ping = stranger.next_frame().await;
        assert_eq!(ping.opcode, 9);
        stranger.send_frame(0x8a, &ping.payload).await;
    }
    stranger.send(&modern(1, "tools/call", json!({"name": "nothing"}), json!({}))).await;
    assert_eq!(text(&stranger.next().await), "nothing", "pongs keep it connected");
    while let Some(frame) = stranger.try_next_frame().await {
        assert!(matches!(frame.opcode, 8 | 9), "{frame:?}");
    }
    listening.ended().await;
}

#[tokio::test]
async fn a_client_that_does_not_read_holds_up_nobody_else_and_is_given_up() {
    let server = fixture::limited(|limits| limits.keep_alive = Duration::from_millis(200));
    let listening = Listening::start(server).await;
    let mut stopped = WebSocket::connect(listening.address, "/").await;
    for id in 0..20 {
        let params = json!({"name": "large", "arguments": {"bytes": 4 << 20}});
        stopped.send(&modern(id, "tools/call", params, json!({}))).await;
    }
    let client = listening.client(Era::Modern).await;
    let sum: i64 = in_time(client.call_tool_as("add", json!({"a": 1, "b": 1})).into_future()).await.unwrap();
    assert_eq!(sum, 2);
    client.close().await;
    // Only when nobody is left does the server end before its time.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    listening.server.shutdown_handle().shutdown();
    let ended = tokio::time::timeout(Duration::from_secs(10), listening.serving).await;
    ended.expect("nobody is left").unwrap().unwrap();
    drop(stopped);
}

/// Passes on heads, and nothing that comes after them, as if the network had gone away.
async fn cut(listener: TcpListener, server: SocketAddr) {
    let mut open = Vec::new();
    while let Ok((mut client, _)) = listener.accept().await {
        let mut server = TcpStream::connect(server).await.unwrap();
        let mut head = [0; 4096];
        let length = client.read(&mut head).await.unwrap();
        server.write_all(&head[..length]).await.unwrap();
        let length = server.read(&mut head).await.unwrap();
        client.write_all(&head[..length]).await.unwrap();
        open.push((client, server));
    }
}

#[tokio::test]
async fn a_client_gives_up_a_server_that_is_gone_without_a_word() {
    let listening = Listening::start(fixture::server()).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let cutting = tokio::spawn(cut(listener, listening.address));
    let config = WsConfig::new().url(format!("ws://{address}")).ping_interval(Duration::from_millis(100));
    let error = in_time(Client::builder().era(Era::Legacy).connect(config)).await.unwrap_err();
    assert!(error.is_closed(), "{error:?}");
    cutting.abort();
}

#[tokio::test]
async fn a_handler_reads_the_head_that_opened_the_connection() {
    let who = FnTool::from_request(Tool::new("who"), |_, ctx: Context| async move {
        let tenant = ctx.headers().and_then(|headers| headers.get("x-tenant")).and_then(|value| value.to_str().ok());
        let address = ctx.peer_addr().map(|address| address.ip().to_string()).unwrap_or_default();
        Ok(CallToolResult::text(format!("{} {address}", tenant.unwrap_or("nobody"))))
    });
    let server = ServerBuilder::new().name("who").tool("who", who).unwrap().build();
    let listening = Listening::start(server).await;
    for era in ERAS {
        let target = WsConfig::new().url(listening.url()).header("x-tenant", "blue");
        let client = Client::builder().era(era).connect(target).await.unwrap();
        assert_eq!(said(&client.call_tool("who", ()).await.unwrap()), "blue 127.0.0.1", "{era:?}");
    }
    listening.ended().await;
}

#[tokio::test]
async fn one_listener_has_http_and_websocket() {
    let server = fixture::server();
    let listener = server.http().websocket("/ws").bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr();
    let serving = tokio::spawn(listener.serve());
    for url in [format!("http://{address}/mcp"), format!("ws://{address}/ws")] {
        for era in ERAS {
            let client = Client::builder().era(era).connect(&url).await.unwrap();
            assert_eq!(client.call_tool_as::<i64>("add", json!({"a": 1, "b": 1})).await.unwrap(), 2, "{url} {era:?}");
            client.close().await;
        }
    }
    let error = Client::connect(format!("ws://{address}/elsewhere")).await.unwrap_err();
    assert_eq!((error.is_connect(), error.status()), (true, Some(404)));
    let same = server.http().websocket("/mcp").bind("127.0.0.1:0").await.unwrap_err();
    assert!(same.to_string().contains("/mcp"), "{same}");
    server.shutdown_handle().shutdown();
    in_time(serving).await.unwrap().unwrap();
}

#[tokio::test]
async fn connections_count_for_as_long_as_they_are_open() {
    let listening = Listening::start(fixture::limited(|limits| limits.connections = 1)).await;
    let first = listening.client(Era::Modern).await;
    let second = tokio::spawn(Client::connect(listening.url()));
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!second.is_finished(), "the second is served beside the first");
    first.close().await;
    let second = in_time(second).await.unwrap().unwrap();
    second.ping().await.unwrap();
    listening.ended().await;
}

#[tokio::test]
async fn layers_refuse_a_client_before_it_is_connected() {
    #[derive(Debug)]
    struct Door;
    impl Middleware for Door {
        async fn process(&self, request: Request, next: Next) -> MiddlewareResult<Response> {
            let known = request.extensions().get::<turbomcp::transport::http::HttpRequest>();
            match known.is_some_and(|request| request.headers().contains_key("authorization")) {
                true => next.run(request).await,
                false => Ok(Response::unauthorized("log in first")),
            }
        }
    }
    let listening = Listening::start(fixture::builder().middleware(Door).build()).await;
    let error = Client::connect(listening.url()).await.unwrap_err();
    assert_eq!((error.is_connect(), error.status()), (true, Some(401)), "{error}");
    let target = WsConfig::new().url(listening.url()).header("authorization", "Bearer x");
    Client::connect(target).await.unwrap().ping().await.unwrap();
    listening.ended().await;
}

#[tokio::test]
async fn a_transport_can_be_opened_by_hand() {
    let listening = Listening::start(fixture::server()).await;
    let transport = WebSocketTransport::connect(WsConfig::new().url(listening.url())).await.unwrap();
    let client = Client::connect(transport).await.unwrap();
    assert_eq!(client.call_tool_as::<i64>("add", json!({"a": 1, "b": 1})).await.unwrap(), 2);
    // The answer is one frame of some more bytes.
    let large = json!({"bytes": 10_000});
    for (max, fits) in [(20_000, true), (9_000, false)] {
        let config = WsConfig::new().url(listening.url()).max_frame_size(max);
        let client = Client::connect(WebSocketTransport::connect(config).await.unwrap()).await.unwrap();
        assert_eq!(client.call_tool("large", large.clone()).await.is_ok(), fits, "{max}");
    }
    let compressed = WsConfig::new().url(listening.url()).compression_enabled(true);
    assert!(WebSocketTransport::connect(compressed).await.unwrap_err().is_settings());
    listening.ended().await;
}
