//! TOOL: lists, schemas, calls.

use std::time::Duration;

use serde_json::{Value, json};
use turbomcp::types::Tool;
use turbomcp::{FnTool, HandlerRegistry, Middleware, MiddlewareResult, Next, Request, Response};
use turbomcp_tests::{Client, fixture, modern};

async fn listed(client: &mut Client) -> Vec<Value> {
    let mut answer = client.modern("tools/list", json!({}), json!({})).await;
    serde_json::from_value(answer["result"]["tools"].take()).unwrap()
}

fn definition<'a>(tools: &'a [Value], name: &str) -> &'a Value {
    tools.iter().find(|tool| tool["name"] == name).unwrap()
}

/// Holds TOOL-04.
#[tokio::test]
async fn tool_02_tools_are_listed_in_the_order_they_were_added() {
    let registered = ["zeta", "alpha", "mid", "Alpha"];
    let mut registry = HandlerRegistry::new();
    for name in registered {
        registry.register_tool(name, fixture::raw_tool(name, json!({"type": "object"}))).unwrap();
    }
    let server = turbomcp::McpServer::builder().with_registry(registry).build();
    for _ in 0..3 {
        let tools = listed(&mut Client::connect(&server)).await;
        assert_eq!(tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect::<Vec<_>>(), registered);
    }
    // None are left, and the list is there all the same while a resource keeps the server from being empty.
    let server = fixture::server();
    for tool in listed(&mut Client::connect(&server)).await {
        assert!(server.remove_tool(tool["name"].as_str().unwrap()));
    }
    let answer = Client::connect(&server).modern("resources/list", json!({}), json!({})).await;
    assert!(answer["result"]["resources"].is_array());
}

#[tokio::test]
async fn tool_03_lists_do_not_depend_on_the_connection_or_on_what_it_did() {
    let server = fixture::server();
    let mut busy = Client::connect(&server);
    for method in ["tools/list", "resources/list", "resources/templates/list", "prompts/list"] {
        let fresh = Client::connect(&server).modern(method, json!({}), json!({})).await;
        for (method, params) in crate::requests() {
            busy.modern(method, params, crate::everything()).await;
        }
        assert_eq!(busy.modern(method, json!({}), crate::everything()).await, fresh);
    }
}

/// Holds RES-03, PROMPT-03.
#[tokio::test]
async fn tool_05_changes_of_the_lists_are_told_to_those_who_listen() {
    let server = fixture::server();
    let mut legacy = Client::legacy(&server, "2025-11-25", json!({})).await;
    let mut listening = Client::connect(&server);
    let all = json!({"toolsListChanged": true, "promptsListChanged": true, "resourcesListChanged": true});
    listening.send(&modern(1, "subscriptions/listen", json!({"notifications": all}), json!({}))).await;
    assert_eq!(listening.next().await["params"]["notifications"], all);
    let mut deaf = Client::connect(&server);
    deaf.sync().await;
    legacy.sync().await;
    server.register_tool("new", fixture::raw_tool("new", json!({"type": "object"}))).unwrap();
    assert!(server.remove_resource("test://blob"));
    assert!(server.remove_prompt("gallery"));
    for kind in ["tools", "resources", "prompts"] {
        let method = format!("notifications/{kind}/list_changed");
        assert_eq!(legacy.next().await["method"], method);
        assert_eq!(listening.next().await["method"], method);
    }
    assert_eq!(deaf.sync().await, Vec::<Value>::new());
    assert_eq!(legacy.legacy_tool("new", json!({})).await["result"]["content"][0]["text"], "{}");
}

/// Holds BASE-54.
#[tokio::test]
async fn tool_06_schemas_are_valid_and_of_an_object() {
    let legacy_keys = ["type", "properties", "required", "$schema", "additionalProperties", "$defs"];
    for version in ["2024-11-05", "2025-06-18", "2025-11-25", "2026-07-28"] {
        let mut client = Client::connect(&fixture::server());
        let tools = if version == "2026-07-28" {
            listed(&mut client).await
        } else {
            client.initialize(version, json!({})).await;
            serde_json::from_value(client.call("tools/list", json!({})).await["result"]["tools"].take()).unwrap()
        };
        assert!(tools.len() > 20);
        for tool in &tools {
            let schemas = [Some(&tool["inputSchema"]), tool.get("outputSchema")];
            for schema in schemas.into_iter().flatten() {
                jsonschema::draft202012::meta::validate(schema).unwrap_or_else(|error| panic!("{error}: {tool}"));
            }
            assert_eq!(tool["inputSchema"]["type"], "object", "{tool}");
            if version != "2026-07-28" {
                let keys = tool["inputSchema"].as_object().unwrap().keys();
                assert!(keys.clone().all(|key| legacy_keys.contains(&key.as_str())), "{tool}");
            }
        }
    }
    for schema in [json!({}), json!({"type": "string"}), json!({"type": ["object", "null"]}), json!({"type": "objekt"})]
    {
        let mut registry = HandlerRegistry::new();
        assert!(registry.register_tool("bad", fixture::raw_tool("bad", schema.clone())).is_err(), "{schema}");
    }
}

