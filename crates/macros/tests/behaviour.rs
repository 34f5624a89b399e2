//! What servers made by the macros say of themselves and do, seen by a client.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use turbomcp::prelude::*;

/// Sends one request over a connection of its own and returns the response.
async fn ask(server: &McpServer, method: &str, mut params: Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let (mut client, stream) = tokio::io::duplex(1 << 16);
    let serving = tokio::spawn(server.clone().serve(turbomcp::transport::memory::over(stream)));
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    client.write_all(format!("{request}\n").as_bytes()).await.unwrap();
    let mut line = String::new();
    BufReader::new(&mut client).read_line(&mut line).await.unwrap();
    drop(client);
    serving.await.unwrap().unwrap();
    serde_json::from_str(&line).unwrap()
}

/// Returns the definition of one tool.
async fn tool(server: &McpServer, name: &str) -> Value {
    let listed = ask(server, "tools/list", json!({})).await;
    let tools = listed["result"]["tools"].as_array().unwrap();
    tools.iter().find(|tool| tool["name"] == name).unwrap_or_else(|| panic!("no tool `{name}`")).clone()
}

/// Calls a tool and returns its result.
async fn call(server: &McpServer, name: &str, arguments: Value) -> Value {
    ask(server, "tools/call", json!({"name": name, "arguments": arguments})).await["result"].clone()
}

/// Returns the text of a result.
fn text(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap_or_default()
}

/// Calls a tool and checks the text of its result.
async fn check(server: &McpServer, name: &str, arguments: Value, expected: &str) {
    let result = call(server, name, arguments).await;
    assert_ne!(result["isError"], true, "{result}");
    assert_eq!(text(&result), expected);
}

/// Calls a tool and checks the text of its failure.
async fn fails(server: &McpServer, name: &str, arguments: Value, expected: &str) {
    let result = call(server, name, arguments).await;
    assert_eq!(result["isError"], true, "{result}");
    assert!(text(&result).contains(expected), "{result}");
}

#[derive(Deserialize, JsonSchema)]
struct Query {
    /// What to look for
    text: String,
    limit: Option<u32>,
}

#[derive(Serialize, JsonSchema)]
struct Found {
    hits: Vec<String>,
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Unit {
    #[default]
    Metric,
    Imperial,
}

#[derive(Debug)]
struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the archive is closed")
    }
}

impl std::error::Error for Closed {}

struct Demo {
    greeting: String,
}

#[server(name = "demo", version = "1.2.3", title = "Demonstration")]
impl Demo {
    /// Adds two numbers.
    ///
    /// Exactly.
    #[tool(title = "Addition", read_only, destructive = false)]
    async fn add(&self, a: i64, b: i64) -> i64 {
        a + b
    }

    #[tool("Greets somebody")]
    fn greet(&self, ctx: &Context, name: &str, punctuation: Option<&str>) -> String {
        let _ = ctx;
        format!("{}, {name}{}", self.greeting, punctuation.unwrap_or(""))
    }

    #[tool(name = "forecast.v2")]
    fn forecast(
        /// The city to ask for
        city: String,
        #[arg(default = 3, range = 1..=14)] days: u8,
        #[arg(default)] unit: Unit,
        #[arg(name = "when", length = 1..=9, example = "noon")] time: Option<String>,
    ) -> String {
        format!("{city} {days} {unit:?} {time:?}")
    }

    #[tool]
    async fn search(&self, ctx: Context, query: Query) -> McpResult<Found> {
        let _ = ctx;
        Ok(Found { hits: vec![query.text; query.limit.unwrap_or(1) as usize] })
    }

    #[tool]
    fn search_named(&self, #[arg(name = "query")] query: Query) -> String {
        query.text
    }

    #[tool]
    fn fail(&self) -> Result<Found, Closed> {
        Err(Closed)
    }

    #[tool]
    fn join(&self, words: &[String], mut separator: String) -> String {
        separator.push(' ');
        words.join(&separator)
    }

