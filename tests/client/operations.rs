//! Everything a server offers, asked for in both eras: in memory, over HTTP and WebSocket, and from a process of its own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::json;
use turbomcp::client::{Change, Client, ClientBuilder, Command, Era};
use turbomcp::types::{
    CompleteRequestParams, CompletionArgument, CompletionReference, ContentBlock, CreateMessageResult, ElicitResult,
    LoggingLevel, Root, SamplingMessageContentBlock, SubscriptionFilter,
};
use turbomcp_tests::fixture::{self, Point};

use crate::peer::{failure, soon};

const ERAS: [Era; 2] = [Era::Modern, Era::Legacy];

fn builder(era: Era) -> ClientBuilder {
    Client::builder()
        .era(era)
        .on_elicit(|params| async move {
            let name = match params {
                turbomcp::types::ElicitRequestParams::Form(form) => form.message,
                _ => return Ok(ElicitResult::cancel()),
            };
            Ok(ElicitResult::accept(json!({"name": name}).as_object().cloned().unwrap()))
        })
        .on_sample(|params| async move {
            Ok(CreateMessageResult::new(SamplingMessageContentBlock::text(format!("{}", params.max_tokens)), "tiny"))
        })
        .roots([Root::new("file:///a"), Root::new("file:///b")])
}

/// Serves over HTTP and returns the URL.
async fn serve(server: &turbomcp::McpServer) -> String {
    let listener = server.http().bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr());
    tokio::spawn(listener.serve());
    url
}

/// Connects to the fixture in every way there is.
async fn everywhere() -> Vec<(String, Client)> {
    let mut clients = Vec::new();
    for era in ERAS {
        let server = fixture::server();
        clients.push((format!("memory {era:?}"), builder(era).connect(&server).await.unwrap()));
        clients.push((format!("http {era:?}"), builder(era).connect(serve(&server).await).await.unwrap()));
        let listener = server.bind_websocket("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", listener.local_addr());
        tokio::spawn(listener.serve());
        clients.push((format!("websocket {era:?}"), builder(era).connect(url).await.unwrap()));
        let command = Command::new(env!("CARGO_BIN_EXE_fixture-server"));
        clients.push((format!("process {era:?}"), builder(era).connect(command).await.unwrap()));
    }
    clients
}

#[tokio::test]
async fn tools_are_listed_and_called() {
    for (name, client) in everywhere().await {
        let tools = client.list_all_tools().await.unwrap();
        assert!(tools.iter().any(|tool| tool.name == "add"), "{name}");
        let result = client.call_tool("add", json!({"a": 1, "b": 2})).await.unwrap();
        assert_eq!(result.content[0].as_text(), Some("3"), "{name}");
        let sum: i64 = client.call_tool_as("add", BTreeMap::from([("a", 40), ("b", 2)])).await.unwrap();
        assert_eq!(sum, 42, "{name}");
        let point: Point = client.call_tool_as("point", json!({"x": 1, "y": -1})).await.unwrap();
        assert_eq!((point.x, point.y), (1, -1), "{name}");
        let large = client.call_tool("large", json!({"bytes": 300_000})).await.unwrap();
        assert_eq!(large.content[0].as_text().map(str::len), Some(300_000), "{name}");
        let media = client.call_tool("media", ()).await.unwrap().content;
        assert!(matches!(media[1], ContentBlock::Image(_)) && matches!(media[2], ContentBlock::Audio(_)), "{name}");
        client.close().await;
    }
}

/// Holds TOOL-16.
#[tokio::test]
async fn tool_16_a_failed_tool_is_a_result_and_an_unknown_one_an_error() {
    for (name, client) in everywhere().await {
        let result = client.call_tool("fail", ()).await.unwrap();
        assert!(result.is_error(), "{name}");
        let error = failure(client.call_tool_as::<i64>("fail", ()).into_future()).await;
        assert!(error.is_tool() && error.to_string().contains("the tool failed"), "{name}: {error}");
        let error = failure(client.call_tool("no such tool", ()).into_future()).await;
        assert_eq!(error.code().unwrap().0, -32602, "{name}");
        let error = failure(client.call_tool_as::<bool>("add", json!({"a": 1, "b": 1})).into_future()).await;
        assert!(error.is_protocol(), "{name}");
        client.close().await;
    }
}

/// Holds RES-06.
#[tokio::test]
async fn res_06_resources_are_listed_and_read() {
    for (name, client) in everywhere().await {
        let resources = client.list_all_resources().await.unwrap();
        assert!(resources.iter().any(|resource| resource.uri == "test://fixed"), "{name}");
        let templates = client.list_all_resource_templates().await.unwrap();
        assert!(templates.iter().any(|template| template.uri_template == "test://item/{id}"), "{name}");
        let read = client.read_resource("test://item/7").await.unwrap();
        assert_eq!(read.contents[0].as_text(), Some("item 7"), "{name}");
        let asked = client.read_resource("test://asking").await.unwrap();
        assert!(asked.contents[0].as_text().is_some(), "{name}");
        let error = failure(client.read_resource("test://nothing").into_future()).await;
        assert!(error.is_resource_not_found(), "{name}: {error:?}");
        client.close().await;
    }
}

