//! What servers and clients count is what was sent, on every binding; here because this is where all of them are.

use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinHandle;
use turbomcp::client::http::HttpTarget;
use turbomcp::client::{Client, Command, Era, IntoTarget, Target, TlsTarget, WsConfig};
use turbomcp::transport::metrics::{Binding, BindingSnapshot, MetricsConfig, TransportMetrics};
use turbomcp::transport::{tcp, unix};
use turbomcp::{Arguments, Context, Error, McpError, McpResult, McpServer, ServerBuilder};

use crate::authority::Authority;
use crate::site::{ERAS, PATIENCE};

/// What is spoken, and what it is counted as.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Way {
    Http,
    Https,
    WebSocket,
    Wss,
    Tcp,
    Tls,
    Unix,
    Memory,
}

pub const WAYS: [Way; 8] =
    [Way::Http, Way::Https, Way::WebSocket, Way::Wss, Way::Tcp, Way::Tls, Way::Unix, Way::Memory];

impl Way {
    /// Returns what the server counts it as, and what the client does.
    fn counted_as(self) -> (Binding, Binding) {
        match self {
            Self::Http | Self::Https => (Binding::Http, Binding::Http),
            Self::WebSocket | Self::Wss => (Binding::WebSocket, Binding::WebSocket),
            // A transport that a client is handed over ready-made is any other.
            Self::Tcp => (Binding::Tcp, Binding::Other),
            Self::Tls => (Binding::Tls, Binding::Tls),
            Self::Unix => (Binding::Unix, Binding::Other),
            Self::Memory => (Binding::Other, Binding::Other),
        }
    }
}

pub fn all() -> TransportMetrics {
    let config = MetricsConfig::new().request_duration_buckets([0.05, 10.0]).connection_pool_size_histogram(true);
    TransportMetrics::new(config)
}