#[tokio::test]
async fn tool_07_a_tool_that_takes_nothing_says_so() {
    let tools = listed(&mut Client::connect(&fixture::server())).await;
    let schema = &definition(&tools, "nothing")["inputSchema"];
    assert_eq!((&schema["type"], &schema["additionalProperties"]), (&json!("object"), &json!(false)));
    assert!(schema.get("properties").is_none_or(|properties| properties == &json!({})), "{schema}");
}

#[tokio::test]
async fn tool_08_a_result_that_breaks_its_schema_is_not_sent() {
    let mut client = Client::connect(&fixture::server());
    let good = client.tool("liar", json!({"value": {"n": 1}})).await;
    assert_eq!(good["result"]["structuredContent"], json!({"n": 1}));
    for value in [json!({"n": "x"}), json!({}), json!([1]), json!(null)] {
        let bad = client.tool("liar", json!({"value": value})).await;
        assert_eq!(bad["error"], json!({"code": -32603, "message": "internal error"}), "{value}");
    }
    assert_eq!(client.tool("liar", json!({})).await["error"]["code"], -32603, "structured content is missing");
    // What a typed tool returns fits the schema it lists.
    let tools = listed(&mut client).await;
    for (name, arguments) in [("point", json!({"x": 1, "y": 2})), ("numbers", json!({}))] {
        let result = client.tool(name, arguments).await["result"].take();
        let validator = jsonschema::validator_for(&definition(&tools, name)["outputSchema"]).unwrap();
        assert!(validator.is_valid(&result["structuredContent"]), "{result}");
    }
}

#[tokio::test]
async fn tool_10_structured_results_are_there_as_text_too() {
    let mut client = Client::connect(&fixture::server());
    let result = client.tool("point", json!({"x": 1, "y": 2})).await["result"].take();
    let text: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
    assert_eq!(text, result["structuredContent"]);
}

#[tokio::test]
async fn tool_11_only_modern_clients_get_structure_that_is_no_object() {
    let mut client = Client::connect(&fixture::server());
    assert_eq!(client.tool("numbers", json!({})).await["result"]["structuredContent"], json!([1, 2]));
    assert_eq!(definition(&listed(&mut client).await, "numbers")["outputSchema"]["type"], "array");
    for (version, structured) in [("2025-11-25", true), ("2025-06-18", true), ("2025-03-26", false)] {
        let mut client = Client::legacy(&fixture::server(), version, json!({})).await;
        let numbers = client.legacy_tool("numbers", json!({})).await["result"].take();
        assert_eq!(numbers, json!({"content": [{"type": "text", "text": "[1,2]"}]}), "{version}");
        let point = client.legacy_tool("point", json!({"x": 1, "y": 2})).await["result"].take();
        assert_eq!(point.get("structuredContent").is_some(), structured, "{version}");
        let tools = client.call("tools/list", json!({})).await["result"]["tools"].take();
        let tools: Vec<Value> = serde_json::from_value(tools).unwrap();
        assert_eq!(definition(&tools, "numbers").get("outputSchema"), None);
        assert_eq!(definition(&tools, "point").get("outputSchema").is_some(), structured);
    }
    // Nothing is not the same as `null`.
    let null =
        FnTool::from_request(Tool::new("null"), |_, _| async { Ok(turbomcp::types::CallToolResult::structured(&())?) });
    let server = turbomcp::McpServer::builder().tool("null", null).unwrap().build();
    let result = Client::connect(&server).tool("null", json!({})).await["result"].take();
    assert_eq!(result.get("structuredContent"), Some(&json!(null)));
}

#[tokio::test]
async fn tool_12_content_is_always_there() {
    let mut client = Client::connect(&fixture::server());
    assert_eq!(client.tool("silent", json!({})).await["result"]["content"], json!([]));
}

#[tokio::test]
async fn tool_13_what_goes_wrong_in_a_tool_is_for_the_model() {
    let mut client = Client::connect(&fixture::server());
    let result = client.tool("fail", json!({})).await["result"].take();
    assert_eq!(result["isError"], true);
    assert_eq!(result["content"], json!([{"type": "text", "text": "the disk is full"}]));
}

