//! Serving over TCP and Unix sockets.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
#[cfg(target_os = "linux")]
use std::time::Duration;

use serde_json::json;
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinHandle;
use turbomcp::transport::PeerCredentials;
use turbomcp::{Context, Error, FnTool, McpServer, ServerBuilder};
use turbomcp_tests::{Client, fixture};

use crate::text;

/// A path nothing is at, in a directory of its own.
fn free_path(name: &str) -> PathBuf {
    let directory = std::env::temp_dir().join(format!("turbomcp-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    directory.join("socket")
}

fn over_tcp(stream: TcpStream) -> Client {
    let (reader, writer) = stream.into_split();
    Client::over(reader, writer)
}

fn over_unix(stream: UnixStream) -> Client {
    let (reader, writer) = stream.into_split();
    Client::over(reader, writer)
}

async fn ended(server: &McpServer, serving: JoinHandle<Result<(), Error>>) {
    server.shutdown_handle().shutdown();
    serving.await.unwrap().unwrap();
}

/// Says who is at the other end.
fn who() -> McpServer {
    let definition = turbomcp::types::Tool::new("who");
    let who = FnTool::from_request(definition, |_, ctx: Context| async move {
        let who = match (ctx.peer_addr(), ctx.extensions().get::<PeerCredentials>()) {
            (Some(address), None) => address.to_string(),
            (None, Some(peer)) => format!("user {}", peer.uid),
            other => format!("{other:?}"),
        };
        Ok(turbomcp::types::CallToolResult::text(who))
    });
    ServerBuilder::new().name("who").tool("who", who).unwrap().build()
}

#[tokio::test]
async fn tcp_serves_both_eras_on_connections_of_their_own() {
    let server = fixture::server();
    let listening = server.bind_tcp("127.0.0.1:0").await.unwrap();
    let address = listening.local_addr();
    let serving = tokio::spawn(listening.serve());
    let mut modern = over_tcp(TcpStream::connect(address).await.unwrap());
    let mut legacy = over_tcp(TcpStream::connect(address).await.unwrap());
    legacy.initialize("2025-06-18", json!({})).await;
    assert_eq!(text(&modern.tool("add", json!({"a": 1, "b": 2})).await), "3");
    assert_eq!(text(&legacy.legacy_tool("add", json!({"a": 2, "b": 2})).await), "4");
    drop(modern);
    assert_eq!(text(&legacy.legacy_tool("add", json!({"a": 3, "b": 2})).await), "5", "the other peer is gone");
    ended(&server, serving).await;
    assert!(legacy.try_next().await.is_none(), "the connection ends with the server");
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_client_finds_a_socket_by_what_names_it() {
    let path = free_path("named");
    let server = fixture::server();
    let tcp = server.bind_tcp("127.0.0.1:0").await.unwrap();
    let named = [format!("tcp://{}", tcp.local_addr()), format!("unix://{}", path.display())];
    let unix = server.bind_unix(&path).unwrap();
    let serving = [tokio::spawn(tcp.serve()), tokio::spawn(unix.serve())];
    for name in &named {
        let client = turbomcp::Client::connect(name).await.unwrap();
        let answer = client.call_tool("add", json!({"a": 1, "b": 2})).await.unwrap();
        assert_eq!(answer.content[0].as_text(), Some("3"), "{name}");
        client.close().await;
    }
    for serving in serving {
        ended(&server, serving).await;
    }
    for name in &named {
        let error = turbomcp::Client::connect(name).await.unwrap_err();
        let (_, place) = name.split_once("://").unwrap();
        assert!(error.is_connect() && error.to_string().contains(&format!("at {place} cannot be reached")), "{error}");
    }
    let error = turbomcp::Client::connect("unix://notes.socket").await.unwrap_err();
    assert!(error.is_connect() && error.to_string().contains("whole path of a socket"), "{error}");
}

#[tokio::test]
async fn a_handler_sees_who_is_at_the_other_end_of_a_socket() {
    let server = who();
    let listening = server.bind_tcp("127.0.0.1:0").await.unwrap();
    let stream = {
        let address = listening.local_addr();
        tokio::spawn(listening.serve());
        TcpStream::connect(address).await.unwrap()
    };
    let ours = stream.local_addr().unwrap().to_string();
    assert_eq!(text(&over_tcp(stream).tool("who", json!({})).await), ours);

    let path = free_path("who");
    let listening = server.bind_unix(&path).unwrap();
    tokio::spawn(listening.serve());
    let stream = UnixStream::connect(&path).await.unwrap();
    let ours = format!("user {}", stream.peer_cred().unwrap().uid());
    assert_eq!(text(&over_unix(stream).tool("who", json!({})).await), ours);
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let server = fixture::server();
    let taken = server.bind_tcp("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr();
    let error = server.http().bind(address).await.unwrap_err();
    assert!(error.is_bind());
    assert_eq!(error.to_string(), format!("cannot listen on {address}"));
    // As `main` shows it that returns it.
    assert!(format!("{error:?}").starts_with(&format!("cannot listen on {address}: ")), "{error:?}");
    let error = server.bind_tcp("no-port").await.unwrap_err();
    assert!(error.is_bind() && format!("{error:?}").contains("cannot be resolved: "), "{error:?}");
}

#[tokio::test]
async fn a_unix_socket_is_its_owners_and_goes_with_the_server() {
    let server = fixture::server();
    let path = free_path("owner");
    let listening = server.bind_unix(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let serving = tokio::spawn(listening.serve());
    let mut client = over_unix(UnixStream::connect(&path).await.unwrap());
    assert_eq!(text(&client.tool("add", json!({"a": 1, "b": 2})).await), "3");
    let taken = server.bind_unix(&path).unwrap_err();
    assert!(taken.is_bind() && taken.to_string() == format!("cannot listen on {}", path.display()), "{taken}");
    ended(&server, serving).await;
    assert!(!path.exists());
}

#[tokio::test]
async fn a_socket_nobody_listens_on_is_replaced_and_a_file_is_not() {
    let server = fixture::server();
    let path = free_path("stale");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "closing a listener leaves its file");
    drop(server.bind_unix(&path).unwrap());
    std::fs::write(&path, "precious").unwrap();
    assert!(server.bind_unix(&path).unwrap_err().is_bind());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    std::fs::remove_file(&path).unwrap();
}

/// In a container every process may have the number of the one before it.
#[tokio::test]
async fn a_socket_that_was_never_put_in_its_place_is_not_in_the_way() {
    let server = fixture::server();
    let path = free_path("made");
    let made = path.with_file_name(format!("{}.{}", path.file_name().unwrap().display(), std::process::id()));
    drop(std::os::unix::net::UnixListener::bind(&made).unwrap());
    drop(server.bind_unix(&path).unwrap());
    assert!(!made.exists());
}

#[tokio::test]
async fn f161_a_socket_may_be_opened_to_a_group() {
    let path = free_path("group");
    let server = fixture::server();
    let mode = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    let listening = server.bind_unix(&path).unwrap().permissions(0o660).unwrap();
    assert_eq!(mode(), 0o660);
    drop(listening);
    let listening = server.http().bind_unix(&path).unwrap();
    assert_eq!(mode(), 0o600);
    let listening = listening.permissions(0o660).unwrap();
    assert_eq!(mode(), 0o660);
    std::fs::remove_file(&path).unwrap();
    assert!(listening.permissions(0o666).unwrap_err().is_bind());
}

/// Reads which timer runs at each end of each connection to this port.
#[cfg(target_os = "linux")]
fn timers(port: u16) -> Vec<String> {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let lines = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    let of_port = |end: &str| end.ends_with(&format!(":{port:04X}"));
    let established = lines.filter(|line| (of_port(line[1]) || of_port(line[2])) && line[3] == "01");
    established.map(|line| line[5][..2].to_owned()).collect()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn f160_a_peer_that_vanishes_is_noticed() {
    let server = fixture::server();
    let lines = server.bind_tcp("127.0.0.1:0").await.unwrap();
    let http = server.http().websocket("/ws").bind("127.0.0.1:0").await.unwrap();
    let (of_lines, of_http) = (lines.local_addr(), http.local_addr());
    let serving = [tokio::spawn(lines.serve()), tokio::spawn(http.serve())];
    for target in [format!("tcp://{of_lines}"), format!("http://{of_http}/mcp"), format!("ws://{of_http}/ws")] {
        let client = turbomcp::Client::connect(&target).await.unwrap();
        client.call_tool("add", json!({"a": 1, "b": 2})).await.unwrap();
        let port = if target.starts_with("tcp") { of_lines.port() } else { of_http.port() };
        // The second timer is the one that asks whether the peer is there; the first runs until all that was sent has arrived.
        let asked = async {
            while timers(port).len() < 2 || timers(port).iter().any(|timer| timer != "02") {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let asked = tokio::time::timeout(Duration::from_secs(10), asked).await;
        assert!(asked.is_ok(), "{target}: {:?}", timers(port));
        client.close().await;
    }
    for serving in serving {
        ended(&server, serving).await;
    }
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_one_to_end() {
    let server = fixture::limited(|limits| limits.connections = 1);
    let listening = server.bind_tcp("127.0.0.1:0").await.unwrap();
    let address = listening.local_addr();
    let serving = tokio::spawn(listening.serve());
    let mut first = over_tcp(TcpStream::connect(address).await.unwrap());
    first.tool("add", json!({"a": 1, "b": 2})).await;
    let mut second = over_tcp(TcpStream::connect(address).await.unwrap());
    {
        let waiting = second.tool("add", json!({"a": 1, "b": 3}));
        let waited = tokio::time::timeout(std::time::Duration::from_millis(200), waiting).await;
        assert!(waited.is_err(), "the second is served beside the first");
    }
    drop(first);
    assert_eq!(text(&second.next().await), "4");
    ended(&server, serving).await;
}
