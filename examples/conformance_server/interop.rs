//! What the suite does not ask for and clients rely on: structured content, large texts, cancelling, updates, panics.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;
use turbomcp::Error;
use turbomcp::prelude::*;

#[derive(Serialize, JsonSchema)]
struct Structured {
    sum: f64,
    items: Vec<String>,
    nested: Nested,
}

#[derive(Serialize, JsonSchema)]
struct Nested {
    ok: bool,
}

/// Adds two numbers and says which.
#[tool]
fn interop_structured(a: f64, b: f64) -> Structured {
    Structured { sum: a + b, items: vec![a.to_string(), b.to_string()], nested: Nested { ok: true } }
}

/// Returns a text.
#[tool]
fn interop_echo(text: String) -> String {
    text
}

/// How every slow call of this process is doing.
static SLOW: Mutex<BTreeMap<String, &str>> = Mutex::new(BTreeMap::new());

fn slow() -> MutexGuard<'static, BTreeMap<String, &'static str>> {
    SLOW.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A slow call. It is dropped where it waits if the request is cancelled.
struct SlowCall {
    id: String,
    end: &'static str,
}

impl SlowCall {
    fn start(id: String) -> Self {
        slow().insert(id.clone(), "running");
        Self { id, end: "cancelled" }
    }

    fn complete(mut self) {
        self.end = "completed";
    }
}

impl Drop for SlowCall {
    fn drop(&mut self) {
        slow().insert(std::mem::take(&mut self.id), self.end);
    }
}

/// Waits, and remembers how that ended.
#[tool]
async fn interop_slow(id: String, ms: u64) -> &'static str {
    let call = SlowCall::start(id);
    tokio::time::sleep(Duration::from_millis(ms)).await;
    call.complete();
    "done"
}

/// Says how a slow call ended.
#[tool]
fn interop_slow_status(id: String) -> &'static str {
    slow().get(&id).copied().unwrap_or("unknown")
}

/// Announces that a resource has changed.
#[tool]
fn interop_touch(ctx: Context, uri: String) -> &'static str {
    ctx.server().resource_updated(&uri);
    "touched"
}

/// Panics.
#[tool]
fn interop_panic() -> &'static str {
    panic!("fixture panic")
}

/// Registers the tools of this file.
pub fn tools(builder: ServerBuilder) -> Result<ServerBuilder, Error> {
    builder
        .tool("interop_structured", interop_structured_tool())?
        .tool("interop_echo", interop_echo_tool())?
        .tool("interop_slow", interop_slow_tool())?
        .tool("interop_slow_status", interop_slow_status_tool())?
        .tool("interop_touch", interop_touch_tool())?
        .tool("interop_panic", interop_panic_tool())
}
