//! Serving over TCP and Unix sockets.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

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
async fn a_unix_socket_is_its_owners_and_goes_with_the_server() {
    let server = fixture::server();
    let path = free_path("owner");
    let listening = server.bind_unix(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let serving = tokio::spawn(listening.serve());
    let mut client = over_unix(UnixStream::connect(&path).await.unwrap());
    assert_eq!(text(&client.tool("add", json!({"a": 1, "b": 2})).await), "3");
    // Somebody listens there already.
    assert!(server.bind_unix(&path).unwrap_err().is_bind());
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
