//! SAMP: asking the client's model.

use serde_json::{Value, json};
use turbomcp::types::{
    CreateMessageRequestParams, IncludeContext, SamplingMessage, SamplingMessageContentBlock as Block, Tool,
    ToolResultContent, ToolUseContent,
};
use turbomcp::{Context, McpResult, McpServer};
use turbomcp_tests::{Client, fixture};

/// A server with one tool that samples with these params.
fn sampling(params: CreateMessageRequestParams) -> McpServer {
    let handler = move |_: serde_json::Map<String, Value>, ctx: Context| {
        let params = params.clone();
        async move { McpResult::<String>::Ok(ctx.sample(params).await?.model) }
    };
    fixture::builder().tool("custom", handler).unwrap().build()
}

fn hello() -> Vec<SamplingMessage> {
    vec![SamplingMessage::user(Block::text("Hello"))]
}

/// A conversation in which a tool was used.
fn with_tool_use() -> Vec<SamplingMessage> {
    let used = ToolUseContent::new("use-1", "weather", json!({"city": "Paris"}).as_object().unwrap().clone());
    let result = ToolResultContent::new("use-1", vec![turbomcp::types::ContentBlock::text("sunny")]);
    vec![
        SamplingMessage::user(Block::text("What is the weather?")),
        SamplingMessage::assistant(vec![Block::text("Let me look."), Block::ToolUse(used)]),
        SamplingMessage::user(vec![Block::ToolResult(result)]),
    ]
}

async fn ask(server: &McpServer, version: &str, capabilities: Value) -> Value {
    if version == "2026-07-28" {
        let answer = Client::connect(server).modern("tools/call", json!({"name": "custom"}), capabilities).await;
        return answer["result"]["inputRequests"].get("sampling_1").cloned().unwrap_or(answer);
    }
    Client::legacy(server, version, capabilities).await.legacy_tool("custom", json!({})).await
}

const VERSIONS: [&str; 5] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"];

#[tokio::test]
async fn samp_03_tools_are_offered_only_to_clients_that_take_them() {
    let server = sampling(CreateMessageRequestParams::new(hello(), 10).with_tools(vec![Tool::new("weather")]));
    for version in ["2025-11-25", "2026-07-28"] {
        let refused = ask(&server, version, json!({"sampling": {}})).await;
        let code = if version == "2026-07-28" { -32021 } else { -32602 };
        assert_eq!(refused["error"]["code"], code, "{refused}");
        assert_eq!(refused["error"]["data"]["requiredCapabilities"], json!({"sampling": {"tools": {}}}));
        let asked = ask(&server, version, json!({"sampling": {"tools": {}}})).await;
        assert_eq!(asked["params"]["tools"][0]["name"], "weather", "{asked}");
    }
}

#[tokio::test]
async fn samp_05_context_is_asked_for_only_where_the_client_gives_it() {
    let params = CreateMessageRequestParams::new(hello(), 10).with_include_context(IncludeContext::ThisServer);
    let server = sampling(params);
    for version in ["2025-11-25", "2026-07-28"] {
        let without = ask(&server, version, json!({"sampling": {}})).await;
        assert_eq!(
            (without["params"]["maxTokens"].clone(), without["params"].get("includeContext")),
            (json!(10), None)
        );
        let with = ask(&server, version, json!({"sampling": {"context": {}}})).await;
        assert_eq!(with["params"]["includeContext"], "thisServer");
    }
    // Older clients had no way to say.
    let older = ask(&server, "2025-06-18", json!({"sampling": {}})).await;
    assert_eq!(older["params"]["includeContext"], "thisServer");
}

/// Holds SAMP-07, SAMP-09.
#[tokio::test]
async fn samp_08_uses_of_tools_and_their_results_are_never_sent_unbalanced() {
    let whole = with_tool_use();
    for version in ["2025-11-25", "2026-07-28"] {
        let capabilities = json!({"sampling": {"tools": {}}});
        let asked =
            ask(&sampling(CreateMessageRequestParams::new(whole.clone(), 10)), version, capabilities.clone()).await;
        assert_eq!(asked["params"]["messages"][1]["content"][1]["type"], "tool_use", "{asked}");
        assert_eq!(asked["params"]["messages"][2]["content"][0]["toolUseId"], "use-1");
        for broken in
            [whole[..2].to_vec(), whole[2..].to_vec(), vec![whole[1].clone(), whole[0].clone(), whole[2].clone()]]
        {
            let answer =
                ask(&sampling(CreateMessageRequestParams::new(broken, 10)), version, capabilities.clone()).await;
            assert_eq!(answer["error"]["code"], -32603, "{answer}");
        }
    }
}

#[tokio::test]
async fn samp_12_messages_have_a_role_and_content() {
    let server = sampling(CreateMessageRequestParams::new(hello(), 10));
    for version in VERSIONS {
        let asked = ask(&server, version, json!({"sampling": {}})).await;
        assert_eq!(asked["method"], "sampling/createMessage");
        assert_eq!(
            asked["params"]["messages"],
            json!([{"role": "user", "content": {"type": "text", "text": "Hello"}}])
        );
    }
}

#[tokio::test]
async fn samp_13_a_question_holds_nothing_of_the_one_before() {
    let mut client = Client::legacy(&fixture::server(), "2025-11-25", json!({"sampling": {}})).await;
    for question in ["first", "second"] {
        let asked = client.legacy_tool("sample", json!({"question": question})).await;
        assert_eq!(
            asked["params"]["messages"],
            json!([{"role": "user", "content": {"type": "text", "text": question}}])
        );
        let answer = json!({"role": "assistant", "content": {"type": "text", "text": "yes"}, "model": "m"});
        client.answer(&asked, answer).await;
        assert_eq!(client.next().await["result"]["content"][0]["text"], "yes");
    }
}

#[tokio::test]
async fn samp_20_older_clients_get_one_block_a_message() {
    let server = sampling(CreateMessageRequestParams::new(with_tool_use(), 10));
    for version in ["2024-11-05", "2025-03-26", "2025-06-18"] {
        let asked = ask(&server, version, json!({"sampling": {}})).await;
        let messages = asked["params"]["messages"].as_array().unwrap();
        assert_eq!(messages.len(), 4, "{asked}");
        for message in messages {
            assert_eq!(message["content"]["type"], "text", "{version}: {message}");
        }
    }
}

#[tokio::test]
async fn samp_19_an_answer_that_is_none_is_an_error() {
    let mut client = Client::legacy(&fixture::server(), "2025-11-25", json!({"sampling": {}})).await;
    for answer in [
        json!({}),
        json!({"role": "assistant", "model": "m"}),
        json!({"role": "system", "content": {"type": "text", "text": "x"}, "model": "m"}),
        json!({"role": "assistant", "content": {"type": "text"}, "model": "m"}),
        json!({"role": "assistant", "content": "x", "model": "m"}),
    ] {
        let asked = client.legacy_tool("sample", json!({"question": "?"})).await;
        client.answer(&asked, answer.clone()).await;
        assert_eq!(client.next().await["error"]["code"], -32600, "{answer}");
    }
}
