//! Calls that go on after they were answered, and a client that waits for them, follows them and gives one up:
//! `cargo run --example tasks`

use std::time::Duration;

use serde_json::json;
use turbomcp::Error;
use turbomcp::client::Client;
use turbomcp::prelude::*;
use turbomcp::tasks::TaskConfig;
use turbomcp::types::{ElicitAction, ElicitResult, ElicitationSchema, StringSchema};

const STEP: Duration = Duration::from_millis(100);

struct Kitchen;

#[server(name = "kitchen", version = "1.0.0")]
impl Kitchen {
    // ANCHOR: task
    /// Roasts chestnuts, for as long as it takes.
    #[tool(task)]
    async fn roast(&self, ctx: &Context, minutes: u32) -> String {
        for minute in 1..=minutes {
            tokio::time::sleep(STEP).await;
            ctx.progress(minute.into()).total(minutes.into()).message(format!("minute {minute}")).await;
        }
        format!("roasted for {minutes} minutes")
    }
    // ANCHOR_END: task

    // ANCHOR: ask
    /// Serves them, with a sauce that is asked for when they are ready.
    #[tool(task(required))]
    async fn serve(&self, ctx: &Context) -> McpResult<String> {
        ctx.task().status("laying the table").await;
        tokio::time::sleep(STEP).await;
        let form = ElicitationSchema::new().string("sauce", StringSchema::new()).required("sauce");
        let answer = ctx.elicit("Which sauce?", form).await?;
        Ok(match answer.action {
            ElicitAction::Accept => format!("served with {}", answer.content.unwrap_or_default()["sauce"]),
            _ => "served without a sauce".to_owned(),
        })
    }
    // ANCHOR_END: ask

    // ANCHOR: retry
    /// Counts the stock. It does no harm to count it again, should the worker be lost.
    #[tool(read_only, task(retry = 3, ttl = "10m"))]
    async fn count(&self, ctx: &Context) -> String {
        format!("300 chestnuts, counted {} time", ctx.task().attempt())
    }
    // ANCHOR_END: retry
}

// ANCHOR: config
fn server() -> Result<McpServer, Error> {
    // In memory. `.store(RedisTasks::new(..))` keeps them where other processes take them up.
    let tasks = TaskConfig::new().poll_interval(Duration::from_millis(50)).per_principal(20);
    Ok(Kitchen.into_builder().tasks(tasks)?.build())
}
// ANCHOR_END: config

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // ANCHOR: client
    let client = Client::builder()
        .on_elicit(|_| async {
            Ok(ElicitResult::accept(json!({"sauce": "plum"}).as_object().cloned().unwrap_or_default()))
        })
        .connect(&server()?)
        .await?;
    // A call waits for its task.
    let served = client.call_tool("serve", json!({})).await?;
    eprintln!("{}", served.as_text().unwrap_or_default());
    // Or the task is followed, here or by its id in another process.
    let mut roast = client.call_tool_as_task("roast", json!({"minutes": 5})).await?;
    while !roast.is_over() {
        roast.changed().await?;
        eprintln!("{}", roast.status_message().unwrap_or("at work"));
    }
    eprintln!("{}", roast.result().await?.as_text().unwrap_or_default());
    let mut burnt = client.call_tool_as_task("roast", json!({"minutes": 1000})).await?;
    burnt.cancel().await?;
    eprintln!("{:?}", burnt.status());
    // ANCHOR_END: client
    let count = client.call_tool("count", json!({})).await?;
    eprintln!("{}", count.as_text().unwrap_or_default());
    Ok(())
}
