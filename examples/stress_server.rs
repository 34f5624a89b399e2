//! The server that load and fault tests drive: `cargo run --example stress_server -- --http 127.0.0.1:3000`
//!
//! Default settings, protections and limits.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep_until};
use turbomcp::Error;
use turbomcp::prelude::*;

/// How often a slow call reports its progress.
const STEP: Duration = Duration::from_millis(50);

const POKED: &str = "poked";

#[derive(Default)]
struct Stress {
    started: AtomicU64,
    finished: AtomicU64,
    cancelled: AtomicU64,
}

/// A slow call; dropped before it has finished, it counts as cancelled.
struct Slow<'a> {
    counters: &'a Stress,
    is_finished: bool,
}

impl<'a> Slow<'a> {
    fn start(counters: &'a Stress) -> Self {
        counters.started.fetch_add(1, Ordering::Relaxed);
        Self { counters, is_finished: false }
    }

    fn finish(mut self) {
        self.is_finished = true;
    }
}

impl Drop for Slow<'_> {
    fn drop(&mut self) {
        let counter = if self.is_finished { &self.counters.finished } else { &self.counters.cancelled };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// Is there after every second poke.
#[tool]
fn poked() -> &'static str {
    "poked"
}

#[server(name = "stress", version = "1.0.0")]
impl Stress {
    /// Returns a text.
    #[tool]
    fn echo(&self, text: String) -> String {
        text
    }

    /// Waits, and reports progress meanwhile.
    #[tool]
    async fn slow(&self, ctx: Context, ms: u64) -> &'static str {
        let slow = Slow::start(self);
        let start = Instant::now();
        let wait = Duration::from_millis(ms);
        let mut passed = Duration::ZERO;
        while passed + STEP < wait {
            passed += STEP;
            sleep_until(start + passed).await;
            ctx.progress(passed.as_secs_f64()).total(wait.as_secs_f64()).await;
        }
        sleep_until(start + wait).await;
        slow.finish();
        "done"
    }

    /// Counts the calls of `slow`.
    #[tool]
    fn stats(&self) -> String {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (started, finished, cancelled) = (&self.started, &self.finished, &self.cancelled);
        json!({"started": count(started), "finished": count(finished), "cancelled": count(cancelled)}).to_string()
    }

    /// Panics.
    #[tool]
    fn boom(&self) -> &'static str {
        panic!("fixture panic")
    }

    /// Returns a text of a size.
    #[tool]
    fn big(&self, #[arg(range = 0..=134_217_728)] bytes: usize) -> String {
        "x".repeat(bytes)
    }

    /// Reports progress as often as asked.
    #[tool]
    async fn flood(&self, ctx: Context, count: u32) -> &'static str {
        for step in 1..=count {
            ctx.progress(f64::from(step)).total(f64::from(count)).await;
        }
        "flooded"
    }

    /// Announces a change of the tools as often as asked.
    #[tool]
    async fn poke(&self, ctx: Context, count: u32) -> Result<&'static str, Error> {
        for _ in 0..count {
            if !ctx.server().remove_tool(POKED) {
                ctx.server().register_tool(POKED, poked_tool())?;
            }
            // Announcements are dropped for a client that does not get to read them.
            tokio::task::yield_now().await;
        }
        Ok("poked")
    }

    /// Returns its arguments, which clients mirror in headers.
    #[tool]
    fn param(
        &self,
        #[arg(header = "Region")] region: Option<String>,
        #[arg(header = "Count")] count: Option<i64>,
        #[arg(header = "Flag")] flag: Option<bool>,
    ) -> String {
        json!({"region": region, "count": count, "flag": flag}).to_string()
    }

    /// Greets someone.
    #[prompt]
    fn greet(&self, name: String) -> String {
        format!("Greet {name}.")
    }

    /// A fixed text.
    #[resource("fixture://static/hello", mime_type = "text/plain")]
    fn hello(&self) -> &'static str {
        "hello"
    }

    /// An item by its name.
    #[resource("fixture://item/{name}", mime_type = "text/plain")]
    fn item(&self, name: String) -> String {
        format!("item:{name}")
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    turbomcp_examples::serve(Stress::default().into_server()).await
}
