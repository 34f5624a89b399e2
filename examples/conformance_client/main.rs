//! The client that the official conformance suite drives:
//! `conformance client --command "exec target/debug/examples/conformance_client" --suite core`
//!
//! The suite names the scenario in the environment and the server as the last argument.

mod auth;

use std::time::Duration;

use serde_json::{Map, Value, json};
use turbomcp::client::{Client, ClientBuilder, Era};
use turbomcp::types::{ElicitRequestParams, ElicitResult, JsonObject};

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

#[tokio::main]
async fn main() -> Outcome {
    let scenario = std::env::var("MCP_CONFORMANCE_SCENARIO")?;
    let url = std::env::args().next_back().ok_or("the URL of the server is the last argument")?;
    // The suite cannot end a client that hangs.
    tokio::time::timeout(Duration::from_secs(25), run(&scenario, &url)).await?
}

fn builder() -> ClientBuilder {
    let modern = std::env::var("MCP_CONFORMANCE_PROTOCOL_VERSION").is_ok_and(|version| version == "2026-07-28");
    let builder = Client::builder().name("turbomcp-conformance-client").version("1.0.0");
    builder.era(if modern { Era::Modern } else { Era::Legacy })
}

async fn run(scenario: &str, url: &str) -> Outcome {
    match scenario {
        "initialize" => {
            let client = builder().connect(url).await?;
            client.list_all_tools().await?;
            client.close().await;
        }
        "tools_call" => {
            let client = builder().connect(url).await?;
            client.list_all_tools().await?;
            client.call_tool("add_numbers", json!({"a": 5, "b": 3})).await?;
            client.close().await;
        }
        "elicitation-sep1034-client-defaults" => {
            let client = builder().on_elicit(|params| async { Ok(with_defaults(params)) }).connect(url).await?;
            client.list_all_tools().await?;
            client.call_tool("test_client_elicitation_defaults", ()).await?;
            client.close().await;
        }
        "sse-retry" => {
            let client = builder().connect(url).await?;
            client.list_all_tools().await?;
            client.call_tool("test_reconnection", ()).await?;
            client.close().await;
        }
        "request-metadata" => {
            let builder = builder()
                .on_elicit(|params| async { Ok(with_defaults(params)) })
                .roots([turbomcp::types::Root::new("file:///work")]);
            let client = builder.connect(url).await?;
            client.list_all_tools().await?;
        }
        "json-schema-2020-12-preservation" => {
            let client = builder().connect(url).await?;
            let tools = client.list_all_tools().await?;
            let tool =
                tools.iter().find(|tool| tool.name == "json_schema_2020_12_tool").ok_or("the tool is missing")?;
            client.call_tool("json_schema_echo", json!({"schema": tool.input_schema})).await?;
            client.close().await;
        }
        "json-schema-ref-no-deref" => {
            builder().connect(url).await?.list_all_tools().await?;
        }
        "sep-2322-client-request-state" => request_state(url).await?,
        "http-standard-headers" => standard_headers(url).await?,
        "http-custom-headers" => custom_headers(url).await?,
        "http-invalid-tool-headers" => {
            let client = builder().connect(url).await?;
            for tool in client.list_all_tools().await? {
                client.call_tool(&tool.name, sample(&tool.input_schema)).await?;
            }
        }
        _ if scenario.starts_with("auth/") => auth::run(scenario, url).await?,
        other => return Err(format!("the scenario {other} is unknown").into()),
    }
    Ok(())
}

/// Accepts a form with everything the form itself proposes.
fn with_defaults(params: ElicitRequestParams) -> ElicitResult {
    let schema = serde_json::to_value(&params).unwrap_or_default()["requestedSchema"]["properties"].take();
    let mut content = JsonObject::new();
    for (name, property) in schema.as_object().into_iter().flatten() {
        if let Some(default) = property.get("default") {
            content.insert(name.clone(), default.clone());
        }
    }
    ElicitResult::accept(content)
}

async fn request_state(url: &str) -> Outcome {
    let builder = builder().on_elicit(|_| async {
        let content: Map<String, Value> = [("confirmed".to_owned(), json!(true))].into_iter().collect();
        Ok(ElicitResult::accept(content))
    });
    let client = builder.connect(url).await?;
    client.list_all_tools().await?;
    for tool in ["test_mrtr_echo_state", "test_mrtr_no_state", "test_mrtr_unrelated", "test_mrtr_no_result_type"] {
        client.call_tool(tool, json!({})).await?;
    }
    Ok(())
}

async fn standard_headers(url: &str) -> Outcome {
    let client = builder().connect(url).await?;
    for tool in client.list_all_tools().await? {
        client.call_tool(&tool.name, json!({})).await?;
    }
    for resource in client.list_all_resources().await? {
        client.read_resource(&resource.uri).await?;
    }
    for prompt in client.list_all_prompts().await? {
        client.get_prompt(&prompt.name, Vec::<(String, String)>::new()).await?;
    }
    Ok(())
}

async fn custom_headers(url: &str) -> Outcome {
    let context: Value = serde_json::from_str(&std::env::var("MCP_CONFORMANCE_CONTEXT")?)?;
    let client = builder().connect(url).await?;
    client.list_all_tools().await?;
    for call in context["toolCalls"].as_array().into_iter().flatten() {
        client.call_tool(call["name"].as_str().unwrap_or_default(), &call["arguments"]).await?;
    }
    Ok(())
}

/// Makes arguments of the types a schema names.
fn sample(schema: &JsonObject) -> JsonObject {
    let properties = schema.get("properties").and_then(Value::as_object);
    let value = |property: &Value| match property["type"].as_str() {
        Some("integer" | "number") => json!(1),
        Some("boolean") => json!(true),
        Some("array") => json!([]),
        Some("object") => json!({}),
        _ => json!("text"),
    };
    properties.into_iter().flatten().map(|(name, property)| (name.clone(), value(property))).collect()
}
