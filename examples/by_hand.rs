//! A server without macros, from public functions alone: `cargo run --example by_hand`
//!
//! `#[server]` and its companions write nothing that could not be written like this.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use turbomcp::prelude::*;
use turbomcp::types::{CompletionReference, Prompt, PromptArgument, ToolAnnotations};
use turbomcp::{CompleteRequest, Error, FnPrompt, FnResource, FnTool};
use turbomcp::{GetPromptRequest, ReadResourceRequest, ResourceDefinition};

/// What the tool takes; its JSON Schema holds the bounds, and calls that break them never reach the function.
#[derive(Deserialize, JsonSchema)]
struct Forecast {
    /// The city to ask for
    #[schemars(length(min = 1, max = 80))]
    city: String,
    /// How many days to look ahead
    #[serde(default = "tomorrow")]
    #[schemars(range(min = 1, max = 14))]
    days: u8,
}

fn tomorrow() -> u8 {
    1
}

/// What it returns: structured content with an output schema, and the same as text.
#[derive(Serialize, JsonSchema)]
struct Weather {
    city: String,
    celsius: Vec<i32>,
}

// ANCHOR: tool
async fn forecast(Forecast { city, days }: Forecast, _: Context) -> Json<Weather> {
    let celsius = (0..i32::from(days)).map(|day| 20 + day % 3).collect();
    Json(Weather { city, celsius })
}
// ANCHOR_END: tool

async fn station(request: ReadResourceRequest, _: Context) -> McpResult<String> {
    let id: u32 = request.get("id")?;
    Ok(format!("Station {id} stands in {}", request.get::<String>("city")?))
}

async fn report(request: GetPromptRequest, _: Context) -> McpResult<String> {
    Ok(format!(
        "Write a weather report for {} in the {} style.",
        request.get::<String>("city")?,
        request.get::<String>("style")?
    ))
}

async fn cities(request: CompleteRequest, _: Context) -> Vec<&'static str> {
    ["Basel", "Berlin", "Bern"].into_iter().filter(|city| city.starts_with(request.value())).collect()
}

// ANCHOR: server
fn server() -> Result<McpServer, Error> {
    let forecast = FnTool::new(forecast)
        .title("Forecast")
        .description("Forecasts the weather of a city.")
        .annotations(ToolAnnotations::new().with_read_only_hint(true));
    let station =
        ResourceDefinition::new("station").with_description("A weather station.").with_mime_type("text/plain");
    let report = Prompt::new("report")
        .with_description("Asks for a weather report.")
        .add_argument(PromptArgument::new("city").required())
        .add_argument(PromptArgument::new("style").with_description("For example: sober").required());
    let builder = ServerBuilder::new()
        .name("weather")
        .version("1.0.0")
        .tool("forecast", forecast)?
        .resource("station://{city}/{id}", FnResource::new(station, self::station))?
        .prompt("report", FnPrompt::new(report, self::report))?
        .completion(CompletionReference::prompt("report"), "city", cities)?;
    Ok(builder.build())
}
// ANCHOR_END: server

#[tokio::main]
async fn main() -> Result<(), Error> {
    server()?.run_stdio().await
}
