//! Tools around a call: log messages, progress, a stream that ends early, a mirrored argument, a schema kept as it is.

use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;
use turbomcp::prelude::*;
use turbomcp::types::{CallToolResult, JsonObject, Tool};
use turbomcp::{Error, FnTool};

/// How long the tools take between two messages.
const PAUSE: Duration = Duration::from_millis(50);

/// Logs three messages.
#[tool]
async fn test_tool_with_logging(ctx: Context) -> McpResult<&'static str> {
    ctx.info("Tool execution started").await?;
    sleep(PAUSE).await;
    ctx.info("Tool processing data").await?;
    sleep(PAUSE).await;
    ctx.info("Tool execution completed").await?;
    Ok("Tool with logging executed successfully")
}

/// Logs one message, for a request that asks for it.
#[tool]
async fn test_logging_tool(ctx: Context) -> McpResult<&'static str> {
    ctx.info("This request asked for log messages").await?;
    Ok("Logged")
}

/// Reports its progress in three steps.
#[tool]
async fn test_tool_with_progress(ctx: Context) -> &'static str {
    ctx.progress(0.0).total(100.0).await;
    sleep(PAUSE).await;
    ctx.progress(50.0).total(100.0).await;
    sleep(PAUSE).await;
    ctx.progress(100.0).total(100.0).await;
    "Tool with progress executed successfully"
}

/// Closes the stream of the call and finishes while the client is away.
#[tool]
async fn test_reconnection(ctx: Context) -> &'static str {
    ctx.close_stream();
    sleep(2 * PAUSE).await;
    "Reconnection test completed"
}

/// Returns an argument that clients mirror in a header.
#[tool]
fn test_x_mcp_header(
    #[arg(header = "Region", description = "Sent as `Mcp-Param-Region` too")] region: String,
) -> String {
    region
}

/// Has an input schema that no Rust type describes.
fn json_schema_2020_12_tool() -> FnTool {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {
            "address": {
                "$anchor": "addressDef",
                "type": "object",
                "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
            },
        },
        "properties": {
            "name": {"type": "string"},
            "address": {"$ref": "#/$defs/address"},
            "contactMethod": {"type": "string", "enum": ["phone", "email"]},
            "phone": {"type": "string"},
            "email": {"type": "string"},
        },
        "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
        "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
        "then": {"required": ["phone"]},
        "else": {"required": ["email"]},
        "additionalProperties": false,
    });
    let schema: JsonObject = schema.as_object().cloned().unwrap_or_default();
    let definition = Tool::new("json_schema_2020_12_tool")
        .with_description("Takes arguments that JSON Schema 2020-12 describes.")
        .with_input_schema(schema);
    FnTool::from_request(definition, |request, _| async move {
        Ok(CallToolResult::text(format!("Called with {}", request.arguments().raw())))
    })
}

/// Registers the tools of this file.
pub fn tools(builder: ServerBuilder) -> Result<ServerBuilder, Error> {
    builder
        .tool("test_tool_with_logging", test_tool_with_logging_tool())?
        .tool("test_logging_tool", test_logging_tool_tool())?
        .tool("test_tool_with_progress", test_tool_with_progress_tool())?
        .tool("test_reconnection", test_reconnection_tool())?
        .tool("test_x_mcp_header", test_x_mcp_header_tool())?
        .tool("json_schema_2020_12_tool", json_schema_2020_12_tool())
}