pub fn builder(metrics: &TransportMetrics) -> ServerBuilder {
    let steps = |_: Arguments, ctx: Context| async move {
        for step in 1..=3 {
            ctx.progress(f64::from(step)).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        "done".repeat(1000)
    };
    let refuse = |_: Arguments| async { McpResult::<String>::Err(McpError::invalid_params("no")) };
    let builder = ServerBuilder::new().tool("steps", steps).unwrap().tool("refuse", refuse).unwrap();
    builder.transport_metrics(metrics.clone())
}

fn server(metrics: &TransportMetrics) -> McpServer {
    builder(metrics).build()
}

pub type Serving = JoinHandle<Result<(), Error>>;

/// Starts a server, and says how it is reached.
pub async fn open(way: Way, server: &McpServer, authority: &Authority) -> (Target, Option<Serving>) {
    let config = || authority.server("localhost").config();
    let http = |secure: bool| {
        let http = server.http().websocket("/ws");
        if secure { http.tls(config()) } else { http }
    };
    match way {
        Way::Http | Way::Https | Way::WebSocket | Way::Wss => {
            let secure = matches!(way, Way::Https | Way::Wss);
            let listener = http(secure).bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().port();
            let s = if secure { "s" } else { "" };
            let target = if matches!(way, Way::Http | Way::Https) {
                HttpTarget::new(format!("http{s}://localhost:{port}/mcp")).tls(authority.trusted()).into_target()
            } else {
                WsConfig::new().url(format!("ws{s}://localhost:{port}/ws")).tls(authority.trusted()).into_target()
            };
            (target.unwrap(), Some(tokio::spawn(listener.serve())))
        }
        Way::Tcp => {
            let listener = server.bind_tcp("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr();
            let serving = tokio::spawn(listener.serve());
            (Target::transport(tcp::over(TcpStream::connect(address).await.unwrap())), Some(serving))
        }
        Way::Tls => {
            let listener = server.bind_tls("127.0.0.1:0", config()).await.unwrap();
            let target = TlsTarget::new(format!("localhost:{}", listener.local_addr().port()), authority.trusted());
            (target.into_target().unwrap(), Some(tokio::spawn(listener.serve())))
        }
        Way::Unix => {
            let path = authority.folder.write("placeholder", "").with_file_name("socket");
            let listener = server.bind_unix(&path).unwrap();
            let serving = tokio::spawn(listener.serve());
            (Target::transport(unix::over(UnixStream::connect(&path).await.unwrap())), Some(serving))
        }
        Way::Memory => (server.into_target().unwrap(), None),
    }
}

/// Waits until both sides have counted the same.
async fn settled(
    metrics: &TransportMetrics,
    binding: Binding,
    is_so: impl Fn(&BindingSnapshot) -> bool,
) -> BindingSnapshot {
    let waiting = async {
        loop {
            let snapshot = metrics.snapshot().bindings.remove(&binding).unwrap_or_default();
            if is_so(&snapshot) {
                return snapshot;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let last = || metrics.snapshot();
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("{binding:?}: {:#?}", last()))
}

fn flows(counted: &BindingSnapshot) -> [u64; 4] {
    [counted.messages_received, counted.bytes_received, counted.messages_sent, counted.bytes_sent]
}

#[tokio::test]
async fn f176_both_sides_count_what_was_sent_on_every_binding_in_both_eras() {
    let authority = Authority::new();
    for way in WAYS {
        for era in ERAS {
            let (ours, theirs) = (all(), all());
            let (here, there) = (way.counted_as().1, way.counted_as().0);
            let server = server(&theirs);
            let (target, serving) = open(way, &server, &authority).await;
            let builder = Client::builder().era(era).transport_metrics(ours.clone());
            let client = builder.connect(target).await.unwrap();
            for _ in 0..2 {
                let call = client.call_tool("steps", ()).on_progress(|_| {});
                assert_eq!(call.await.unwrap().content[0].as_text().unwrap().len(), 4000);
            }
            assert!(client.call_tool("refuse", json!({})).await.is_err());
            client.list_tools().fresh().all().await.unwrap();

            // The handshake is a request of the server's, but no call.
            let of_server = settled(&theirs, there, |counted| counted.request_duration.count == 5).await;
            let of_client = ours.snapshot().bindings[&here].clone();
            assert_eq!((of_client.request_duration.count, of_client.requests_failed), (4, 1), "{way:?}");
            assert_eq!(of_server.requests_failed, 1, "{way:?}");
            for counted in [&of_client, &of_server] {
                // Those that report progress take their time, the others do not.
                assert_eq!(counted.request_duration.counts[1], 2, "{way:?} {counted:?}");
                assert!(counted.avg_request_duration > Duration::from_millis(20), "{way:?} {counted:?}");
                assert!(counted.active_connections >= 1, "{way:?} {counted:?}");
                assert_eq!(counted.active_connections, counted.connections_opened, "{way:?} {counted:?}");
                let sizes = counted.connection_pool_size.as_ref().unwrap();
                assert_eq!(sizes.count, counted.connections_opened);
            }
            // An initialize, a notification of it, and 4 calls, or a discovery and 4 calls; answers and 6 times progress.
            let expected = if era == Era::Legacy { (6, 11) } else { (5, 11) };
            assert_eq!((of_client.messages_sent, of_client.messages_received), expected, "{way:?} {era:?}");
            let [messages_received, bytes_received, messages_sent, bytes_sent] = flows(&of_server);
            let mirrored = [messages_sent, bytes_sent, messages_received, bytes_received];
            assert_eq!(flows(&of_client), mirrored, "{way:?} {era:?}");
            assert!(bytes_sent > 8000);

            assert_eq!(ours.snapshot().bindings.len(), 1, "{way:?}");
            client.close().await;
            drop(client);
            settled(&ours, here, |counted| counted.active_connections == 0).await;
            let at_the_end = settled(&theirs, there, |counted| counted.active_connections == 0).await;
            assert_eq!(at_the_end.connections_broken, 0, "{way:?} {era:?}");
            assert_eq!(theirs.snapshot().active_connections, 0, "{way:?} {era:?}");
            if let Some(serving) = serving {
                server.shutdown_handle().shutdown();
                serving.await.unwrap().unwrap();
            }
        }
    }
}

#[tokio::test]
async fn f176_a_process_is_counted_as_stdio() {
    let metrics = all();
    let builder = Client::builder().transport_metrics(metrics.clone());
    let client = builder.connect(Command::new(env!("CARGO_BIN_EXE_fixture-server"))).await.unwrap();
    client.call_tool("add", json!({"a": 1, "b": 2})).await.unwrap();
    let counted = metrics.snapshot().bindings[&Binding::Stdio].clone();
    assert_eq!((counted.active_connections, counted.messages_sent, counted.messages_received), (1, 2, 2));
    client.close().await;
    assert_eq!(metrics.snapshot().active_connections, 0);
}

#[tokio::test]
async fn f176_who_is_turned_away_is_counted() {
    let authority = Authority::new();
    let metrics = all();
    let server = server(&metrics);
    let (http, tls) = (
        server.http().tls(authority.server("localhost").config()).bind("127.0.0.1:0").await.unwrap(),
        server.bind_tls("127.0.0.1:0", authority.server("localhost").config()).await.unwrap(),
    );
    for (address, binding) in [(http.local_addr(), Binding::Http), (tls.local_addr(), Binding::Tls)] {
        assert_eq!(metrics.snapshot().bindings.get(&binding), None);
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"this is no handshake").await.unwrap();
    }
    let port = http.local_addr().port();
    let serving = [tokio::spawn(http.serve()), tokio::spawn(tls.serve())];
    for binding in [Binding::Http, Binding::Tls] {
        settled(&metrics, binding, |counted| counted.handshakes_failed == 1).await;
    }
    let foreign = HttpTarget::new(format!("https://localhost:{port}/mcp")).header("origin", "https://evil.example");
    let builder = Client::builder().era(Era::Legacy);
    let refused = builder.connect(foreign.tls(authority.trusted())).await.unwrap_err();
    assert_eq!(refused.status(), Some(403), "{refused}");
    assert_eq!(metrics.snapshot().bindings[&Binding::Http].connections_refused, 1);
    server.shutdown_handle().shutdown();
    for serving in serving {
        serving.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn f178_a_client_uses_its_connections_again() {
    let metrics = all();
    let server = server(&metrics);
    let listener = server.http().bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr());
    let serving = tokio::spawn(listener.serve());
    let opened = || metrics.snapshot().total.connections_opened;
    let client = Client::builder().era(Era::Modern).connect(url).await.unwrap();
    for _ in 0..20 {
        client.list_tools().fresh().all().await.unwrap();
    }
    assert_eq!(opened(), 1, "one call after the other takes one connection");
    let crowd = || async {
        let calls: Vec<_> = (0..8).map(|_| tokio::spawn(client.call_tool("steps", ()).into_future())).collect();
        for call in calls {
            call.await.unwrap().unwrap();
        }
    };
    crowd().await;
    let after_a_crowd = opened();
    assert!((2..=9).contains(&after_a_crowd), "{after_a_crowd}");
    for _ in 0..20 {
        client.list_tools().fresh().all().await.unwrap();
    }
    assert_eq!(opened(), after_a_crowd, "there are enough of them already");
    serving.abort();
}
