//! Many servers: their names, and what happens to the others when one is down.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use turbomcp::client::{Client, ClientGroup, Command, Health, ServerConfigs};
use turbomcp::transport::http::HttpRequest;
use turbomcp::{Middleware, MiddlewareResult, Next, Request, Response};
use turbomcp_tests::{Site, fixture};

use crate::peer::{discovered, failure, pair, soon, text};
use crate::web::{Reply, Web};

fn group() -> ClientGroup {
    ClientGroup::new(Client::builder().name("host").request_timeout(Duration::from_secs(2)))
}

#[tokio::test]
async fn tool_19_names_are_prefixed_and_calls_find_their_server() {
    let group = group();
    group.add("one", &fixture::server()).unwrap();
    group.add("t-w.o", &fixture::server()).unwrap();
    let tools = group.list_all_tools().await;
    for name in ["one__add", "t-w.o__add"] {
        assert!(tools.iter().any(|tool| tool.name == name), "{name}");
        let result = group.call_tool(name, json!({"a": 1, "b": 2})).await.unwrap();
        assert_eq!(result.content[0].as_text(), Some("3"));
    }
    assert!(group.list_all_prompts().await.iter().any(|prompt| prompt.name == "one__review"));
    assert!(!group.get_prompt("one__review", [("code", "x")]).await.unwrap().messages.is_empty());
    for name in ["add", "three__add", "__add"] {
        assert!(failure(group.call_tool(name, ())).await.is_usage(), "{name}");
    }
    assert!(group.remove("one").await && !group.remove("one").await);
    assert!(failure(group.call_tool("one__add", ())).await.is_usage());
    group.close().await;
}

#[test]
fn names_of_servers_leave_no_doubt() {
    for name in ["", "a__b", "a b", "ä", "a_", "a/b"] {
        assert!(group().add(name, "x").unwrap_err().is_connect(), "{name:?}");
    }
}

#[tokio::test]
async fn one_dead_server_blocks_nobody() {
    let group = group();
    group.add("good", &fixture::server()).unwrap();
    group.add("missing", Command::new("/no/such/program")).unwrap();
    group.add("unreachable", "http://127.0.0.1:9/mcp").unwrap();
    let (silent, _peer) = pair();
    group.add("silent", silent).unwrap();
    let good = group.clone();
    // The others are still being connected to.
    let connecting = tokio::spawn(async move { good.connect().await });
    let started = Instant::now();
    soon(group.call_tool("good__add", json!({"a": 1, "b": 1}))).await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(2));
    soon(connecting).await.unwrap();
    for (name, health) in group.health() {
        assert_eq!(matches!(health, Health::Up { .. }), name == "good", "{name}: {health:?}");
    }
    // What has just failed is left alone for a while, so nothing waits for it again.
    let started = Instant::now();
    assert!(!soon(group.list_all_tools()).await.is_empty());
    assert!(failure(group.call_tool("silent__x", ())).await.is_unavailable());
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    soon(group.close()).await;
}

#[tokio::test]
async fn a_server_that_comes_back_is_used_again() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let group = group();
    group.add("late", format!("http://{address}/mcp")).unwrap();
    group.connect().await;
    assert!(matches!(group.health()[0].1, Health::Down { failures: 1, .. }));
    let listener = fixture::server().http().bind(address).await.unwrap();
    tokio::spawn(listener.serve());
    soon(async {
        while group.call_tool("late__add", json!({"a": 1, "b": 1})).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    assert!(matches!(group.health()[0].1, Health::Up { .. }));
}

#[tokio::test]
async fn a_call_that_is_dropped_while_it_connects_leaves_that_to_the_next() {
    let asked = AtomicUsize::new(0);
    let web = Web::start(move |request| match request.method() {
        "server/discover" if asked.fetch_add(1, Ordering::SeqCst) == 0 => Reply::default().holding(),
        "server/discover" => Reply::result(request, discovered()),
        _ => Reply::result(request, text("fine")),
    })
    .await;
    let group = group();
    group.add("slow", web.url.as_str()).unwrap();
    let dropped = tokio::time::timeout(Duration::from_millis(300), group.call_tool("slow__x", ())).await;
    assert!(dropped.is_err() && web.of("server/discover").len() == 1);
    let result = soon(group.call_tool("slow__x", ())).await.unwrap();
    assert_eq!(result.content[0].as_text(), Some("fine"));
}

/// Lets in whoever says a word in a header.
struct Door;

impl Middleware for Door {
    async fn process(&self, request: Request, next: Next) -> MiddlewareResult<Response> {
        let head = request.extensions().get::<HttpRequest>();
        match head.and_then(|head| head.headers().get("x-word")) {
            Some(word) if word == "friend" => next.run(request).await,
            _ => Ok(Response::unauthorized("say the word")),
        }
    }
}

#[tokio::test]
async fn a_configuration_names_the_servers() {
    let site = Site::start(&fixture::builder().middleware(Door).build()).await;
    let fixture = env!("CARGO_BIN_EXE_fixture-server");
    let config = json!({"mcpServers": {
        "files": {"command": fixture, "args": ["x"], "env": {"A": "b"}},
        "elsewhere": {
            "command": "sh", "cwd": "/", "env": {"A": "b", "FIXTURE": fixture},
            "args": ["-c", "[ \"$PWD$A\" = /b ] && exec \"$FIXTURE\""]
        },
        "web": {"url": format!("http://{}/mcp", site.address), "headers": {"X-Word": "friend"}},
        "off": {"command": "/no/such/program", "disabled": true},
    }});
    let configs = ServerConfigs::parse(&config.to_string()).unwrap();
    let group = ClientGroup::from_configs(Client::builder(), &configs).unwrap();
    assert!(!soon(group.list_all_tools()).await.is_empty());
    let health = group.health();
    assert_eq!(health.len(), 3);
    assert!(health.iter().all(|(_, health)| matches!(health, Health::Up { .. })), "{health:?}");
    let client = Client::connect(configs.servers()[0].1).await.unwrap();
    client.ping().await.unwrap();
    client.close().await;
    group.close().await;
}
