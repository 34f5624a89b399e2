//! What a server is made of, and how it ends: F40, F41, F46, F47, F54 to F56, F67, F69.

use std::time::Duration;

use serde_json::json;
use turbomcp::prelude::*;
use turbomcp::transport::memory;
use turbomcp::{FnResource, ReadResourceRequest, ResourceDefinition, ServerConfig};
use turbomcp_tests::{Client, modern};

use crate::text;

async fn contents(request: ReadResourceRequest, _: Context) -> String {
    format!("contents of {}", request.uri())
}

fn files() -> FnResource {
    FnResource::new(ResourceDefinition::new("files"), contents)
}

#[tokio::test]
async fn f40_only_what_is_beneath_a_root_is_read() {
    let server = ServerBuilder::new()
        .resource("file://{+path}", files())
        .unwrap()
        .resource("file:///etc/passwd", files())
        .unwrap()
        .resource("config://app", files())
        .unwrap()
        .root("file:///workspace", Some("Workspace".into()))
        .build();
    let mut client = Client::connect(&server);
    for (uri, is_read) in [
        ("file:///workspace/a.txt", true),
        ("config://app", true),
        ("file:///etc/passwd", false),
        ("file:///workspace2/a.txt", false),
        ("file:///workspace/%2e%2e/etc/passwd", false),
    ] {
        let answer = client.modern("resources/read", json!({"uri": uri}), json!({})).await;
        assert_eq!(answer.get("result").is_some(), is_read, "{answer}");
    }
    assert_eq!((server.roots()[0].name.as_deref(), server.roots().len()), (Some("Workspace"), 1));
    assert!(server.allows("file:///workspace/x") && !server.allows("file:///x"));
}

#[tokio::test]
async fn f41_a_tool_handler_is_registered_after_construction() {
    let server = ServerBuilder::new().build();
    let mut client = Client::legacy(&server, "2025-11-25", json!({})).await;
    client.sync().await;
    let no_struct = server.register_tool_handler("upper", |text: String, _: Context| async move { text });
    assert!(no_struct.unwrap_err().to_string().contains("a struct with a field for each argument"));
    server.register_tool_handler("answer", |_: serde_json::Map<_, _>, _: Context| async { 42 }).unwrap();
    assert_eq!(client.next().await["method"], "notifications/tools/list_changed");
    assert_eq!(text(&client.legacy_tool("answer", json!({})).await), "42");
}

#[tokio::test]
async fn f46_a_builder_names_the_server() {
    let server = ServerBuilder::new().name("notes").version("2.0.0").description("Keeps notes.").build();
    let result = Client::connect(&server).modern("server/discover", json!({}), json!({})).await["result"].take();
    let info = &result["_meta"]["io.modelcontextprotocol/serverInfo"];
    assert_eq!(*info, json!({"name": "notes", "version": "2.0.0", "description": "Keeps notes."}));
}

#[tokio::test]
async fn f47_a_configuration_makes_a_server() {
    assert_eq!(McpServer::new(ServerConfig::default()).config().name, "turbomcp");
    let mut config = ServerConfig::default();
    config.name = "notes".to_owned();
    config.version = "2.0.0".to_owned();
    config.title = Some("Notes".to_owned());
    config.description = Some("Keeps notes.".to_owned());
    config.website_url = Some("https://notes.example".to_owned());
    config.icons = Some(vec![turbomcp::types::Icon::new("https://notes.example/icon.png")]);
    config.instructions = Some("Search before you write.".to_owned());
    config.roots = vec![turbomcp::types::Root::new("file:///notes")];
    config.limits.page_size = 1;
    let server = McpServer::with_config(config);
    for name in ["a", "b"] {
        server.register_tool(name, |_: serde_json::Map<_, _>, _: Context| async {}).unwrap();
    }
    let mut client = Client::connect(&server);
    let result = client.modern("server/discover", json!({}), json!({})).await["result"].take();
    assert_eq!(result["instructions"], "Search before you write.");
    assert_eq!(
        result["_meta"]["io.modelcontextprotocol/serverInfo"],
        json!({
            "name": "notes", "version": "2.0.0", "title": "Notes", "description": "Keeps notes.",
            "websiteUrl": "https://notes.example", "icons": [{"src": "https://notes.example/icon.png"}],
        })
    );
    let list = client.modern("tools/list", json!({}), json!({})).await;
    assert_eq!(list["result"]["tools"].as_array().unwrap().len(), 1);
    assert!(!server.allows("file:///etc/passwd"));
}