    /// The log of one service.
    #[resource("logs://{service}/{day}{?lines}", mime_type = "text/plain")]
    async fn log(&self, day: u32, service: &str, #[arg(default = 10)] lines: u32, _ctx: Context) -> String {
        format!("{service} {day} {lines}")
    }

    #[resource("config://app", name = "configuration", description = "All settings")]
    fn config(&self) -> Found {
        Found { hits: Vec::new() }
    }

    /// Asks for a review.
    #[prompt]
    fn review(
        &self,
        /// The code to read
        code: String,
        unit: Option<Unit>,
        #[arg(default = 5)] strictness: u8,
        _ctx: Context,
    ) -> String {
        format!("{code} {unit:?} {strictness}")
    }

    #[completion(prompt = "review", argument = "unit")]
    fn units(&self, typed: &str, code: Option<String>) -> Vec<String> {
        vec![format!("{typed} {code:?}")]
    }
}

fn demo() -> McpServer {
    Demo { greeting: "Hello".to_owned() }.into_server()
}

#[tokio::test]
async fn a_server_is_named_by_its_attribute() {
    let discovered = ask(&demo(), "server/discover", json!({})).await;
    let info = &discovered["result"]["_meta"]["io.modelcontextprotocol/serverInfo"];
    assert_eq!(
        (&info["name"], &info["version"], &info["title"]),
        (&json!("demo"), &json!("1.2.3"), &json!("Demonstration"))
    );
}

#[tokio::test]
async fn a_tool_is_described_by_its_signature_and_its_doc_comment() {
    let tool = tool(&demo(), "add").await;
    assert_eq!(tool["description"], "Adds two numbers.\n\nExactly.");
    assert_eq!(tool["title"], "Addition");
    assert_eq!(tool["annotations"], json!({"readOnlyHint": true, "destructiveHint": false}));
    assert_eq!(tool["inputSchema"]["required"], json!(["a", "b"]));
    assert_eq!(tool["inputSchema"]["properties"]["a"]["type"], "integer");
    assert_eq!(tool.get("outputSchema"), None);
}

#[tokio::test]
async fn arguments_are_read_by_type_in_any_position() {
    let server = demo();
    check(&server, "add", json!({"b": 2, "a": 40}), "42").await;
    check(&server, "greet", json!({"name": "Ada"}), "Hello, Ada").await;
    check(&server, "greet", json!({"name": "Ada", "punctuation": "!"}), "Hello, Ada!").await;
    check(&server, "join", json!({"words": ["a", "b"], "separator": ","}), "a, b").await;
}

#[tokio::test]
async fn a_parameter_that_comes_from_the_request_is_not_in_the_schema() {
    let schema = tool(&demo(), "greet").await["inputSchema"].clone();
    assert_eq!(schema["required"], json!(["name"]));
    assert_eq!(schema["properties"].as_object().unwrap().len(), 2);
}

#[tokio::test]
async fn an_argument_that_is_missing_or_does_not_fit_is_named_in_a_failed_result() {
    let server = demo();
    fails(&server, "add", json!({"a": 1}), "`b`").await;
    fails(&server, "add", json!({"a": 1, "b": "two"}), "`b`").await;
    fails(&server, "search", json!({"limit": 2}), "`text`").await;
}

#[tokio::test]
async fn an_attribute_of_a_parameter_is_in_the_schema() {
    let properties = tool(&demo(), "forecast.v2").await["inputSchema"]["properties"].clone();
    assert_eq!(properties["city"]["description"], "The city to ask for");
    assert_eq!((&properties["days"]["minimum"], &properties["days"]["maximum"]), (&json!(1), &json!(14)));
    assert_eq!((&properties["days"]["default"], &properties["unit"]["default"]), (&json!(3), &json!("metric")));
    assert_eq!((&properties["when"]["minLength"], &properties["when"]["maxLength"]), (&json!(1), &json!(9)));
    assert_eq!(properties["when"]["examples"], json!(["noon"]));
}

