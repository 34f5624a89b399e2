//! What is hidden from a caller is answered like what does not exist.

use std::collections::BTreeSet;

use base64::Engine;
use serde_json::{Value, json};
use turbomcp::{Access, Arguments, FnTool, McpServer, PrimitiveKind, ServerBuilder, Visibility};
use turbomcp_tests::{Client, Site};

use super::people::{ByName, Caller, PEOPLE, connect, discreet, server};

/// Requests about something by its name, which stands where it says `NAME`.
const BY_NAME: [(&str, &str, &str); 8] = [
    ("tools/call", "audit", r#"{"name": "NAME", "arguments": {}}"#),
    ("tools/call", "audit", r#"{"name": "NAME", "arguments": []}"#),
    ("resources/read", "audits://1", r#"{"uri": "NAME"}"#),
    ("resources/read", "audits://%31", r#"{"uri": "NAME"}"#),
    ("prompts/get", "inspect", r#"{"name": "NAME", "arguments": {"note": "1"}}"#),
    ("prompts/get", "inspect", r#"{"name": "NAME"}"#),
    (
        "completion/complete",
        "inspect",
        r#"{"ref": {"type": "ref/prompt", "name": "NAME"}, "argument": {"name": "note", "value": ""}}"#,
    ),
    (
        "completion/complete",
        "audits://{id}",
        r#"{"ref": {"type": "ref/resource", "uri": "NAME"}, "argument": {"name": "id", "value": ""}}"#,
    ),
];

/// Answers to requests about one name and another are the same but for the name.
#[tokio::test]
async fn b8_what_is_hidden_cannot_be_told_from_what_is_not_there() {
    let site = Site::start(&server()).await;
    for name in ["", "eve", "reader", "writer", "admin"] {
        for caller in Caller::in_both_eras(&site.client(), name).await {
            for (method, hidden, params) in BY_NAME {
                let absent = hidden.replace("audit", "absence").replace("inspect", "absence");
                let about = |name: &str| serde_json::from_str::<Value>(&params.replace("NAME", name)).unwrap();
                let (status, challenge, answer) = caller.ask(method, about(hidden)).await;
                let there = name == "admin";
                let known = answer.to_string();
                let is_known = known != caller.ask(method, about(&absent)).await.2.to_string().replace(&absent, hidden);
                assert_eq!(is_known, there, "{name} {method} {hidden}: {answer}");
                let (absent_status, absent_challenge, _) = caller.ask(method, about(&absent)).await;
                if !there {
                    assert_eq!((status, challenge), (absent_status, absent_challenge), "{name} {method} {hidden}");
                }
            }
        }
    }
}

async fn names(client: &mut Client, method: &str, member: &str, key: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut params = json!({});
    loop {
        let answer = client.modern(method, params.clone(), json!({})).await;
        assert_eq!(answer["result"]["cacheScope"], "private", "{answer}");
        assert_eq!(answer["result"]["ttlMs"], 0, "{answer}");
        let page = answer["result"][member].as_array().unwrap();
        names.extend(page.iter().map(|entry| entry[key].as_str().unwrap().to_owned()));
        match &answer["result"]["nextCursor"] {
            Value::Null => return names,
            cursor => params = json!({"cursor": cursor}),
        }
    }
}

/// Holds CACHE-12.
#[tokio::test]
async fn b15_lists_are_the_callers_own() {
    for (server, expected) in [
        (
            server(),
            [
                ("eve", "ask checked erase look open | plan | note | review"),
                ("reader", "ask checked erase look open | plan | note | review"),
                ("admin", "ask audit checked erase look open | plan | audited note | inspect review"),
            ],
        ),
        (
            discreet(),
            [
                ("eve", "ask checked open |  |  | "),
                ("reader", "ask checked look open |  | note | "),
                ("admin", "ask audit checked erase look open | plan | audited note | inspect review"),
            ],
        ),
    ] {
        for (name, expected) in expected {
            let mut client = connect(&server, name);
            let mut lists = Vec::new();
            for (method, member) in [
                ("tools/list", "tools"),
                ("resources/list", "resources"),
                ("resources/templates/list", "resourceTemplates"),
                ("prompts/list", "prompts"),
            ] {
                let names: BTreeSet<_> = names(&mut client, method, member, "name").await.into_iter().collect();
                lists.push(names.into_iter().collect::<Vec<_>>().join(" "));
            }
            assert_eq!(lists.join(" | "), expected, "{name}");
        }
    }
}

/// A server with tools of which each caller sees those whose number has its length as a divisor.
fn numbered(page_size: usize) -> McpServer {
    let mut limits = turbomcp::Limits::default();
    limits.page_size = page_size;
    let visibility = Visibility::by(|principal, primitive| {
        assert_eq!(primitive.kind(), PrimitiveKind::Tool);
        let number: usize = primitive.name().trim_start_matches("tool-").parse().unwrap();
        principal.is_some_and(|principal| number.is_multiple_of(principal.subject().len()))
    });
    let builder = ServerBuilder::new().auth(ByName).limits(limits).visibility(visibility);
    let numbers = (0..150).map(|number| format!("tool-{number:03}"));
    let tool = |builder: ServerBuilder, name: String| builder.tool(name, |_: Arguments| async { "called" }).unwrap();
    numbers.fold(builder, tool).build()
}

#[tokio::test]
async fn pages_are_full_whatever_is_hidden_between_what_is_seen() {
    for page_size in [1, 7, 50, 1000] {
        let server = numbered(page_size);
        // Twice, as what was made for one caller is kept for others.
        for name in PEOPLE.into_iter().chain(PEOPLE) {
            let mut client = connect(&server, name);
            let expected: Vec<_> =
                (0..150).filter(|number| number % name.len() == 0).map(|number| format!("tool-{number:03}")).collect();
            assert_eq!(names(&mut client, "tools/list", "tools", "name").await, expected, "{name}");
            let first = client.modern("tools/list", json!({}), json!({})).await;
            let full = page_size.min(expected.len());
            assert_eq!(first["result"]["tools"].as_array().unwrap().len(), full);
            assert_eq!(first["result"]["nextCursor"].is_null(), full == expected.len());
        }
        assert!(names(&mut connect(&server, ""), "tools/list", "tools", "name").await.is_empty());
    }
}

#[tokio::test]
async fn a_cursor_that_somebody_made_up_does_not_tell_what_is_hidden() {
    let server = numbered(7);
    let cursor = |name: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(name);
    let mut client = connect(&server, "eve");
    let mut ask = async |name: &str| client.modern("tools/list", json!({"cursor": cursor(name)}), json!({})).await;
    let absent = ask("tool-999").await;
    assert_eq!(absent["error"]["code"], -32602);
    assert_eq!(ask("tool-001").await, absent);
    assert_eq!(ask("tool-003").await["result"]["tools"][0]["name"], "tool-006");
}

#[tokio::test]
async fn more_sets_of_callers_than_are_kept_are_answered_all_the_same() {
    let visibility = Visibility::by(|principal, primitive| {
        // Each caller sees what its name has a bit for.
        let bits: u32 = principal.map_or(0, |principal| principal.subject().parse().unwrap());
        bits >> primitive.name().parse::<u32>().unwrap() & 1 == 1
    });
    let builder = (0..8).fold(ServerBuilder::new(), |builder, number| {
        builder.tool(number.to_string(), |_: Arguments| async { "" }).unwrap()
    });
    struct As;
    impl turbomcp::Middleware for As {
        async fn process(
            &self,
            mut request: turbomcp::Request,
            next: turbomcp::Next,
        ) -> turbomcp::MiddlewareResult<turbomcp::Response> {
            let name = request.params()["_meta"]["test/name"].as_str().unwrap().to_owned();
            request.extensions_mut().insert(turbomcp::Principal::new(name));
            next.run(request).await
        }
    }
    let mut client = Client::connect(&builder.visibility(visibility).middleware(As).build());
    for bits in (0..256u32).chain(0..256) {
        let params = json!({"_meta": {"test/name": bits.to_string()}});
        let answer = client.modern("tools/list", params, json!({})).await;
        let seen = answer["result"]["tools"].as_array().unwrap().iter();
        let seen = seen.map(|tool| 1 << tool["name"].as_str().unwrap().parse::<u32>().unwrap()).sum::<u32>();
        assert_eq!(seen, bits);
    }
}

/// What is hidden is not served by what is not.
#[tokio::test]
async fn a_template_does_not_answer_for_a_resource_that_is_hidden() {
    let reading = |text: &'static str| {
        turbomcp::FnResource::new(turbomcp::ResourceDefinition::new(text), move |_: String| async move { text })
    };
    let staff = || Access::new().visible_to_roles(["staff"]);
    let server = ServerBuilder::new()
        .auth(ByName)
        .resource("files://plan", reading("plan").access(staff()))
        .unwrap()
        .resource("files://private/{+path}", reading("private").access(staff()))
        .unwrap()
        .resource("files://{+path}", reading("any"))
        .unwrap()
        .resource("notes://{user}/secret/{id}", reading("secret").access(staff()))
        .unwrap()
        .resource("notes://{+path}", reading("note"))
        .unwrap()
        .build();
    for (uri, staff_reads, others_read) in [
        ("files://other", "any", "any"),
        ("files://plan", "plan", ""),
        ("files://pl%61n", "plan", ""),
        ("FILES://plan", "plan", ""),
        ("files://PLAN", "plan", ""),
        ("files://private/a", "private", ""),
        ("files://planet", "any", "any"),
        ("notes://ada/secret/1", "secret", ""),
        ("notes://ada/%73ecret/1", "secret", ""),
        ("notes://ada%2Fsecret/%31", "secret", ""),
        ("notes://ada//secret/./1", "secret", ""),
        ("notes://ada/%73ecret/1%25", "secret", ""),
        ("notes://ada/p%75blic/1", "note", "note"),
        ("notes://ada", "note", "note"),
    ] {
        for (name, expected) in [("admin", staff_reads), ("writer", others_read)] {
            let answer = connect(&server, name).modern("resources/read", json!({"uri": uri}), json!({})).await;
            let text = answer["result"]["contents"][0]["text"].as_str().unwrap_or_default();
            assert_eq!(text, expected, "{name} {uri}: {answer}");
        }
    }
}

#[tokio::test]
async fn tags_kinds_and_combinations_decide() {
    let tagged = |tag: &str| FnTool::new(|_: Arguments| async { "" }).tag(tag);
    let tools_only = Visibility::by(|_, primitive| primitive.kind() == PrimitiveKind::Tool);
    let not_internal = Visibility::by(|_, primitive| !primitive.has_tag("internal") && primitive.tags().len() == 1);
    let server = ServerBuilder::new()
        .tool("a", tagged("internal"))
        .unwrap()
        .tool("b", tagged("public"))
        .unwrap()
        .resource("r://", |_: String| async { "" })
        .unwrap()
        .visibility(tools_only.and(not_internal))
        .build();
    let mut client = Client::connect(&server);
    assert_eq!(names(&mut client, "tools/list", "tools", "name").await, ["b"]);
    assert!(names(&mut client, "resources/list", "resources", "name").await.is_empty());
    assert!(client.tool("a", json!({})).await["error"].is_object());
    assert!(client.tool("b", json!({})).await["result"].is_object());
}