struct Slow;

#[server(name = "slow")]
impl Slow {
    /// Waits.
    #[tool]
    async fn wait(&self, ms: u64) -> &'static str {
        tokio::time::sleep(Duration::from_millis(ms)).await;
        "done"
    }
}

#[tokio::test]
async fn f55_graceful_shutdown_waits_for_what_runs() {
    let (server, handle) = Slow.into_server().with_graceful_shutdown();
    assert!(!handle.is_shutting_down() && !server.is_shutting_down());
    let mut client = Client::connect(&server);
    client.send(&modern(1, "tools/call", json!({"name": "wait", "arguments": {"ms": 300}}), json!({}))).await;
    let before = client.sync().await;
    assert!(before.is_empty());
    handle.shutdown().await;
    assert!(handle.is_shutting_down() && server.is_shutting_down());
    assert_eq!(text(&client.next().await), "done");
    assert_eq!(client.try_next().await, None);
}

#[tokio::test]
async fn f54_graceful_shutdown_has_a_limit() {
    let server = Slow.into_builder().with_graceful_shutdown(Duration::from_millis(50)).build();
    assert_eq!(server.limits().shutdown, Duration::from_millis(50));
    let mut client = Client::connect(&server);
    client.send(&modern(1, "tools/call", json!({"name": "wait", "arguments": {"ms": 3_600_000}}), json!({}))).await;
    client.sync().await;
    server.shutdown_handle().shutdown().await;
    let told = client.next().await;
    assert_eq!((&told["id"], &told["error"]["code"]), (&json!(1), &json!(-32603)), "{told}");
    assert_eq!(client.try_next().await, None);
}

/// A listener that has ended has let go of its address.
#[tokio::test]
async fn graceful_shutdown_ends_every_listener() {
    let (server, handle) = Slow.into_server().with_graceful_shutdown();
    let http = server.http().bind("127.0.0.1:0").await.unwrap();
    let tcp = server.bind_tcp("127.0.0.1:0").await.unwrap();
    let addresses = [http.local_addr(), tcp.local_addr()];
    tokio::spawn(http.serve());
    tokio::spawn(tcp.serve());
    // They count from the moment that they serve.
    for address in addresses {
        tokio::net::TcpStream::connect(address).await.unwrap();
        tokio::task::yield_now().await;
    }
    handle.shutdown().await;
    for address in addresses {
        assert!(tokio::net::TcpStream::connect(address).await.is_err(), "{address}");
    }
}

#[tokio::test]
async fn f67_a_clone_is_the_same_server_also_while_it_runs() {
    let server = ServerBuilder::new().name("one").build();
    let clone = server.clone();
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let running = tokio::spawn(server.serve(memory::over(theirs)));
    clone.register_tool("late", |_: serde_json::Map<_, _>, _: Context| async { "here" }).unwrap();
    let (reader, writer) = tokio::io::split(ours);
    let mut client = Client::over(reader, writer);
    assert_eq!(text(&client.tool("late", json!({})).await), "here");
    assert_eq!((clone.config().name.as_str(), clone.implementation().name.as_str()), ("one", "one"));
    clone.shutdown_handle().shutdown().await;
    running.await.unwrap().unwrap();
    assert!(server.is_shutting_down());
}

#[test]
fn f69_a_clone_is_one_pointer() {
    assert_eq!(std::mem::size_of::<McpServer>(), std::mem::size_of::<usize>());
}
