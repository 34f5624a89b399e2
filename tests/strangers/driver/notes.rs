//! The servers of other languages that offer the same: notes, and a tool for each thing a tool can do.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use turbomcp::client::{Change, Client, Error};
use turbomcp::types::{
    CompleteRequestParams, CompletionArgument, CompletionReference, LoggingLevel, SubscriptionFilter,
};

use crate::Stranger;
use crate::host::Host;
use crate::report::{Outcome, Report, expect, failure, until};

#[derive(Debug, Deserialize)]
struct Sum {
    sum: i64,
}

pub async fn drive(report: &mut Report, client: &Client, host: &Host, stranger: &Stranger) {
    report.check("introduces_itself", introduces_itself(client)).await;
    report.check("pings", async { Ok(client.ping().await?) }).await;
    report.check("lists_tools", lists_tools(client)).await;
    report.check("reads_structured_content", reads_structured_content(client)).await;
    report.check("sees_a_tool_fail", sees_a_tool_fail(client)).await;
    report.check("is_told_of_bad_calls", is_told_of_bad_calls(client)).await;
    report.check("calls_many_at_once", calls_many_at_once(client)).await;
    report.check("hears_progress_and_logs", hears_progress_and_logs(client, host)).await;
    report.check("cancels_by_dropping", cancels_by_dropping(client)).await;
    report.check("times_out_and_cancels", times_out_and_cancels(client)).await;
    report.check("answers_elicitation", answers_elicitation(client, host)).await;
    report.check("answers_sampling", async { says(client, "sample", json!({}), "la la").await }).await;
    report.check("answers_roots", answers_roots(client, host)).await;
    report.check("lists_resources", lists_resources(client)).await;
    report.check("reads_resources", reads_resources(client)).await;
    report.check("lists_and_gets_prompts", lists_and_gets_prompts(client)).await;
    report.check("completes", completes(client)).await;
    report.check("is_told_of_unknown_methods", is_told_of_unknown_methods(client)).await;
    let capabilities = client.capabilities();
    if capabilities.resources.is_some_and(|resources| resources.subscribe == Some(true)) {
        report.check("subscribes", subscribes(client)).await;
    }
    report.check("connects_again", connects_again(host, stranger)).await;
}

async fn introduces_itself(client: &Client) -> Outcome {
    expect(client.instructions().as_deref() == Some("Keep notes."), "instructions", client.instructions())?;
    let info = client.server_info();
    expect(info.as_ref().is_some_and(|info| !info.name.is_empty()), "a name", info)
}

async fn lists_tools(client: &Client) -> Outcome {
    let mut names: Vec<_> = client.list_all_tools().await?.into_iter().map(|tool| tool.name).collect();
    names.retain(|name| name != "change");
    names.sort();
    let expected = ["add", "ask", "cancelled", "count", "fail", "roots", "sample", "wait"];
    expect(names == expected, "the tools", names)
}

/// Returns the text of a tool's result.
async fn said(client: &Client, tool: &str, arguments: Value) -> Outcome<String> {
    let result = client.call_tool(tool, arguments).await?;
    expect(!result.is_error(), "a result that is none of failure", &result)?;
    let text = result.content.first().and_then(|content| content.as_text());
    Ok(text.ok_or_else(|| format!("no text in {result:?}"))?.to_owned())
}

async fn says(client: &Client, tool: &str, arguments: Value, expected: &str) -> Outcome {
    let text = said(client, tool, arguments).await?;
    expect(text == expected, expected, text)
}

async fn reads_structured_content(client: &Client) -> Outcome {
    // The schema was learnt by listing, so the result is held against it.
    let sum: Sum = client.call_tool_as("add", json!({"a": 40, "b": 2})).await?;
    expect(sum.sum == 42, "42", sum)
}

async fn sees_a_tool_fail(client: &Client) -> Outcome {
    let result = client.call_tool("fail", ()).await?;
    expect(result.is_error(), "a failed tool", &result)?;
    let error = failure(client.call_tool_as::<Sum>("fail", ()).into_future()).await?;
    expect(error.is_tool() && error.to_string().contains("it failed"), "what the tool said", error)
}

async fn is_told_of_bad_calls(client: &Client) -> Outcome {
    // SDKs differ in whether this is an error or a failed tool; it must be one of them.
    match client.call_tool("no such tool", ()).await {
        Ok(result) => expect(result.is_error(), "a failure", result)?,
        Err(error) => expect(error.as_mcp().is_some(), "an error of the server", error)?,
    }
    let error = failure(client.call_tool("add", "no object").into_future()).await?;
    expect(error.is_usage(), "`is_usage()`", error)
}

async fn calls_many_at_once(client: &Client) -> Outcome {
    let call = |n: i64| tokio::spawn(client.call_tool_as::<Sum>("add", json!({"a": n, "b": 1})).into_future());
    let calls: Vec<_> = (0..50).map(|n| (n, call(n))).collect();
    for (n, call) in calls {
        let sum = call.await??;
        expect(sum.sum == n + 1, "each its own answer", (n, sum))?;
    }
    Ok(())
}

async fn hears_progress_and_logs(client: &Client, host: &Host) -> Outcome {
    if client.capabilities().logging.is_some() || client.revision().is_modern() {
        client.set_log_level(LoggingLevel::Info).await?;
    }
    let before = host.logs().len();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hears = heard.clone();
    let call = client.call_tool("count", json!({"to": 3}));
    let result = call.on_progress(move |params| hears.lock().unwrap().push((params.progress, params.total))).await?;
    expect(!result.is_error(), "a count", result)?;
    let heard = heard.lock().unwrap().clone();
    expect(heard == [(1.0, Some(3.0)), (2.0, Some(3.0)), (3.0, Some(3.0))], "three steps, in order", heard)?;
    until("three log messages", async || (host.logs().len() >= before + 3).then_some(())).await
}

