//! Tools whose calls become tasks, and one whose calls do not.

use std::time::Duration;

use tokio::time::sleep;
use turbomcp::prelude::*;
use turbomcp::types::{BooleanSchema, ElicitAction, ElicitationSchema, StringSchema};
use turbomcp::{Error, ToolError};

/// Greets, at once.
#[tool]
fn greet(name: String) -> String {
    format!("Hello, {name}!")
}

/// Takes its time.
#[tool(task)]
async fn slow_compute(seconds: f64, #[arg(default)] label: String, ctx: Context) -> McpResult<String> {
    let time = Duration::try_from_secs_f64(seconds).map_err(|error| McpError::invalid_params(error.to_string()))?;
    ctx.task().status("computing").await;
    sleep(time).await;
    Ok(format!("computed {label} in {seconds} s"))
}

/// Fails, after a while.
#[tool(task(required))]
async fn failing_job() -> Result<String, ToolError> {
    sleep(Duration::from_secs(1)).await;
    Err(ToolError::new("the job failed, as it always does"))
}

/// Ends with an error of the protocol.
#[tool(task)]
async fn protocol_error_job() -> McpResult<String> {
    Err(McpError::invalid_request("this job ends with an error of the protocol"))
}

fn confirmation() -> ElicitationSchema {
    ElicitationSchema::new().boolean("confirm", BooleanSchema::new()).required("confirm")
}

/// Deletes a file, once that is confirmed while the task goes on.
#[tool(task)]
async fn confirm_delete(filename: String, ctx: Context) -> McpResult<String> {
    let answer = ctx.elicit(format!("Delete {filename}?"), confirmation()).key("confirm").await?;
    let confirmed = answer.action == ElicitAction::Accept
        && answer.content.is_some_and(|content| content.get("confirm").is_some_and(|value| value == true));
    Ok(format!("{filename} is {}", if confirmed { "deleted" } else { "kept" }))
}

fn one_name() -> ElicitationSchema {
    ElicitationSchema::new().string("name", StringSchema::new()).required("name")
}

/// Asks two questions at a time.
#[tool(task)]
async fn multi_input(ctx: Context) -> McpResult<String> {
    let name = async { ctx.elicit("What is your name?", one_name()).key("name").await };
    let confirmed = async { ctx.elicit("Go on?", confirmation()).key("confirm").await };
    let (name, confirmed) = tokio::join!(name, confirmed);
    Ok(format!("{:?} and {:?}", name?.action, confirmed?.action))
}

/// Asks for a name in a round of the call, and becomes a task with the answer.
#[tool(task(required, deferred))]
async fn test_tool_with_task(ctx: Context) -> McpResult<String> {
    let answer = ctx.elicit("What is your name?", one_name()).key("user_name").await?;
    ctx.task().start().await;
    sleep(Duration::from_millis(200)).await;
    let name = answer.content.as_ref().and_then(|content| content.get("name")).and_then(|name| name.as_str());
    Ok(format!("Hello, {}!", name.unwrap_or("stranger")))
}

/// Adds the tools of this file.
pub fn tools(builder: ServerBuilder) -> Result<ServerBuilder, Error> {
    builder
        .tool("greet", greet_tool())?
        .tool("slow_compute", slow_compute_tool())?
        .tool("failing_job", failing_job_tool())?
        .tool("protocol_error_job", protocol_error_job_tool())?
        .tool("confirm_delete", confirm_delete_tool())?
        .tool("multi_input", multi_input_tool())?
        .tool("test_tool_with_task", test_tool_with_task_tool())
}
