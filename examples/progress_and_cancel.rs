//! A tool that takes its time, says how far it is, and stops when nobody waits:
//! `cargo run --example progress_and_cancel`

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use turbomcp::Error;
use turbomcp::prelude::*;

const STEP: Duration = Duration::from_millis(20);

#[derive(Default)]
struct Baker {
    thrown_away: Arc<AtomicU32>,
}

#[server(name = "baker", version = "1.0.0")]
impl Baker {
    // ANCHOR: progress
    /// Bakes loaves of bread, one after the other.
    #[tool(timeout = "10m")]
    async fn bake(&self, ctx: &Context, #[arg(range = 1..=100_000)] loaves: u32) -> String {
        for loaf in 1..=loaves {
            tokio::time::sleep(STEP).await;
            ctx.progress(loaf.into()).total(loaves.into()).message(format!("loaf {loaf}")).await;
        }
        format!("baked: {loaves}")
    }
    // ANCHOR_END: progress

    // ANCHOR: cancel
    /// Lets dough rise in a task of its own, which has to be told when nobody waits for it any more.
    #[tool]
    async fn rise(&self, ctx: Context, minutes: u64) -> McpResult<&'static str> {
        let thrown_away = self.thrown_away.clone();
        let dough = tokio::spawn(async move {
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(60 * minutes)) => {}
                () = ctx.cancelled() => drop(thrown_away.fetch_add(1, Ordering::Relaxed)),
            }
        });
        // A cancelled request drops its handler here; the task lives on.
        dough.await?;
        Ok("risen")
    }
    // ANCHOR_END: cancel

    /// Counts the dough that nobody waited for.
    #[tool(read_only)]
    async fn thrown_away(&self) -> u32 {
        self.thrown_away.load(Ordering::Relaxed)
    }
}

fn server() -> McpServer {
    Baker::default().into_server()
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    server().run_stdio().await
}