/// Waits until the server has seen so many calls be cancelled.
async fn sees_cancelled(client: &Client, count: usize) -> Outcome {
    let seen = async || (said(client, "cancelled", json!({})).await.ok()? == count.to_string()).then_some(());
    until("the server sees the cancellation", seen).await
}

async fn cancels_by_dropping(client: &Client) -> Outcome {
    let before: usize = said(client, "cancelled", json!({})).await?.parse()?;
    let call = tokio::spawn(client.call_tool("wait", ()).into_future());
    tokio::time::sleep(Duration::from_millis(300)).await;
    call.abort();
    sees_cancelled(client, before + 1).await
}

async fn times_out_and_cancels(client: &Client) -> Outcome {
    let before: usize = said(client, "cancelled", json!({})).await?.parse()?;
    let error = failure(client.call_tool("wait", ()).timeout(Duration::from_millis(300)).into_future()).await?;
    expect(error.is_timeout(), "`is_timeout()`", error)?;
    sees_cancelled(client, before + 1).await
}

async fn answers_elicitation(client: &Client, host: &Host) -> Outcome {
    says(client, "ask", json!({}), "hello Ada").await?;
    host.decline(true);
    let declined = says(client, "ask", json!({}), "decline").await;
    host.decline(false);
    declined
}

async fn answers_roots(client: &Client, host: &Host) -> Outcome {
    let before = host.roots_listed();
    says(client, "roots", json!({}), "file:///home/ada/notes").await?;
    expect(host.roots_listed() == before + 1, "to be asked once", host.roots_listed())?;
    Ok(client.roots_changed().await?)
}

async fn lists_resources(client: &Client) -> Outcome {
    let uris: Vec<_> = client.list_all_resources().await?.into_iter().map(|resource| resource.uri).collect();
    expect(uris == ["note://one", "note://two"], "two resources", uris)?;
    let templates = client.list_all_resource_templates().await?;
    let is_named = templates.iter().map(|template| template.uri_template.as_str()).eq(["note://{name}"]);
    expect(is_named, "one template", templates)
}

async fn reads_resources(client: &Client) -> Outcome {
    for name in ["one", "three"] {
        let result = client.read_resource(format!("note://{name}")).await?;
        let text = result.contents.first().and_then(|contents| contents.as_text()).map(str::to_owned);
        expect(text == Some(format!("note {name}")), "the note", result)?;
    }
    let error = failure(client.read_resource("bogus://x").into_future()).await?;
    // The SDK of Python 1.x says 0, which no revision has.
    let is_known = error.is_resource_not_found() || error.code().is_some_and(|code| code.0 == 0);
    expect(is_known, "`is_resource_not_found()`", error)
}

async fn lists_and_gets_prompts(client: &Client) -> Outcome {
    let prompts = client.list_all_prompts().await?;
    expect(prompts.len() == 1 && prompts[0].name == "greet", "one prompt", &prompts)?;
    let result = client.get_prompt("greet", [("name", "Ada")]).await?;
    let text = result.messages.first().and_then(|message| message.content.as_text());
    expect(text == Some("Greet Ada."), "the message", &result)?;
    let error = failure(client.get_prompt("no such prompt", [("a", "b")]).into_future()).await?;
    expect(error.as_mcp().is_some(), "an error of the server", error)
}

async fn completes(client: &Client) -> Outcome {
    let prompt = CompletionReference::prompt("greet");
    let template = CompletionReference::resource_template("note://{name}");
    for reference in [prompt, template] {
        let params = CompleteRequestParams::new(reference, CompletionArgument::new("name", "A"));
        let values = client.complete(&params).await?.completion.values;
        expect(values == ["Ada", "Alan"], "two names", values)?;
    }
    Ok(())
}

async fn is_told_of_unknown_methods(client: &Client) -> Outcome {
    let error = failure(client.request::<Value>("example/nothing", json!({"a": 1})).into_future()).await?;
    expect(error.as_mcp().is_some(), "an error of the server", error)
}

async fn subscribes(client: &Client) -> Outcome {
    let filter =
        SubscriptionFilter::new().with_tools_list_changed(true).with_resource_subscriptions(["note://one".to_owned()]);
    let mut subscription = client.subscribe(filter).await?;
    let wants_tools = subscription.filter().tools_list_changed == Some(true);
    // Nobody asked for this one.
    if client.revision().is_modern() {
        says(client, "change", json!({"uri": "note://two"}), "changed").await?;
    }
    says(client, "change", json!({"uri": "note://one"}), "changed").await?;
    let mut seen = Vec::new();
    let wanted = Change::Resource { uri: "note://one".to_owned() };
    while !seen.contains(&wanted) || (wants_tools && !seen.contains(&Change::Tools)) {
        seen.push(subscription.next().await.ok_or("the subscription ended")??);
    }
    expect(!seen.contains(&Change::Resource { uri: "note://two".to_owned() }), "only what was asked for", &seen)?;
    subscription.close().await;
    Ok(())
}

async fn connects_again(host: &Host, stranger: &Stranger) -> Outcome {
    let second = stranger.connect(host).await?;
    let sum: Result<Sum, Error> = second.call_tool_as("add", json!({"a": 1, "b": 1})).await;
    expect(sum.is_ok_and(|sum| sum.sum == 2), "an answer on a second connection", ())?;
    drop(second);
    Ok(())
}