/// Holds TOOL-21.
#[tokio::test]
async fn tool_14_arguments_that_do_not_fit_never_reach_the_tool() {
    let mut client = Client::connect(&fixture::server());
    for (tool, arguments, text) in [
        ("add", json!({"a": 1}), "`b`"),
        ("add", json!({"a": "x", "b": 1}), "`a`"),
        ("add", json!({"a": 1, "b": 11}), "at most 10"),
        ("add", json!({"a": 1, "b": -1}), "at least 0"),
        ("add", json!({"a": 1.5, "b": 1}), "`a`"),
        ("add", json!({"a": 1e30, "b": 1}), "`a`"),
        ("echo", json!({"text": null}), "`text`"),
        ("echo", json!({"text": ["x"]}), "`text`"),
        ("raw", json!({"n": 6}), "at most 5"),
        ("raw", json!({"n": "6"}), "`n`"),
    ] {
        let result = client.tool(tool, arguments.clone()).await["result"].take();
        assert_eq!(result["isError"], true, "{tool} {arguments}: {result}");
        let found = result["content"][0]["text"].as_str().unwrap();
        assert!(found.contains(text), "{tool} {arguments}: {found}");
    }
    assert_eq!(client.tool("raw", json!({"n": 5})).await["result"].get("isError"), None);
}

#[tokio::test]
async fn tool_15_a_call_of_no_tool_is_a_protocol_error() {
    let mut client = Client::connect(&fixture::server());
    for params in [
        json!({"name": "missing"}),
        json!({"name": "ADD"}),
        json!({"name": ""}),
        json!({"name": 1}),
        json!({}),
        json!({"name": "add", "arguments": [1, 2]}),
        json!({"name": "add", "arguments": "{}"}),
        json!({"name": "raw", "arguments": 1}),
    ] {
        let answer = client.modern("tools/call", params.clone(), json!({})).await;
        assert_eq!(answer["error"]["code"], -32602, "{params}: {answer}");
    }
    for tool in ["panic", "panic_late"] {
        let answer = client.tool(tool, json!({})).await;
        assert_eq!(answer["error"], json!({"code": -32603, "message": "internal error"}));
    }
}

#[test]
fn tool_18_names_are_short_plain_and_unique() {
    let mut registry = HandlerRegistry::new();
    let mut register = |name: &str| registry.register_tool(name, fixture::raw_tool(name, json!({"type": "object"})));
    let longest = "x".repeat(128);
    for legal in ["a", "A", "0", "a_b-c.d", longest.as_str()] {
        assert!(register(legal).is_ok(), "{legal}");
    }
    let too_long = "x".repeat(129);
    for illegal in ["", "a b", "a,b", "a/b", "ä", "a\n", "a", too_long.as_str()] {
        assert!(register(illegal).is_err_and(|error| error.is_registration()), "{illegal}");
    }
}

#[tokio::test]
async fn tool_20_embedded_resources_come_from_a_server_that_has_resources() {
    let mut client = Client::connect(&fixture::server());
    let result = client.tool("media", json!({})).await["result"].take();
    for block in result["content"].as_array().unwrap().iter().filter(|block| block["type"] == "resource") {
        let uri = &block["resource"]["uri"];
        let read = client.modern("resources/read", json!({"uri": uri}), json!({})).await;
        assert_eq!(read["result"]["contents"][0], block["resource"]);
    }
}

struct Gate;

impl Middleware for Gate {
    async fn process(&self, request: Request, next: Next) -> MiddlewareResult<Response> {
        match request.name().as_deref() {
            Some("echo") => Ok(Response::error(turbomcp::McpError::forbidden("not for you"))),
            Some("nothing") => Ok(Response::error(turbomcp::McpError::rate_limited("too often"))),
            _ => next.run(request).await,
        }
    }
}

/// Holds TOOL-21.
#[tokio::test]
async fn access_and_rate_are_decided_before_a_tool_is_called() {
    let mut limits = turbomcp::Limits::default();
    limits.requests_in_flight = 2;
    let server = fixture::builder().limits(limits).middleware(Gate).build();
    let mut client = Client::connect(&server);
    assert_eq!(client.tool("echo", json!({"text": "x"})).await["error"]["code"], 403);
    assert_eq!(client.tool("nothing", json!({})).await["error"]["code"], 429);
    assert_eq!(client.tool("add", json!({"a": 1, "b": 1})).await["result"]["content"][0]["text"], "2");
    let wait = |id: i64| modern(id, "tools/call", json!({"name": "wait", "arguments": {"ms": 300}}), json!({}));
    for id in 1..=3 {
        client.send(&wait(id)).await;
    }
    let refused = client.next().await;
    assert_eq!((&refused["id"], &refused["error"]["code"]), (&json!(3), &json!(503)));
    tokio::time::timeout(Duration::from_secs(20), async {
        client.next().await;
        client.next().await;
    })
    .await
    .unwrap();
}
