//! `@modelcontextprotocol/server-everything`: each of its tools, prompts and resources.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};
use turbomcp::client::{Change, Client};
use turbomcp::types::{
    CallToolResult, CompleteRequestParams, CompletionArgument, CompletionContext, CompletionReference, ContentBlock,
    LoggingLevel, SubscriptionFilter,
};

use crate::Stranger;
use crate::host::Host;
use crate::report::{Outcome, Report, expect, failure, until};

const TOOLS: [&str; 17] = [
    "echo",
    "get-annotated-message",
    "get-env",
    "get-resource-links",
    "get-resource-reference",
    "get-roots-list",
    "get-structured-content",
    "get-sum",
    "get-tiny-image",
    "gzip-file-as-resource",
    "simulate-research-query",
    "toggle-simulated-logging",
    "toggle-subscriber-updates",
    "trigger-elicitation-request",
    "trigger-long-running-operation",
    "trigger-sampling-request",
    "trigger-url-elicitation",
];

pub async fn drive(report: &mut Report, client: &Client, host: &Host, stranger: &Stranger) {
    report.check("introduces_itself", introduces_itself(client)).await;
    report.check("pings", async { Ok(client.ping().await?) }).await;
    report.check("lists_the_tools_our_capabilities_allow", lists_tools(client)).await;
    report.check("echoes", async { says(client, "echo", json!({"message": "hi"}), "Echo: hi").await }).await;
    report.check("adds", async { says(client, "get-sum", json!({"a": 1.5, "b": 2}), "3.5").await }).await;
    report.check("reads_structured_content", reads_structured_content(client)).await;
    report.check("sees_images", sees_images(client)).await;
    report.check("sees_annotations", sees_annotations(client)).await;
    report.check("follows_resource_links", follows_resource_links(client)).await;
    report.check("reads_embedded_resources", reads_embedded_resources(client)).await;
    report.check("reads_a_resource_made_by_a_tool", reads_a_resource_made_by_a_tool(client)).await;
    if stranger.is_process() {
        report.check("keeps_the_environment_of_the_host_to_itself", environment(client)).await;
    }
    report.check("sees_failures", sees_failures(client)).await;
    report.check("hears_progress", hears_progress(client)).await;
    report.check("progress_keeps_a_call_alive", progress_keeps_a_call_alive(client)).await;
    report.check("times_out", times_out(client)).await;
    report.check("drops_a_call", drops_a_call(client)).await;
    report.check("names_its_roots", names_its_roots(client, host)).await;
    report.check("fills_in_a_form", fills_in_a_form(client, host)).await;
    report.check("is_sent_to_a_url", is_sent_to_a_url(client, host)).await;
    report.check("learns_that_a_url_is_required", learns_that_a_url_is_required(client)).await;
    report.check("answers_sampling", answers_sampling(client)).await;
    report.check("hears_logs_from_its_level_on", hears_logs(client, host)).await;
    report.check("lists_resources_and_templates", lists_resources(client)).await;
    report.check("reads_text_and_bytes", reads_text_and_bytes(client)).await;
    report.check("is_told_of_missing_resources", is_told_of_missing_resources(client)).await;
    report.check("subscribes_to_a_resource", subscribes(client)).await;
    report.check("lists_and_gets_prompts", prompts(client)).await;
    report.check("completes_arguments_by_their_context", completes(client)).await;
    report.check("is_told_of_unknown_methods", is_told_of_unknown_methods(client)).await;
    report.check("connects_without_delay", connects_without_delay(host, stranger)).await;
}

async fn introduces_itself(client: &Client) -> Outcome {
    let info = client.server_info().ok_or("no name")?;
    expect(info.name == "mcp-servers/everything", "its name", &info)?;
    expect(client.instructions().is_some_and(|text| !text.is_empty()), "instructions", ())
}

async fn lists_tools(client: &Client) -> Outcome {
    let mut names: Vec<_> = client.list_all_tools().await?.into_iter().map(|tool| tool.name).collect();
    names.sort();
    expect(names == TOOLS, "the tools", names)
}

fn first_text(result: &CallToolResult) -> &str {
    result.content.first().and_then(ContentBlock::as_text).unwrap_or_default()
}

async fn says(client: &Client, tool: &str, arguments: Value, expected: &str) -> Outcome {
    let result = client.call_tool(tool, arguments).await?;
    expect(!result.is_error() && first_text(&result).contains(expected), expected, &result)
}