#[tokio::test]
async fn prompts_are_listed_got_and_completed() {
    for (name, client) in everywhere().await {
        let prompts = client.list_all_prompts().await.unwrap();
        assert!(prompts.iter().any(|prompt| prompt.name == "review"), "{name}");
        let prompt = client.get_prompt("review", [("code", "x"), ("times", "2")]).await.unwrap();
        assert!(prompt.messages[0].content.as_text().unwrap().contains('x'), "{name}");
        let argument = CompletionArgument::new("code", "a");
        let params = CompleteRequestParams::new(CompletionReference::prompt("review"), argument);
        let completion = client.complete(&params).await.unwrap().completion;
        assert!(!completion.values.is_empty(), "{name}");
        client.close().await;
    }
}

#[tokio::test]
async fn questions_are_answered_by_the_same_handlers_in_both_eras() {
    for (name, client) in everywhere().await {
        let said = |tool: &'static str, arguments: serde_json::Value| {
            let call = client.call_tool(tool, arguments);
            async move { call.await.unwrap().content[0].as_text().unwrap().to_owned() }
        };
        assert_eq!(said("ask", json!({})).await, "Hello, What is your name?!", "{name}");
        assert_eq!(said("ask_twice", json!({})).await, "First? Second?", "{name}");
        assert_eq!(said("sample", json!({"question": "?"})).await, "100", "{name}");
        assert_eq!(said("roots", json!({})).await, "file:///a file:///b", "{name}");
        assert_eq!(said("ask_all", json!({})).await, "Accept tiny 2", "{name}");
        client.close().await;
    }
}

#[tokio::test]
async fn progress_and_logs_are_heard() {
    for era in ERAS {
        let logged = Arc::new(Mutex::new(Vec::new()));
        let log = logged.clone();
        let builder = builder(era).on_log(move |message| log.lock().unwrap().push(message.level));
        let client = builder.connect(serve(&fixture::server()).await).await.unwrap();
        let progress = Arc::new(Mutex::new(Vec::new()));
        let heard = progress.clone();
        let call = client.call_tool("wait", json!({"ms": 1}));
        call.on_progress(move |params| heard.lock().unwrap().push(params.progress)).await.unwrap();
        assert_eq!(*progress.lock().unwrap(), [1.0, 1.5]);
        client.set_log_level(LoggingLevel::Warning).await.unwrap();
        client.call_tool("log", ()).await.unwrap();
        assert_eq!(*logged.lock().unwrap(), [LoggingLevel::Warning, LoggingLevel::Error], "{era:?}");
        client.close().await;
    }
}

#[tokio::test]
async fn changes_are_heard_in_both_eras_by_the_same_subscription() {
    for era in ERAS {
        for over_http in [false, true] {
            let server = fixture::server();
            let client = if over_http {
                builder(era).connect(serve(&server).await).await.unwrap()
            } else {
                builder(era).connect(&server).await.unwrap()
            };
            let filter = SubscriptionFilter::new()
                .with_tools_list_changed(true)
                .with_resource_subscriptions(["test://fixed".to_owned()]);
            let mut subscription = client.subscribe(filter.clone()).await.unwrap();
            assert_eq!(*subscription.filter(), filter, "{era:?}");
            server.resource_updated("test://blob");
            server.resource_updated("test://fixed");
            assert!(server.remove_tool("add"));
            let first = soon(subscription.next()).await.unwrap().unwrap();
            assert_eq!(first, Change::Resource { uri: "test://fixed".to_owned() }, "{era:?}");
            assert_eq!(soon(subscription.next()).await.unwrap().unwrap(), Change::Tools, "{era:?}");
            subscription.close().await;
            client.close().await;
        }
    }
}

#[tokio::test]
async fn a_ping_works_in_both_eras_and_custom_requests_reach_the_server() {
    for (name, client) in everywhere().await {
        client.ping().await.unwrap();
        let error =
            failure(client.request::<serde_json::Value>("example/nothing", json!({"a": 1})).into_future()).await;
        assert_eq!(error.code().unwrap().0, -32601, "{name}");
        client.close().await;
    }
}

#[tokio::test]
async fn many_calls_at_once_each_get_their_own_answer() {
    for (name, client) in everywhere().await {
        let calls: Vec<_> = (0..200)
            .map(|n| tokio::spawn(client.call_tool_as::<i64>("add", json!({"a": n, "b": 1})).into_future()))
            .collect();
        for (n, call) in (0..).zip(calls) {
            let sum: i64 = soon(call).await.unwrap().unwrap();
            assert_eq!(sum, n + 1, "{name}");
        }
        client.close().await;
    }
}