#[tokio::test]
async fn a_default_stands_in_for_an_absent_argument() {
    let server = demo();
    check(&server, "forecast.v2", json!({"city": "Oslo"}), "Oslo 3 Metric None").await;
    let all = json!({"city": "Oslo", "days": 1, "unit": "imperial", "when": "noon"});
    check(&server, "forecast.v2", all, "Oslo 1 Imperial Some(\"noon\")").await;
}

#[tokio::test]
async fn one_struct_is_all_arguments_unless_it_is_given_a_name() {
    let server = demo();
    let schema = tool(&server, "search").await["inputSchema"].clone();
    assert_eq!(schema["required"], json!(["text"]));
    assert_eq!(schema["properties"]["text"]["description"], "What to look for");
    let result = call(&server, "search", json!({"text": "x", "limit": 2})).await;
    assert_eq!(result["structuredContent"], json!({"hits": ["x", "x"]}));
    check(&server, "search_named", json!({"query": {"text": "x"}}), "x").await;
}

#[tokio::test]
async fn a_returned_struct_is_structured_content_with_a_schema() {
    let server = demo();
    assert_eq!(tool(&server, "search").await["outputSchema"]["properties"]["hits"]["type"], "array");
    let result = call(&server, "search", json!({"text": "x"})).await;
    assert_eq!(serde_json::from_str::<Value>(text(&result)).unwrap(), result["structuredContent"]);
}

#[tokio::test]
async fn an_error_is_a_failed_result_with_its_text() {
    fails(&demo(), "fail", json!({}), "the archive is closed").await;
}

#[tokio::test]
async fn a_resource_is_read_with_its_variables() {
    let server = demo();
    let read = async |uri: &str| ask(&server, "resources/read", json!({"uri": uri})).await;
    assert_eq!(read("logs://web/7").await["result"]["contents"][0]["text"], "web 7 10");
    assert_eq!(read("logs://web/7?lines=3").await["result"]["contents"][0]["text"], "web 7 3");
    assert_eq!(read("config://app").await["result"]["contents"][0]["text"], "{\"hits\":[]}");
    let refused = read("logs://web/today").await;
    assert_eq!(refused["error"]["code"], -32602, "{refused}");
    let listed = ask(&server, "resources/list", json!({})).await;
    assert_eq!(listed["result"]["resources"][0]["name"], "configuration");
}

#[tokio::test]
async fn a_prompt_has_typed_arguments() {
    let server = demo();
    let listed = ask(&server, "prompts/list", json!({})).await;
    let expected = json!([
        {"name": "code", "description": "The code to read", "required": true},
        {"name": "unit"},
        {"name": "strictness"},
    ]);
    assert_eq!(listed["result"]["prompts"][0]["arguments"], expected);
    let get =
        async |arguments: Value| ask(&server, "prompts/get", json!({"name": "review", "arguments": arguments})).await;
    let messages = |response: Value| response["result"]["messages"][0]["content"]["text"].clone();
    assert_eq!(messages(get(json!({"code": "x"})).await), "x None 5");
    let all = json!({"code": "x", "unit": "imperial", "strictness": "9"});
    assert_eq!(messages(get(all).await), "x Some(Imperial) 9");
    assert_eq!(get(json!({})).await["error"]["code"], -32602);
    assert_eq!(get(json!({"code": "x", "strictness": "high"})).await["error"]["code"], -32602);
}

#[tokio::test]
async fn a_completion_is_given_what_was_typed_and_what_was_chosen() {
    let params = json!({
        "ref": {"type": "ref/prompt", "name": "review"},
        "argument": {"name": "unit", "value": "me"},
        "context": {"arguments": {"code": "x"}},
    });
    let completed = ask(&demo(), "completion/complete", params).await;
    assert_eq!(completed["result"]["completion"]["values"], json!(["me Some(\"x\")"]));
}