async fn reads_structured_content(client: &Client) -> Outcome {
    #[derive(Debug, Deserialize)]
    struct Weather {
        temperature: f64,
        conditions: String,
    }
    let weather: Weather = client.call_tool_as("get-structured-content", json!({"location": "Chicago"})).await?;
    expect(weather.temperature == 36.0 && weather.conditions.contains("rain"), "rain", weather)
}

async fn sees_images(client: &Client) -> Outcome {
    let result = client.call_tool("get-tiny-image", ()).await?;
    let image = result.content.iter().find_map(|content| match content {
        ContentBlock::Image(image) => Some(image),
        _ => None,
    });
    let bytes = image.ok_or("no image")?.bytes()?;
    expect(bytes.starts_with(b"\x89PNG"), "a PNG", bytes.len())
}

async fn sees_annotations(client: &Client) -> Outcome {
    let arguments = json!({"messageType": "error", "includeImage": true});
    let result = client.call_tool("get-annotated-message", arguments).await?;
    let priorities: Vec<_> = result
        .content
        .iter()
        .map(|content| match content {
            ContentBlock::Text(text) => text.annotations.as_ref().and_then(|annotations| annotations.priority),
            ContentBlock::Image(image) => image.annotations.as_ref().and_then(|annotations| annotations.priority),
            _ => None,
        })
        .collect();
    expect(priorities == [Some(1.0), Some(0.5)], "two priorities", priorities)
}

async fn follows_resource_links(client: &Client) -> Outcome {
    let result = client.call_tool("get-resource-links", json!({"count": 4})).await?;
    let links: Vec<_> = result
        .content
        .iter()
        .filter_map(|content| match content {
            ContentBlock::ResourceLink(link) => Some(link.uri.clone()),
            _ => None,
        })
        .collect();
    expect(links.len() == 4, "four links", &links)?;
    for uri in links {
        expect(client.read_resource(&uri).await?.contents.len() == 1, "a resource", uri)?;
    }
    Ok(())
}

async fn reads_embedded_resources(client: &Client) -> Outcome {
    for kind in ["Text", "Blob"] {
        let arguments = json!({"resourceType": kind, "resourceId": 7});
        let result = client.call_tool("get-resource-reference", arguments).await?;
        let found = result.content.iter().find_map(|content| match content {
            ContentBlock::Resource(embedded) => Some(embedded.resource.uri().to_owned()),
            _ => None,
        });
        let uri = format!("demo://resource/dynamic/{}/7", kind.to_lowercase());
        expect(found.as_deref() == Some(&uri), "the resource", found)?;
    }
    Ok(())
}

/// The tool registers a resource and says that the list has changed.
async fn reads_a_resource_made_by_a_tool(client: &Client) -> Outcome {
    let mut changes = client.subscribe(SubscriptionFilter::new().with_resources_list_changed(true)).await?;
    let arguments = json!({"name": "a.gz", "data": "data:text/plain,hello", "outputType": "resourceLink"});
    let result = client.call_tool("gzip-file-as-resource", arguments).await?;
    let Some(ContentBlock::ResourceLink(link)) = result.content.first() else {
        return Err(format!("no link in {result:?}").into());
    };
    let change = changes.next().await.ok_or("the subscription ended")??;
    expect(change == Change::Resources, "a changed list", change)?;
    let listed = client.list_all_resources().await?;
    expect(listed.iter().any(|resource| resource.uri == link.uri), "the new resource in the list", listed.len())?;
    let read = client.read_resource(&link.uri).await?;
    let turbomcp::types::ResourceContents::Blob(blob) = &read.contents[0] else {
        return Err(format!("no bytes in {read:?}").into());
    };
    expect(blob.bytes()?.starts_with(&[0x1f, 0x8b]), "gzip", blob)
}

async fn environment(client: &Client) -> Outcome {
    let result = client.call_tool("get-env", ()).await?;
    let environment: std::collections::BTreeMap<String, String> = serde_json::from_str(first_text(&result))?;
    expect(environment.contains_key("PATH"), "a path", ())?;
    // Whoever starts this program has set it, as a host has its secrets.
    expect(std::env::var_os("STRANGER_SECRET").is_some(), "the variable to be set here", ())?;
    expect(!environment.contains_key("STRANGER_SECRET"), "it not to be set there", environment.len())
}

async fn sees_failures(client: &Client) -> Outcome {
    let result = client.call_tool("get-sum", json!({"a": "one"})).await?;
    expect(result.is_error(), "a failed tool", result)?;
    match client.call_tool("no such tool", ()).await {
        Ok(result) => expect(result.is_error(), "a failure", result),
        Err(error) => expect(error.as_mcp().is_some(), "an error of the server", error),
    }
}

