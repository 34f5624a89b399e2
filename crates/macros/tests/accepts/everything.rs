//! Every attribute with every key.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use turbomcp::prelude::*;

#[derive(Deserialize, JsonSchema)]
struct Query {
    text: String,
    limit: Option<u32>,
}

#[derive(Serialize, JsonSchema)]
struct Found {
    hits: Vec<String>,
}

#[derive(Deserialize, JsonSchema, Serialize, Default)]
#[serde(rename_all = "lowercase")]
enum Unit {
    #[default]
    Metric,
    Imperial,
}

#[derive(Clone)]
struct Everything;

const LONGEST: usize = 100;

#[server(
    name = "everything",
    version = "1.2.3",
    title = "Everything",
    description = "All of it",
    instructions = concat!("Call", " tools"),
    website_url = "https://example.com",
    icons = ["https://example.com/icon.png"],
    crate = ::turbomcp,
)]
impl Everything {
    /// Adds two numbers.
    ///
    /// Exactly.
    #[tool]
    async fn add(&self, a: i64, b: i64) -> i64 {
        a + b
    }

    #[tool("Searches")]
    fn search(&self, query: Query, ctx: Context) -> McpResult<Found> {
        let _ = ctx;
        Ok(Found { hits: vec![query.text; query.limit.unwrap_or(1) as usize] })
    }

    #[tool(
        name = "forecast.v2",
        title = "Forecast",
        description = "Says how it will be",
        read_only,
        destructive = false,
        idempotent,
        open_world = true,
        icons = ["https://example.com/sun.png"],
        tags = ["weather", "slow"],
        timeout = "30s",
    )]
    async fn forecast(
        &self,
        /// The city to ask for
        city: &str,
        #[arg(description = "How far to look", range = 1..=14, default = 3)] days: u8,
        #[arg(default)] unit: Unit,
        ctx: &Context,
        #[arg(length = 1..=LONGEST, pattern = "^[a-z]+$", example = "abc", header = "Region")] region: String,
        #[validate(range(min = 0.5, max = 2.0))]
        #[schemars(description = "A factor")]
        factor: Option<f64>,
        names: &[String],
        note: Option<&str>,
    ) -> Result<String, std::io::Error> {
        let _ = (city, days, unit, ctx, region, factor, names, note);
        Ok(String::new())
    }

    #[tool(timeout = Duration::from_secs(1), aggr)]
    fn whole(ctx: Context, query: Query) -> &'static str {
        let _ = (ctx, query);
        "done"
    }

    #[tool]
    fn whole_too(&self, #[tool(aggr)] query: Query, _ctx: Option<Context>) {
        let _ = query;
    }

    /// A log file.
    #[resource("file:///logs/{name}{?lines}", title = "Log", mime_type = "text/plain", tags = ["logs"])]
    async fn log(&self, name: String, #[arg(default = 10)] lines: u32, ctx: &Context) -> McpResult<String> {
        let _ = ctx;
        Ok(format!("{name} {lines}"))
    }

    #[resource("config://app", name = "configuration", description = "All settings", size = 12)]
    fn config(&self) -> Query2 {
        Query2 { a: 1 }
    }

    #[prompt("Asks for a review")]
    fn review(&self, #[arg(description = "What to read")] code: &str, unit: Option<Unit>, ctx: Context) -> String {
        let _ = (unit, ctx);
        code.to_owned()
    }

    #[completion(prompt = "review", argument = "unit")]
    fn units(&self, typed: &str, code: Option<String>, _ctx: Context) -> Vec<&'static str> {
        let _ = code;
        ["metric", "imperial"].into_iter().filter(|unit| unit.starts_with(typed)).collect()
    }

    #[completion(resource = "file:///logs/{name}{?lines}", argument = "name")]
    async fn logs(typed: String) -> Result<Vec<String>, std::io::Error> {
        Ok(vec![typed])
    }

    fn not_a_handler(&mut self) {}
}

#[derive(Serialize)]
struct Query2 {
    a: i32,
}

#[test]
fn is_accepted() {
    let mut everything = Everything;
    everything.not_a_handler();
    let _ = everything.into_server();
}
