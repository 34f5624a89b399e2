//! What the examples offer, in both eras.

use std::process::{Command, Stdio};

use serde_json::json;

use crate::child::{ERAS, Era, Example, path_of, text_of};

#[test]
fn quickstart_shows_a_conversation_and_ends() {
    let output = Command::new(path_of("quickstart")).stdin(Stdio::null()).output().unwrap();
    let shown = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{shown}");
    assert_eq!(shown.lines().filter(|line| line.starts_with("server: ")).count(), 4, "{shown}");
    assert!(shown.contains(r#""text":"42""#) && shown.contains("missing argument `b`"), "{shown}");
}

#[test]
fn tasks_are_awaited_followed_and_cancelled() {
    let output = Command::new(path_of("tasks")).stdin(Stdio::null()).output().unwrap();
    let shown = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{shown}");
    let lines: Vec<_> = shown.lines().collect();
    assert_eq!(lines[0], "served with \"plum\"", "{shown}");
    let last = ["roasted for 5 minutes", "Some(Cancelled)", "300 chestnuts, counted 1 time"];
    assert_eq!(lines[lines.len() - 3..], last, "{shown}");
    assert!(lines.iter().any(|line| line.starts_with("minute ")), "{shown}");
}

#[test]
fn hello_stdio_greets_and_says_what_is_wrong_with_a_name() {
    for era in ERAS {
        let mut hello = Example::start("hello_stdio", era);
        assert_eq!(hello.text("hello", json!({"name": "Ada"})), "Hello, Ada!");
        let refused = hello.call("hello", json!({"name": ""}));
        assert_eq!(refused["isError"], true);
        assert!(text_of(&refused).contains("name"), "{refused}");
        hello.end();
    }
}

#[test]
fn by_hand_offers_a_tool_with_structured_output() {
    for era in ERAS {
        let mut weather = Example::start("by_hand", era);
        let tool = weather.ask("tools/list", json!({}))["tools"][0].take();
        assert_eq!((&tool["name"], &tool["title"]), (&json!("forecast"), &json!("Forecast")));
        assert_eq!(tool["inputSchema"]["required"], json!(["city"]));
        assert_eq!(tool["inputSchema"]["properties"]["days"]["maximum"], 14);
        assert_eq!(tool["outputSchema"]["properties"]["celsius"]["type"], "array");
        assert_eq!(tool["annotations"]["readOnlyHint"], true);
        let result = weather.call("forecast", json!({"city": "Bern", "days": 2}));
        assert_eq!(result["structuredContent"], json!({"city": "Bern", "celsius": [20, 21]}));
        let result = weather.call("forecast", json!({"city": "Bern"}));
        assert_eq!(result["structuredContent"]["celsius"], json!([20]));
        let refused = weather.call("forecast", json!({"city": "Bern", "days": 15}));
        assert!(refused["isError"] == true && text_of(&refused).contains("14"), "{refused}");
        weather.end();
    }
}

#[test]
fn by_hand_offers_a_resource_template_a_prompt_and_its_completion() {
    for era in ERAS {
        let mut weather = Example::start("by_hand", era);
        let templates = weather.ask("resources/templates/list", json!({}));
        assert_eq!(templates["resourceTemplates"][0]["uriTemplate"], "station://{city}/{id}");
        let read = weather.ask("resources/read", json!({"uri": "station://Bern/7"}));
        let expected =
            json!([{"uri": "station://Bern/7", "mimeType": "text/plain", "text": "Station 7 stands in Bern"}]);
        assert_eq!(read["contents"], expected);
        assert_eq!(weather.refused("resources/read", json!({"uri": "station://Bern/seven"})), -32602);

        let prompt = weather.ask("prompts/list", json!({}))["prompts"][0].take();
        assert_eq!((&prompt["name"], &prompt["arguments"][0]["required"]), (&json!("report"), &json!(true)));
        let arguments = json!({"city": "Bern", "style": "sober"});
        let got = weather.ask("prompts/get", json!({"name": "report", "arguments": arguments}));
        let text = "Write a weather report for Bern in the sober style.";
        assert_eq!(got["messages"], json!([{"role": "user", "content": {"type": "text", "text": text}}]));
        assert_eq!(weather.refused("prompts/get", json!({"name": "report", "arguments": {"city": "Bern"}})), -32602);
        let params =
            json!({"ref": {"type": "ref/prompt", "name": "report"}, "argument": {"name": "city", "value": "Be"}});
        assert_eq!(weather.ask("completion/complete", params)["completion"]["values"], json!(["Berlin", "Bern"]));
        weather.end();
    }
}

#[test]
fn resources_are_texts_values_and_bytes() {
    for era in ERAS {
        let mut notebook = Example::start("resources", era);
        let resources = notebook.ask("resources/list", json!({}));
        let uris: Vec<_> = resources["resources"].as_array().unwrap().iter().map(|one| &one["uri"]).collect();
        assert_eq!(uris, ["notes://about", "notes://cover.pgm"]);
        notebook.text("write", json!({"number": 0, "text": "buy bread and milk"}));

        let mut read = |uri: &str| notebook.ask("resources/read", json!({"uri": uri}))["contents"][0].take();
        assert_eq!(read("notes://about")["text"], r#"{"notes":1}"#);
        assert_eq!(read("notes://0")["text"], "buy bread and milk");
        assert_eq!(read("notes://0?words=2")["text"], "buy bread");
        let cover = read("notes://cover.pgm");
        assert_eq!(
            (&cover["mimeType"], &cover["blob"]),
            (&json!("image/x-portable-graymap"), &json!("UDUgMiAxIDI1NQoA/w=="))
        );
        for (uri, legacy) in [("notes://1", -32002), ("notes://..%2F..%2Fetc", -32002), ("notes://one", -32602)] {
            let code = notebook.refused("resources/read", json!({"uri": uri}));
            assert_eq!(code, if era == Era::Legacy { legacy } else { -32602 }, "{uri}");
        }
        notebook.end();
    }
}

#[test]
fn prompts_take_typed_arguments_and_make_several_messages() {
    for era in ERAS {
        let mut reviews = Example::start("prompts", era);
        let listed = reviews.ask("prompts/list", json!({}))["prompts"][0]["arguments"].take();
        let required: Vec<_> = listed.as_array().unwrap().iter().map(|one| one["required"] == true).collect();
        assert_eq!(required, [true, false, false], "{listed}");

        let mut get = |name: &str, arguments| {
            reviews.ask("prompts/get", json!({"name": name, "arguments": arguments}))["messages"].take()
        };
        let kind = get("review", json!({"code": "fn main() {}"}));
        assert_eq!(kind[0]["content"]["text"], "Make 3 remarks on this code. Be kind.\n\nfn main() {}");
        let strict = get("review", json!({"code": "-", "tone": "strict", "remarks": "1"}));
        assert_eq!(strict[0]["content"]["text"], "Make 1 remarks on this code. Spare no one.\n\n-");
        let explain = get("explain", json!({"language": "rust", "framework": "axum"}));
        let roles: Vec<_> = explain.as_array().unwrap().iter().map(|message| &message["role"]).collect();
        assert_eq!(roles, ["user", "user", "assistant"]);
        assert_eq!(explain[1]["content"]["resource"]["uri"], "docs://rust/axum");

        let arguments = json!({"code": "-", "tone": "rude"});
        assert_eq!(reviews.refused("prompts/get", json!({"name": "review", "arguments": arguments})), -32602);
        let mut complete = |context| {
            let reference = json!({"type": "ref/prompt", "name": "explain"});
            let argument = json!({"name": "framework", "value": "a"});
            let params = json!({"ref": reference, "argument": argument, "context": {"arguments": context}});
            reviews.ask("completion/complete", params)["completion"]["values"].take()
        };
        assert_eq!(complete(json!({})), json!(["asyncio", "axum"]));
        assert_eq!(complete(json!({"language": "rust"})), json!(["axum"]));
        reviews.end();
    }
}

#[test]
fn middleware_and_layer_see_every_request() {
    for era in ERAS {
        let mut office = Example::start("middleware", era);
        let first = office.text("number", json!({}));
        assert_eq!(office.call("archive", json!({"file": 1}))["isError"], true);
        assert_eq!(office.refused("tools/call", json!({"name": "shred"})), 403);
        let second = office.text("number", json!({}));
        // Before the first legacy call comes the handshake; a request that is not permitted is not numbered.
        let offset = if era == Era::Legacy { 1 } else { 0 };
        assert_eq!(first, format!("request {}, 0 failures before it", 1 + offset));
        assert_eq!(second, format!("request {}, 1 failures before it", 3 + offset));
        office.end();
    }
}