async fn hears_progress(client: &Client) -> Outcome {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hears = heard.clone();
    let call = client.call_tool("trigger-long-running-operation", json!({"duration": 0.4, "steps": 4}));
    call.on_progress(move |params| hears.lock().unwrap().push(params.progress)).await?;
    let heard = heard.lock().unwrap().clone();
    expect(heard == [1.0, 2.0, 3.0, 4.0], "four steps", heard)
}

async fn progress_keeps_a_call_alive(client: &Client) -> Outcome {
    let call = client.call_tool("trigger-long-running-operation", json!({"duration": 2, "steps": 8}));
    let result = call.timeout(Duration::from_secs(1)).on_progress(|_| {}).await?;
    expect(!result.is_error(), "an answer after more than its timeout", result)
}

async fn times_out(client: &Client) -> Outcome {
    let call = client.call_tool("trigger-long-running-operation", json!({"duration": 20, "steps": 1}));
    let started = Instant::now();
    let error = failure(call.timeout(Duration::from_millis(300)).into_future()).await?;
    expect(error.is_timeout() && started.elapsed() < Duration::from_secs(3), "`is_timeout()`, soon", error)?;
    Ok(client.ping().await?)
}

async fn drops_a_call(client: &Client) -> Outcome {
    let call = client.call_tool("trigger-long-running-operation", json!({"duration": 20, "steps": 1}));
    let call = tokio::spawn(call.into_future());
    tokio::time::sleep(Duration::from_millis(100)).await;
    call.abort();
    let _ = call.await;
    Ok(client.ping().await?)
}

async fn names_its_roots(client: &Client, host: &Host) -> Outcome {
    // The server asks by itself, a while after the handshake.
    until("the server asks for roots", async || (host.roots_listed() > 0).then_some(())).await?;
    says(client, "get-roots-list", json!({}), "file:///home/ada/notes").await?;
    let before = host.roots_listed();
    client.roots_changed().await?;
    until("the server asks again", async || (host.roots_listed() > before).then_some(())).await
}

async fn fills_in_a_form(client: &Client, host: &Host) -> Outcome {
    let result = client.call_tool("trigger-elicitation-request", ()).await?;
    let told = format!("{:?}", result.content);
    expect(told.contains("Name: Ada") && told.contains("Favorite Integer: 7"), "what was filled in", told)?;
    host.decline(true);
    let declined = says(client, "trigger-elicitation-request", json!({}), "declined").await;
    host.decline(false);
    declined
}

async fn is_sent_to_a_url(client: &Client, host: &Host) -> Outcome {
    let url = "https://example.com/consent";
    says(client, "trigger-url-elicitation", json!({"url": url, "elicitationId": "e1"}), "completed").await?;
    expect(host.urls().iter().any(|seen| seen == url), "the URL", host.urls())
}

async fn learns_that_a_url_is_required(client: &Client) -> Outcome {
    let arguments = json!({"url": "https://example.com/required", "errorPath": true});
    let error = failure(client.call_tool("trigger-url-elicitation", arguments).into_future()).await?;
    let data = error.as_mcp().and_then(|error| error.data().cloned()).unwrap_or_default();
    let is_told = error.code().is_some_and(|code| code.0 == -32042) && data["elicitations"][0]["mode"] == "url";
    expect(is_told, "-32042 with a URL", error)
}

async fn answers_sampling(client: &Client) -> Outcome {
    let arguments = json!({"prompt": "Sing.", "maxTokens": 5});
    says(client, "trigger-sampling-request", arguments, "la la").await
}

async fn hears_logs(client: &Client, host: &Host) -> Outcome {
    client.set_log_level(LoggingLevel::Emergency).await?;
    let before = host.logs().len();
    // This one is logged at the level `info`.
    client.roots_changed().await?;
    client.ping().await?;
    tokio::time::sleep(Duration::from_millis(300)).await;
    expect(host.logs().len() == before, "silence below the level", host.logs().len() - before)?;
    client.set_log_level(LoggingLevel::Debug).await?;
    says(client, "toggle-simulated-logging", json!({}), "Started").await?;
    until("a log message", async || (host.logs().len() > before).then_some(())).await?;
    says(client, "toggle-simulated-logging", json!({}), "Stopped").await
}

async fn lists_resources(client: &Client) -> Outcome {
    let resources = client.list_all_resources().await?;
    let documents = resources.iter().filter(|resource| resource.uri.starts_with("demo://resource/static/")).count();
    expect(documents >= 5, "some documents", documents)?;
    let templates = client.list_all_resource_templates().await?;
    expect(templates.len() == 2, "two templates", templates.len())
}

