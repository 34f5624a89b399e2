//! The same rules wherever a connection says who is at its other end.

use serde_json::{Value, json};
use turbomcp::McpServer;
use turbomcp::prelude::*;
use turbomcp::transport::authenticate::{Authenticate, Refusal, Shown};
use turbomcp::transport::{Extensions, ParentProcess, PeerAddr, PeerCredentials, lines::Lines};
use turbomcp::{Principal, Visibility};
use turbomcp_tests::{Client, WebSocket, modern, websocket};

use super::people::{Notes, connect, discreet, person, server};

/// Holds what each caller is answered over a connection.
async fn check(client: &mut Client, name: &str) {
    let message = |answer: Value| answer["error"]["message"].as_str().unwrap_or_default().to_owned();
    let code = |answer: &Value| answer["error"]["code"].clone();
    let look = client.tool("look", json!({"id": 1})).await;
    let audit = client.tool("audit", json!({})).await;
    let erase = client.tool("erase", json!({"id": 1})).await;
    match name {
        "" => assert_eq!((code(&look), message(look)), (json!(401), "credentials are required".to_owned())),
        "eve" => assert_eq!((code(&look), message(look)), (json!(403), "more scopes are needed".to_owned())),
        _ => assert_eq!(look["result"]["content"][0]["text"], "note 1", "{look}"),
    }
    match name {
        "admin" => {
            assert_eq!(audit["result"]["content"][0]["text"], "audited", "{audit}");
            assert_eq!(erase["result"]["content"][0]["text"], "1 erased by admin <admin@example.com>", "{erase}");
        }
        _ => {
            assert_eq!((code(&audit), message(audit)), (json!(-32602), "unknown tool `audit`".to_owned()));
            assert!(erase["error"].is_object(), "{erase}");
        }
    }
}

#[tokio::test]
async fn in_memory_a_transport_says_who_it_is() {
    for name in ["", "eve", "reader", "writer", "admin"] {
        check(&mut connect(&server(), name), name).await;
    }
    // Without any authentication, a principal in the extensions is enough.
    for name in ["eve", "reader", "admin"] {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let (reader, writer) = tokio::io::split(theirs);
        let mut extensions = Extensions::new();
        extensions.insert(person(name).unwrap());
        let server = Notes.into_builder().build();
        tokio::spawn(server.serve(Lines::new(reader, writer).with_extensions(extensions)));
        let (reader, writer) = tokio::io::split(ours);
        check(&mut Client::over(reader, writer), name).await;
    }
}

#[tokio::test]
async fn in_the_legacy_era_a_connection_has_the_same_rules() {
    let mut client = connect(&discreet(), "reader");
    client.initialize("2025-03-26", json!({})).await;
    let listed = client.call("tools/list", json!({})).await;
    let names: Vec<_> = listed["result"]["tools"].as_array().unwrap().iter().map(|tool| &tool["name"]).collect();
    assert_eq!(names, ["open", "look", "checked", "ask"]);
    assert_eq!(client.legacy_tool("look", json!({"id": 2})).await["result"]["content"][0]["text"], "note 2");
    for hidden in ["erase", "audit", "absent"] {
        let expected = format!("unknown tool `{hidden}`");
        assert_eq!(client.legacy_tool(hidden, json!({})).await["error"]["message"], expected);
    }
}

/// Lets in whoever is at the other end of a connection of this kind, as a reader.
struct Whoever<T>(fn(&T) -> bool);

impl<T: Send + Sync + 'static> Authenticate for Whoever<T> {
    async fn authenticate(&self, shown: Shown<'_>) -> Result<Option<Principal>, Refusal> {
        let known = shown.get::<T>().is_some_and(self.0);
        known.then(|| person("reader")).ok_or_else(|| Refusal::unauthorized("nobody I know"))
    }
}

fn for_whoever<T: Send + Sync + 'static>(known: fn(&T) -> bool) -> McpServer {
    Notes.into_builder().auth(Whoever(known)).visibility(Visibility::by(|_, _| true)).build()
}

#[tokio::test]
async fn the_process_that_started_it_is_known_over_standard_io() {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let (reader, writer) = tokio::io::split(theirs);
    let mut extensions = Extensions::new();
    extensions.insert(ParentProcess::new());
    let server = for_whoever::<ParentProcess>(|_| true);
    tokio::spawn(server.serve(Lines::new(reader, writer).with_extensions(extensions)));
    let (reader, writer) = tokio::io::split(ours);
    check(&mut Client::over(reader, writer), "reader").await;
    let (_ours, theirs) = tokio::io::duplex(1 << 16);
    let error = server.serve(turbomcp::transport::memory::over(theirs)).await.unwrap_err();
    assert!(error.is_refused(), "{error}");
}

#[tokio::test]
async fn over_tcp_an_address_may_say_who_it_is() {
    let server = for_whoever::<PeerAddr>(|address| address.get().ip().is_loopback());
    let listening = server.bind_tcp("127.0.0.1:0").await.unwrap();
    let address = listening.local_addr();
    let serving = tokio::spawn(listening.serve());
    let (reader, writer) = tokio::net::TcpStream::connect(address).await.unwrap().into_split();
    check(&mut Client::over(reader, writer), "reader").await;
    server.shutdown_handle().shutdown();
    serving.await.unwrap().unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn over_a_unix_socket_the_kernel_says_who_it_is() {
    let path = std::env::temp_dir().join(format!("turbomcp-access-{}.sock", std::process::id()));
    let server = for_whoever::<PeerCredentials>(|_| true);
    let serving = tokio::spawn(server.bind_unix(&path).unwrap().serve());
    let (reader, writer) = tokio::net::UnixStream::connect(&path).await.unwrap().into_split();
    check(&mut Client::over(reader, writer), "reader").await;
    server.shutdown_handle().shutdown();
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn over_websocket_the_request_to_become_one_says_who_it_is() {
    let server = server();
    let listener = server.bind_websocket("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr();
    let serving = tokio::spawn(listener.serve());
    for (authorization, expected) in
        [("", "credentials are required"), ("Bearer eve", "more scopes are needed"), ("Bearer reader", "")]
    {
        let headers = [websocket::UPGRADE, &[("authorization", authorization)]].concat();
        let (mut socket, status, _) = websocket::request(address, "/", &headers).await;
        assert_eq!(status, 101);
        for (tool, expected) in [("look", expected), ("audit", "unknown tool `audit`")] {
            let params = json!({"name": tool, "arguments": {"id": 1}});
            socket.send(&modern(1, "tools/call", params, json!({}))).await;
            let answer = WebSocket::next(&mut socket).await;
            assert_eq!(answer["error"]["message"].as_str().unwrap_or_default(), expected, "{answer}");
        }
    }
    let headers = [websocket::UPGRADE, &[("authorization", "Bearer x")]].concat();
    let (_, status, head) = websocket::request(address, "/", &headers).await;
    assert_eq!(status, 401);
    assert!(head.iter().any(|line| line == r#"www-authenticate: bearer error="invalid_token""#), "{head:?}");
    server.shutdown_handle().shutdown();
    serving.await.unwrap().unwrap();
}
