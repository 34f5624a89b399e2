//! What users write, and what a client then sees: a test for each shape listed in `docs/features.md`.

mod access;
mod asking;
mod compression;
mod config;
mod dashboard;
mod first;
mod handlers;
mod health;
mod layers;
mod macros;
mod metrics;
mod middleware;
mod pages;
mod reload;
mod schemas;
mod settings;
#[cfg(unix)]
mod sockets;
mod tenancy;
mod traces;
#[cfg(unix)]
mod unix_http;
mod validation;
mod websocket;
mod websocket_rules;

use serde_json::Value;

/// Returns the text of a tool's result.
fn text(answer: &Value) -> &str {
    answer["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{answer}"))
}
