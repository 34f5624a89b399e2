//! What the server asks the client, while a request of the client's is under way.

use std::time::Duration;

use serde_json::{Value, json};
use turbomcp::client::ClientBuilder;
use turbomcp::types::{CreateMessageResult, ElicitRequestParams, ElicitResult, Root, SamplingMessageContentBlock};
use turbomcp::{ErrorCode, McpError};

use crate::site::{Scene, Site, failure, said, soon};

/// Returns settings of a client that answers everything.
fn willing(site: &Site) -> ClientBuilder {
    site.builder()
        .on_elicit(|params| async move {
            let name = match params {
                ElicitRequestParams::Form(form) => form.message,
                _ => return Ok(ElicitResult::accept(serde_json::Map::new())),
            };
            Ok(ElicitResult::accept(json!({"name": name}).as_object().cloned().unwrap()))
        })
        .elicit_urls()
        .on_sample(|params| async move {
            Ok(CreateMessageResult::new(SamplingMessageContentBlock::text(format!("{}", params.max_tokens)), "tiny"))
        })
        .roots([Root::new("file:///a"), Root::new("file:///b")])
}

pub async fn a_form_is_filled_in(scene: Scene) {
    let site = scene.site().await;
    let client = site.client_of(willing(&site)).await;
    assert_eq!(said(&client, "ask", json!({})).await, "Hello, What is your name?!");
}

pub async fn a_form_may_be_declined(scene: Scene) {
    let site = scene.site().await;
    let client = site.client_of(site.builder().on_elicit(|_| async { Ok(ElicitResult::decline()) })).await;
    assert_eq!(said(&client, "ask", json!({})).await, "Decline");
    let client = site.client_of(site.builder().on_elicit(|_| async { Ok(ElicitResult::cancel()) })).await;
    assert_eq!(said(&client, "ask", json!({})).await, "Cancel");
}

pub async fn a_form_may_be_filled_in_with_a_lot(scene: Scene) {
    let site = scene.site().await;
    let name = "ä\n\"".repeat(50_000);
    let answer = json!({"name": name}).as_object().cloned().unwrap();
    let builder = site.builder().on_elicit(move |_| {
        let answer = answer.clone();
        async move { Ok(ElicitResult::accept(answer)) }
    });
    let client = site.client_of(builder).await;
    assert!(said(&client, "ask", json!({})).await == format!("Hello, {name}!"));
}

pub async fn an_answer_that_is_too_long_fails_its_call(scene: Scene) {
    let site = scene.site_of(|plan| plan.message_bytes = Some(64 << 10)).await;
    let answer = json!({"name": "y".repeat(64 << 10)}).as_object().cloned().unwrap();
    let builder = site.builder().on_elicit(move |_| {
        let answer = answer.clone();
        async move { Ok(ElicitResult::accept(answer)) }
    });
    let client = site.client_of(builder).await;
    let error = failure(client.call_tool("ask", ())).await;
    let why = error.to_string();
    assert!(error.as_mcp().is_some() && (why.contains("65536 bytes") || why.contains("the answer was")), "{error:?}");
    assert_eq!(said(&client, "nothing", json!({})).await, "nothing");
}

pub async fn one_question_follows_from_the_other(scene: Scene) {
    let site = scene.site().await;
    let client = site.client_of(willing(&site)).await;
    assert_eq!(said(&client, "ask_twice", json!({})).await, "First? Second?");
}

pub async fn several_things_are_asked_at_once(scene: Scene) {
    let site = scene.site().await;
    let client = site.client_of(willing(&site)).await;
    assert_eq!(said(&client, "ask_all", json!({})).await, "Accept tiny 2");
}

pub async fn the_user_is_sent_to_a_page(scene: Scene) {
    let site = scene.site().await;
    let client = site.client_of(willing(&site)).await;
    assert_eq!(said(&client, "visit", json!({})).await, "Accept");
}

pub async fn the_model_of_the_client_is_asked(scene: Scene) {
    let site = scene.site().await;
    let client = site.client_of(willing(&site)).await;
    assert_eq!(said(&client, "sample", json!({"question": "?"})).await, "100");
}

pub async fn roots_are_named(scene: Scene) {
    let site = scene.site().await;
    let client = site.client_of(willing(&site)).await;
    assert_eq!(said(&client, "roots", json!({})).await, "file:///a file:///b");
}

pub async fn resources_and_prompts_may_ask_too(scene: Scene) {
    let site = scene.site().await;
    let client = site.client_of(willing(&site)).await;
    let read = soon(client.read_resource("test://asking").into_future()).await.unwrap();
    assert_eq!(read.contents[0].as_text(), Some("2 roots"));
    let prompt = soon(client.get_prompt("asking_prompt", [("", ""); 0]).into_future()).await.unwrap();
    assert_eq!(prompt.messages[0].content.as_text(), Some("2 roots"));
}

pub async fn what_the_client_did_not_offer_is_not_asked(scene: Scene) {
    let (_site, client) = scene.client().await;
    let questions =
        [("ask", json!({})), ("sample", json!({"question": "?"})), ("roots", json!({})), ("visit", json!({}))];
    for (tool, arguments) in questions {
        let error = failure(client.call_tool(tool, arguments)).await;
        assert!(error.as_mcp().is_some(), "{tool}: {error:?}");
    }
    assert_eq!(said(&client, "nothing", json!({})).await, "nothing");
}

pub async fn a_question_that_is_refused_fails_its_call(scene: Scene) {
    let site = scene.site().await;
    let builder = site.builder().on_elicit(|_| async { Err(McpError::new(ErrorCode::USER_REJECTED, "not now")) });
    let client = site.client_of(builder).await;
    let error = failure(client.call_tool("ask", ())).await;
    // In the modern era the client does not even go back to the server.
    assert!(error.is_refused() || error.as_mcp().is_some(), "{error:?}");
    assert!(error.to_string().contains("not now"), "{error}");
    assert_eq!(said(&client, "nothing", json!({})).await, "nothing");
}

pub async fn many_calls_ask_without_being_mixed_up(scene: Scene) {
    let site = scene.site().await;
    let builder = site.builder().on_sample(|params| async move {
        let question = serde_json::to_value(&params.messages).unwrap();
        let block = match &question[0]["content"] {
            Value::Array(blocks) => blocks[0].clone(),
            block => block.clone(),
        };
        // Answers are given in another order than questions are asked.
        let number: u64 = block["text"].as_str().unwrap().parse().unwrap();
        tokio::time::sleep(Duration::from_millis(20 - number)).await;
        Ok(CreateMessageResult::new(SamplingMessageContentBlock::text(format!("answer {number}")), "tiny"))
    });
    let client = site.client_of(builder).await;
    let calls = (0..20).map(|number: u64| {
        let call = client.call_tool("sample", json!({"question": number.to_string()}));
        (number, tokio::spawn(call.into_future()))
    });
    for (number, call) in calls.collect::<Vec<_>>() {
        let result = soon(call).await.unwrap().unwrap();
        assert_eq!(result.content[0].as_text().unwrap(), format!("answer {number}"));
    }
}
