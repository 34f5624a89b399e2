//! A test for each requirement of the specification that binds a server; see `docs/coverage.md`.

mod base;
mod caching;
mod cancellation;
mod conversations;
mod elicitation;
mod headers;
mod http;
mod legacy_http;
mod lifecycle;
mod lists;
mod logging;
mod mrtr;
mod progress;
mod prompts;
mod resources;
mod sampling;
mod schemas;
mod stack;
mod stdio;
mod subscriptions;
mod tasks;
mod tools;
mod version;

use serde_json::{Value, json};
use turbomcp_tests::{Client, fixture, modern};

/// What a modern client that can be asked anything declares.
fn everything() -> Value {
    json!({"elicitation": {"form": {}, "url": {}}, "sampling": {"tools": {}, "context": {}}, "roots": {}})
}

/// One request of every kind a modern client sends, some of which fail.
fn requests() -> Vec<(&'static str, Value)> {
    let tool = |name: &str, arguments: Value| ("tools/call", json!({"name": name, "arguments": arguments}));
    vec![
        ("server/discover", json!({})),
        ("tools/list", json!({})),
        ("resources/list", json!({})),
        ("resources/templates/list", json!({})),
        ("prompts/list", json!({})),
        tool("add", json!({"a": 1, "b": 2})),
        tool("add", json!({"a": 1, "b": 99})),
        tool("point", json!({"x": 1, "y": 2})),
        tool("numbers", json!({})),
        tool("media", json!({})),
        tool("pretty", json!({})),
        tool("fail", json!({})),
        tool("panic", json!({})),
        tool("ask", json!({})),
        tool("ask_all", json!({})),
        tool("missing", json!({})),
        ("resources/read", json!({"uri": "test://fixed"})),
        ("resources/read", json!({"uri": "test://blob"})),
        ("resources/read", json!({"uri": "test://item/7"})),
        ("resources/read", json!({"uri": "test://asking"})),
        ("resources/read", json!({"uri": "test://missing"})),
        ("resources/read", json!({"uri": "test://broken"})),
        ("prompts/get", json!({"name": "review", "arguments": {"code": "x"}})),
        ("prompts/get", json!({"name": "gallery"})),
        ("prompts/get", json!({"name": "asking_prompt"})),
        ("prompts/get", json!({"name": "review"})),
        (
            "completion/complete",
            json!({"ref": {"type": "ref/prompt", "name": "review"}, "argument": {"name": "code", "value": "a"}}),
        ),
        (
            "completion/complete",
            json!({"ref": {"type": "ref/resource", "uri": "test://item/{id}"},
                "argument": {"name": "id", "value": ""}}),
        ),
        ("initialize", json!({})),
        ("ping", json!({})),
        ("logging/setLevel", json!({"level": "info"})),
        ("resources/subscribe", json!({"uri": "test://fixed"})),
        ("tasks/list", json!({})),
        ("no/such/method", json!({})),
    ]
}

/// Sends one request of every kind as a client that declares nothing and as one that declares everything, and returns
/// the answers, each with its method.
async fn sweep() -> Vec<(&'static str, Value)> {
    let mut client = Client::connect(&fixture::server());
    let mut answers = Vec::new();
    for capabilities in [json!({}), everything()] {
        for (method, params) in requests() {
            let id = format!("{method} {}", answers.len());
            client.send(&modern(id.clone(), method, params, capabilities.clone())).await;
            let answer = client.next().await;
            assert_eq!(answer["id"], id);
            answers.push((method, answer));
        }
    }
    answers
}
