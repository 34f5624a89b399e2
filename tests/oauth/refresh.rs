//! How tokens are kept fresh, and kept.

use serde_json::json;
use turbomcp::auth::client::{Browser, FileStore};

use crate::Outcome;
use crate::report::Report;
use crate::stage::{Stage, ensure};

const REFRESH: [(&str, &str); 1] = [("grant", "refresh_token")];

pub(crate) async fn run(report: &mut Report, stage: &Stage) {
    report.check("refreshes_before_the_end", before_the_end(stage)).await;
    report.check("refreshes_once_for_many_requests", once_for_many(stage)).await;
    report.check("remembers_in_files", remembers(stage)).await;
}

async fn before_the_end(stage: &Stage) -> Outcome {
    let watch = stage.watch().await?;
    let client = stage.connect("short", &stage.oauth("short").build()?).await?;
    client.call_tool("test_simple_text", json!({})).await?;
    client.close().await;
    let seen = watch.seen().await?;
    seen.one("authorization", &[])?;
    ensure(!seen.all("grant", &REFRESH).is_empty(), || format!("no refresh: {}", seen.shown()))?;
    // Only the request without a token was refused, and that is not in the log.
    seen.none("refused", &[])
}

async fn once_for_many(stage: &Stage) -> Outcome {
    let client = stage.connect("mcp", &stage.oauth("mcp").scopes(["notes:write"]).build()?).await?;
    client.call_tool("test_simple_text", json!({})).await?;
    stage.revoke().await?;
    let watch = stage.watch().await?;
    let calls = (0..8).map(|_| {
        let client = client.clone();
        tokio::spawn(async move { client.call_tool("test_simple_text", json!({})).await.map(drop) })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await??;
    }
    client.close().await;
    let seen = watch.seen().await?;
    seen.one("grant", &REFRESH)?;
    seen.none("authorization", &[])?;
    let calls = seen.all("request", &[("method", "tools/call")]);
    ensure(calls.len() == 8, || format!("not eight calls: {}", seen.shown()))
}

async fn remembers(stage: &Stage) -> Outcome {
    let folder = std::env::temp_dir().join(format!("turbomcp-oauth-{}", std::process::id()));
    let outcome = remembers_in(stage, &FileStore::new(&folder)).await;
    std::fs::remove_dir_all(folder)?;
    outcome
}

async fn remembers_in(stage: &Stage, store: &FileStore) -> Outcome {
    let client = stage.connect("mcp", &stage.oauth("mcp").store(store.clone()).build()?).await?;
    client.list_all_tools().await?;
    client.close().await;
    let watch = stage.watch().await?;
    let nobody = Browser::new(|_| async { Err("the user was asked again".into()) });
    let oauth = stage.oauth("mcp").store(store.clone()).browser(nobody).build()?;
    let client = stage.connect("mcp", &oauth).await?;
    client.list_all_tools().await?;
    // A refresh token that was loaded is of use, and the one that replaces it is kept.
    stage.revoke().await?;
    client.list_all_resources().await?;
    client.close().await;
    let seen = watch.seen().await?;
    seen.one("grant", &REFRESH)?;
    seen.none("registration", &[])?;
    seen.none("error", &[])
}
