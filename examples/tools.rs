//! What a tool takes and returns: `cargo run --example tools`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use turbomcp::Error;
use turbomcp::prelude::*;
use turbomcp::types::{ContentBlock, ImageContent};

// ANCHOR: types
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Unit {
    #[default]
    Metre,
    Foot,
}

/// A rectangle, as an argument and as structured content.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Rectangle {
    /// From left to right
    width: f64,
    /// From top to bottom
    height: f64,
}
// ANCHOR_END: types

struct Geometry;

#[server(name = "geometry", version = "1.0.0")]
impl Geometry {
    // ANCHOR: arguments
    /// Draws a line.
    #[tool]
    async fn line(
        &self,
        /// What is written beneath it
        #[arg(length = 1..=40, pattern = "^[a-z ]+$")]
        label: String,
        #[arg(description = "How long it is", range = 1..=60)] length: usize,
        #[arg(default)] unit: Unit,
        color: Option<String>,
    ) -> String {
        format!("{}\n{label}, {length} {unit:?}, {}", "-".repeat(length), color.as_deref().unwrap_or("black"))
    }
    // ANCHOR_END: arguments

    // ANCHOR: structured
    /// Scales a rectangle.
    #[tool(title = "Scale", read_only, idempotent, tags = ["plane"], timeout = "1s")]
    async fn scale(&self, rectangle: Rectangle, factor: f64) -> Rectangle {
        Rectangle { width: rectangle.width * factor, height: rectangle.height * factor }
    }
    // ANCHOR_END: structured

    // ANCHOR: content
    /// Paints the flag of a country.
    #[tool]
    async fn flag(&self, country: String) -> Vec<ContentBlock> {
        let pixels = b"P5 2 1 255\n\x00\xff";
        vec![
            ContentBlock::text(format!("The flag of {country}")),
            ImageContent::from_bytes(pixels, "image/x-portable-graymap").into(),
        ]
    }
    // ANCHOR_END: content
}

// ANCHOR: free
/// Measures a circle.
#[tool]
async fn circumference(radius: f64) -> f64 {
    2.0 * std::f64::consts::PI * radius
}

fn server() -> Result<McpServer, Error> {
    Ok(Geometry.into_builder().tool("circumference", circumference_tool())?.build())
}
// ANCHOR_END: free

#[tokio::main]
async fn main() -> Result<(), Error> {
    server()?.run_stdio().await
}