async fn reads_text_and_bytes(client: &Client) -> Outcome {
    let read = client.read_resource("demo://resource/static/document/features.md").await?;
    expect(read.contents[0].as_text().is_some_and(|text| text.starts_with('#')), "a document", read)?;
    let read = client.read_resource("demo://resource/dynamic/text/3").await?;
    expect(read.contents[0].as_text().is_some_and(|text| text.starts_with("Resource 3")), "a text", read)?;
    let read = client.read_resource("demo://resource/dynamic/blob/3").await?;
    let turbomcp::types::ResourceContents::Blob(blob) = &read.contents[0] else {
        return Err(format!("no bytes in {read:?}").into());
    };
    expect(blob.bytes()?.starts_with(b"Resource 3"), "bytes", blob)
}

async fn is_told_of_missing_resources(client: &Client) -> Outcome {
    let error = failure(client.read_resource("demo://nothing").into_future()).await?;
    expect(error.as_mcp().is_some(), "an error of the server", error)
}

async fn subscribes(client: &Client) -> Outcome {
    let uri = "demo://resource/dynamic/text/1";
    let filter = SubscriptionFilter::new().with_resource_subscriptions([uri.to_owned()]);
    let mut subscription = client.subscribe(filter).await?;
    says(client, "toggle-subscriber-updates", json!({}), "Started").await?;
    let change = subscription.next().await.ok_or("the subscription ended")??;
    expect(change == Change::Resource { uri: uri.to_owned() }, "the resource", change)?;
    says(client, "toggle-subscriber-updates", json!({}), "Stopped").await?;
    subscription.close().await;
    Ok(())
}

async fn prompts(client: &Client) -> Outcome {
    let mut names: Vec<_> = client.list_all_prompts().await?.into_iter().map(|prompt| prompt.name).collect();
    names.sort();
    expect(names == ["args-prompt", "completable-prompt", "resource-prompt", "simple-prompt"], "four", names)?;
    let result = client.get_prompt("simple-prompt", Vec::<(String, String)>::new()).await?;
    expect(!result.messages.is_empty(), "a message", result)?;
    let result = client.get_prompt("args-prompt", [("city", "Oslo")]).await?;
    expect(result.messages[0].content.as_text() == Some("What's weather in Oslo?"), "the question", result)?;
    let result = client.get_prompt("resource-prompt", [("resourceType", "Text"), ("resourceId", "2")]).await?;
    let is_embedded = matches!(result.messages[1].content, ContentBlock::Resource(_));
    expect(is_embedded, "an embedded resource", result)?;
    let error = failure(client.get_prompt("args-prompt", [("state", "x")]).into_future()).await?;
    expect(error.as_mcp().is_some(), "an error of the server", error)
}

async fn completes(client: &Client) -> Outcome {
    let prompt = |argument| CompleteRequestParams::new(CompletionReference::prompt("completable-prompt"), argument);
    let values = client.complete(&prompt(CompletionArgument::new("department", "S"))).await?.completion.values;
    expect(values == ["Sales", "Support"], "two departments", values)?;
    let context = CompletionContext::new().with_arguments([("department".to_owned(), "Sales".to_owned())]);
    let params = prompt(CompletionArgument::new("name", "")).with_context(context);
    let values = client.complete(&params).await?.completion.values;
    expect(values == ["David", "Eve", "Frank"], "those of the department", values)?;
    let template = CompletionReference::resource_template("demo://resource/dynamic/text/{resourceId}");
    let params = CompleteRequestParams::new(template, CompletionArgument::new("resourceId", "12"));
    let values = client.complete(&params).await?.completion.values;
    expect(values == ["12"], "the number", values)
}

async fn is_told_of_unknown_methods(client: &Client) -> Outcome {
    let error = failure(client.request::<Value>("example/nothing", ()).into_future()).await?;
    expect(error.code().is_some_and(|code| code.0 == -32601), "-32601", error)
}

/// Over HTTP the client waits for the head of the listening stream, within bounds: here that must cost nothing.
async fn connects_without_delay(host: &Host, stranger: &Stranger) -> Outcome {
    let started = Instant::now();
    let second = stranger.connect(host).await?;
    let took = started.elapsed();
    if !stranger.is_process() {
        expect(took < Duration::from_millis(450), "no wait for the listening stream", took)?;
    }
    second.close().await;
    Ok(())
}
