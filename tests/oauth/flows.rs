//! What a user is asked for, and what an authorization server is told of the client.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use turbomcp::auth::client::{Browser, Dpop, Visit};

use crate::Outcome;
use crate::browser::{self, Answer};
use crate::report::Report;
use crate::stage::{Stage, ensure, scopes};

pub(crate) async fn run(report: &mut Report, stage: &Stage) {
    report.check("registers_and_gets_a_code_with_pkce", registers(stage)).await;
    report.check("is_described_by_a_document", document(stage)).await;
    report.check("widens_the_scopes_for_a_call", step_up(stage)).await;
    report.check("stops_when_no_scope_will_do", endless(stage)).await;
    report.check("tells_that_the_user_refused", refused(stage)).await;
    report.check("has_a_code_entered_elsewhere", device(stage)).await;
    report.check("binds_tokens_to_a_key", dpop(stage)).await;
    report.check("forgets_at_logout", logout(stage)).await;
}

async fn registers(stage: &Stage) -> Outcome {
    let watch = stage.watch().await?;
    let client = stage.connect("mcp", &stage.oauth("mcp").build()?).await?;
    ensure(!client.list_all_tools().await?.is_empty(), || "there are no tools".into())?;
    client.close().await;
    let seen = watch.seen().await?;
    let id = seen.one("registration", &[("application_type", "native")])?["client"].as_str().unwrap_or_default();
    let resource = stage.resource("mcp");
    seen.one("authorization", &[("client", id), ("code_challenge_method", "S256"), ("resource", &resource)])?;
    let grant = [("client", id), ("grant", "authorization_code"), ("authentication", "none"), ("resource", &resource)];
    seen.one("grant", &grant)?;
    let requests = seen.all("request", &[("client", id), ("scheme", "Bearer"), ("sub", "alice")]);
    ensure(requests.len() >= 2, || format!("too few requests: {}", seen.shown()))?;
    seen.none("error", &[])
}

async fn document(stage: &Stage) -> Outcome {
    let watch = stage.watch().await?;
    let url = stage.metadata_url();
    let client = stage.connect("mcp", &stage.oauth("mcp").client_metadata_url(url).build()?).await?;
    client.list_all_tools().await?;
    client.close().await;
    let seen = watch.seen().await?;
    seen.one("document", &[])?;
    seen.none("registration", &[])?;
    seen.one("grant", &[("client", url), ("grant", "authorization_code")])?;
    ensure(!seen.all("request", &[("client", url)]).is_empty(), || format!("no request: {}", seen.shown()))?;
    seen.none("error", &[])
}

async fn step_up(stage: &Stage) -> Outcome {
    let watch = stage.watch().await?;
    let client = stage.connect("mcp", &stage.oauth("mcp").build()?).await?;
    client.list_all_tools().await?;
    let first = watch.seen().await?;
    let asked = scopes(first.one("authorization", &[])?);
    ensure(asked == ["notes:read", "offline_access"], || format!("first asked for {asked:?}"))?;
    let watch = stage.watch().await?;
    client.call_tool("test_simple_text", json!({})).await?;
    client.call_tool("test_simple_text", json!({})).await?;
    client.close().await;
    let seen = watch.seen().await?;
    seen.one("refused", &[("error", "insufficient_scope"), ("scope", "notes:write")])?;
    let asked = scopes(seen.one("authorization", &[])?);
    ensure(asked == ["notes:read", "notes:write", "offline_access"], || format!("then asked for {asked:?}"))?;
    seen.none("registration", &[])?;
    let calls = seen.all("request", &[("method", "tools/call"), ("scope", "notes:read notes:write")]);
    ensure(calls.len() == 2, || format!("not two calls: {}", seen.shown()))
}

async fn endless(stage: &Stage) -> Outcome {
    let client = stage.connect("never", &stage.oauth("never").build()?).await?;
    client.list_all_tools().await?;
    let watch = stage.watch().await?;
    for _ in 0..2 {
        let error = client.call_tool("test_simple_text", json!({})).await.err().ok_or("the call succeeded")?;
        ensure(error.status() == Some(403), || format!("another error: {error}"))?;
    }
    client.close().await;
    let seen = watch.seen().await?;
    let asked = seen.all("authorization", &[]).len();
    ensure((1..=2).contains(&asked), || format!("the user was asked {asked} times"))
}

async fn refused(stage: &Stage) -> Outcome {
    let oauth = stage.oauth("mcp").browser(browser::that_refuses()).build()?;
    let error = oauth.login().await.err().ok_or("there is authorization")?;
    ensure(error.oauth_error() == Some("access_denied"), || format!("another error: {error}"))
}

async fn device(stage: &Stage) -> Outcome {
    let watch = stage.watch().await?;
    let no_browser = Browser::new(|_| async { Err("a browser was opened here".into()) });
    let oauth = stage.oauth("mcp").browser(no_browser).device_code(|code| async move {
        // The user takes another device.
        tokio::spawn(async move {
            let url = code.verification_uri_complete.unwrap_or(code.verification_uri);
            if let Err(error) = browser::visit(&url, Answer::Yes).await {
                eprintln!("the other device: {error}");
            }
        });
        Ok(())
    });
    let client = stage.connect("mcp", &oauth.build()?).await?;
    client.list_all_tools().await?;
    client.close().await;
    let seen = watch.seen().await?;
    seen.one("grant", &[("grant", "urn:ietf:params:oauth:grant-type:device_code")])?;
    seen.none("grant", &[("grant", "authorization_code")])?;
    ensure(!seen.all("request", &[("sub", "alice")]).is_empty(), || format!("no request: {}", seen.shown()))
}

async fn dpop(stage: &Stage) -> Outcome {
    let watch = stage.watch().await?;
    let client = stage.connect("bound", &stage.oauth("bound").dpop(Dpop::Always).build()?).await?;
    for _ in 0..3 {
        client.call_tool("test_simple_text", json!({})).await?;
    }
    stage.revoke().await?;
    client.call_tool("test_simple_text", json!({})).await?;
    client.close().await;
    let seen = watch.seen().await?;
    // The nonce of each answer is used for the next request, so only the first proof is without one.
    seen.one("refused", &[("error", "use_dpop_nonce")])?;
    seen.one("error", &[("of", "grant.error"), ("error", "use_dpop_nonce")])?;
    seen.one("grant", &[("grant", "authorization_code")])?;
    seen.one("grant", &[("grant", "refresh_token")])?;
    let calls = seen.all("request", &[("scheme", "DPoP"), ("method", "tools/call")]);
    ensure(calls.len() == 4, || format!("not four calls: {}", seen.shown()))
}

async fn logout(stage: &Stage) -> Outcome {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    let browser = Browser::new(move |url| {
        counter.fetch_add(1, Ordering::Relaxed);
        async move {
            browser::visit(&url, Answer::Yes).await?;
            Ok(Visit::Opened)
        }
    });
    let watch = stage.watch().await?;
    let oauth = stage.oauth("mcp").browser(browser).build()?;
    let client = stage.connect("mcp", &oauth).await?;
    client.list_all_tools().await?;
    oauth.logout().await?;
    client.call_tool("test_simple_text", json!({})).await?;
    client.close().await;
    // Nothing of the first authorization is left to refresh; the second is for what the first request wants, and the
    // third for what the call needs besides.
    watch.seen().await?.none("grant", &[("grant", "refresh_token")])?;
    let asked = asked.load(Ordering::Relaxed);
    ensure(asked == 3, || format!("the user was asked {asked} times"))?;
    watch.seen().await?.one("registration", &[])?;
    Ok(())
}
