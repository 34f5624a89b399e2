//! PROMPT, COMP: prompts and completion.

use base64::Engine;
use serde_json::{Value, json};
use turbomcp::types::{Completion, CompletionReference};
use turbomcp::{CompleteRequest, Context, Limits};
use turbomcp_tests::{Client, fixture};

async fn get(client: &mut Client, params: Value) -> Value {
    client.modern("prompts/get", params, json!({})).await
}

#[tokio::test]
async fn prompt_02_prompts_are_listed_with_their_arguments() {
    let mut client = Client::connect(&fixture::server());
    let result = client.modern("prompts/list", json!({}), json!({})).await["result"].take();
    let names: Vec<_> = result["prompts"].as_array().unwrap().iter().map(|prompt| prompt["name"].clone()).collect();
    assert_eq!(names, ["review", "asking_prompt", "gallery"]);
    let arguments = &result["prompts"][0]["arguments"];
    assert_eq!((&arguments[0]["name"], &arguments[0]["required"]), (&json!("code"), &json!(true)));
    assert_ne!(arguments[1]["required"], true);
}

/// Holds PROMPT-07.
#[tokio::test]
async fn prompt_04_a_prompt_that_is_asked_for_wrongly_is_an_error() {
    let mut client = Client::connect(&fixture::server());
    for params in [
        json!({"name": "missing"}),
        json!({"name": 1}),
        json!({}),
        json!({"name": "review"}),
        json!({"name": "review", "arguments": {}}),
        json!({"name": "review", "arguments": {"times": "2"}}),
        json!({"name": "review", "arguments": {"code": 1}}),
        json!({"name": "review", "arguments": {"code": null}}),
        json!({"name": "review", "arguments": {"code": "x", "times": "many"}}),
        json!({"name": "review", "arguments": {"code": "x", "times": "256"}}),
        json!({"name": "review", "arguments": ["x"]}),
    ] {
        assert_eq!(get(&mut client, params.clone()).await["error"]["code"], -32602, "{params}");
    }
    let good = get(&mut client, json!({"name": "review", "arguments": {"code": "x", "times": "2"}})).await;
    assert_eq!(
        good["result"]["messages"],
        json!([{"role": "user", "content": {"type": "text", "text": "Review x 2 times"}}])
    );
}

/// Holds PROMPT-06.
#[tokio::test]
async fn prompt_05_pictures_sounds_and_resources_are_base64_and_say_what_they_are() {
    let decode = |text: &Value| base64::engine::general_purpose::STANDARD.decode(text.as_str().unwrap()).unwrap();
    let mut client = Client::connect(&fixture::server());
    let messages = get(&mut client, json!({"name": "gallery"})).await["result"]["messages"].take();
    let image = &messages[0]["content"];
    assert_eq!((decode(&image["data"]), &image["mimeType"]), (vec![1, 2, 3], &json!("image/png")));
    let audio = &messages[1]["content"];
    assert_eq!((decode(&audio["data"]), &audio["mimeType"]), (vec![4, 5, 6, 7], &json!("audio/wav")));
    let resource = &messages[2]["content"]["resource"];
    assert_eq!((decode(&resource["blob"]), &resource["uri"]), (vec![0, 255, 16], &json!("test://blob")));
    assert_eq!((&resource["mimeType"], resource.get("text")), (&json!("application/octet-stream"), None));
    // The first revision knows no sounds.
    let mut oldest = Client::legacy(&fixture::server(), "2024-11-05", json!({})).await;
    let messages = oldest.call("prompts/get", json!({"name": "gallery"})).await["result"]["messages"].take();
    assert_eq!(messages[1]["content"]["type"], "text");
}

async fn complete(client: &mut Client, params: Value) -> Value {
    client.modern("completion/complete", params, json!({})).await
}

fn review(argument: &str, value: &str) -> Value {
    json!({"ref": {"type": "ref/prompt", "name": "review"}, "argument": {"name": argument, "value": value}})
}

#[tokio::test]
async fn comp_02_at_most_a_hundred_values_are_sent() {
    for version in ["2026-07-28", "2025-11-25", "2024-11-05"] {
        let mut client = Client::connect(&fixture::server());
        let answer = if version == "2026-07-28" {
            complete(&mut client, review("code", "a")).await
        } else {
            client.initialize(version, json!({})).await;
            client.call("completion/complete", review("code", "a")).await
        };
        let completion = &answer["result"]["completion"];
        let values = completion["values"].as_array().unwrap();
        assert_eq!((values.len(), &values[0], &values[99]), (100, &json!("a0"), &json!("a99")), "{version}");
        assert_eq!(completion["hasMore"], true, "{version}: {answer}");
    }
}

#[tokio::test]
async fn comp_03_what_cannot_be_completed_is_an_error() {
    let mut client = Client::connect(&fixture::server());
    let prompt =
        |name: Value| json!({"ref": {"type": "ref/prompt", "name": name}, "argument": {"name": "code", "value": ""}});
    for params in [
        json!({}),
        prompt(json!("missing")),
        prompt(json!(1)),
        json!({"ref": {"type": "ref/prompt", "name": "review"}}),
        json!({"ref": {"type": "ref/prompt", "name": "review"}, "argument": {"name": "code"}}),
        json!({"ref": {"type": "ref/other", "name": "review"}, "argument": {"name": "code", "value": ""}}),
        json!({"ref": {"type": "ref/resource", "uri": "test://missing/{id}"}, "argument": {"name": "id", "value": ""}}),
    ] {
        assert_eq!(complete(&mut client, params.clone()).await["error"]["code"], -32602, "{params}");
    }
    // An argument nothing is known about has no values; that is no error.
    assert_eq!(complete(&mut client, review("times", "")).await["result"]["completion"]["values"], json!([]));
    let server = turbomcp::McpServer::builder().build();
    assert_eq!(complete(&mut Client::connect(&server), review("code", "")).await["error"]["code"], -32601);
}

/// A handler is given what the user has typed and what the other arguments are, and its order is kept.
#[tokio::test]
async fn comp_04_values_come_in_the_order_of_the_handler() {
    let handler = |request: CompleteRequest, _: Context| async move {
        let context = request.context("code").unwrap_or("none").to_owned();
        Completion::new([format!("z{}", request.value()), "a".to_owned(), context])
    };
    let reference = CompletionReference::prompt("review");
    let server = fixture::builder().completion(reference, "times", handler).unwrap().limits(Limits::default()).build();
    let mut client = Client::connect(&server);
    let mut params = review("times", "1");
    params["context"] = json!({"arguments": {"code": "x"}});
    assert_eq!(complete(&mut client, params).await["result"]["completion"]["values"], json!(["z1", "a", "x"]));
}
