//! What a caller needs: scopes, roles and permissions, before its arguments are looked at.

use serde_json::{Value, json};
use turbomcp::prelude::*;
use turbomcp::{Access, Arguments, FnPrompt, FnResource, FnTool, ReadResourceRequest, ResourceDefinition};
use turbomcp_tests::{Client, Site};

use super::people::{Answer, Caller, builder, connect, person, server};

const READ: &str = r#"Bearer error="insufficient_scope", scope="notes:read""#;
const BOTH: &str = r#"Bearer error="insufficient_scope", scope="notes:read notes:write""#;
const WRITE: &str = r#"Bearer error="insufficient_scope", scope="notes:write""#;

#[track_caller]
fn check(case: &str, answer: &Answer, expected: (u16, Option<&str>, &str)) {
    let (status, challenge, message) = answer;
    let text = message["error"]["message"].as_str().or(message["result"]["content"][0]["text"].as_str());
    let text = text.or(message["result"]["contents"][0]["text"].as_str()).unwrap_or_default();
    assert_eq!((*status, challenge.as_deref(), text), expected, "{case}: {message}");
    assert!(!message.to_string().contains("secret-tenant"), "{message}");
}

/// Every request of every caller in both eras, with the exact answer.
///
/// Holds AUTHS-04, AUTHS-05, AUTHS-08, AUTHS-09.
#[tokio::test]
async fn f128_each_caller_is_answered_exactly_as_it_may() {
    let site = Site::start(&server()).await;
    let call = |name: &str, arguments: Value| ("tools/call", json!({"name": name, "arguments": arguments}));
    let read = |uri: &str| ("resources/read", json!({"uri": uri}));
    let denied = (403, None, "Permission denied: notes:erase");
    let more = |challenge| (403, Some(challenge), "more scopes are needed");
    let unknown = |challenge| (401, Some(challenge), "credentials are required");
    for ((method, params), expected) in [
        (
            call("open", json!({})),
            [
                (200, None, "nobody"),
                (200, None, "eve"),
                (200, None, "reader"),
                (200, None, "writer"),
                (200, None, "admin"),
            ],
        ),
        (
            call("look", json!({"id": 1})),
            [
                unknown(r#"Bearer scope="notes:read""#),
                more(READ),
                (200, None, "note 1"),
                (200, None, "note 1"),
                (200, None, "note 1"),
            ],
        ),
        (
            call("erase", json!({"id": 1})),
            [
                unknown(r#"Bearer scope="notes:read notes:write""#),
                more(BOTH),
                more(BOTH),
                denied,
                (200, None, "1 erased by admin <admin@example.com>"),
            ],
        ),
        (call("checked", json!({})), [unknown(r#"Bearer scope="""#), denied, denied, denied, (200, None, "allowed")]),
        (
            read("notes://plan"),
            [
                unknown(r#"Bearer scope="notes:write""#),
                more(WRITE),
                more(WRITE),
                (200, None, "the plan"),
                (200, None, "the plan"),
            ],
        ),
        // It is the same resource, though the template would match it.
        (
            read("notes://pl%61n"),
            [
                unknown(r#"Bearer scope="notes:write""#),
                more(WRITE),
                more(WRITE),
                (200, None, "the plan"),
                (200, None, "the plan"),
            ],
        ),
        (
            read("notes://7"),
            [
                unknown(r#"Bearer scope="notes:read""#),
                more(READ),
                (200, None, "note 7"),
                (200, None, "note 7"),
                (200, None, "note 7"),
            ],
        ),
        (
            ("prompts/get", json!({"name": "review", "arguments": {"note": "1"}})),
            [unknown(r#"Bearer scope="notes:write""#), more(WRITE), more(WRITE), (200, None, ""), (200, None, "")],
        ),
        (
            (
                "completion/complete",
                json!({"ref": {"type": "ref/prompt", "name": "review"}, "argument": {"name": "note", "value": ""}}),
            ),
            [unknown(r#"Bearer scope="notes:write""#), more(WRITE), more(WRITE), (200, None, ""), (200, None, "")],
        ),
    ] {
        for (name, expected) in ["", "eve", "reader", "writer", "admin"].into_iter().zip(expected) {
            for caller in Caller::in_both_eras(&site.client(), name).await {
                check(&format!("{name} {params}"), &caller.ask(method, params.clone()).await, expected);
            }
        }
    }
}

#[tokio::test]
async fn what_a_caller_needs_is_asked_for_before_its_arguments_are_read() {
    let site = Site::start(&server()).await;
    for (name, status) in [("eve", 403), ("reader", 200)] {
        for caller in Caller::in_both_eras(&site.client(), name).await {
            // Not an integer, beyond its range, missing, and no object at all.
            for arguments in [json!({"id": "one"}), json!({"id": 10}), json!({})] {
                let (answered, _, message) = caller.tool("look", arguments.clone()).await;
                assert_eq!(answered, status, "{name} {arguments}: {message}");
                assert_eq!(message["result"]["isError"] == true, status == 200, "{message}");
            }
            let (answered, _, message) = caller.tool("look", json!([])).await;
            assert_eq!((answered, message["error"]["code"] == -32602), (status, status == 200), "{message}");
        }
    }
    for caller in Caller::in_both_eras(&site.client(), "reader").await {
        // A prompt's argument is missing.
        let (status, challenge, _) = caller.ask("prompts/get", json!({"name": "review"})).await;
        assert_eq!((status, challenge.as_deref()), (403, Some(WRITE)));
    }
}

#[tokio::test]
async fn nobody_subscribes_to_what_it_may_not_read() {
    let site = Site::start(&server()).await;
    let caller = Caller::legacy(site.client(), "eve").await;
    let mut reply = caller
        .http
        .send(caller.request(&json!({"jsonrpc": "2.0", "id": 1, "method": "resources/subscribe",
        "params": {"uri": "notes://plan"}})))
        .await;
    assert_eq!((reply.status, reply.header("www-authenticate")), (403, Some(WRITE)));
    assert_eq!(reply.message().await["error"]["message"], "more scopes are needed");
    let modern = Caller::modern(site.client(), "eve");
    let filter = json!({"notifications": {"resourceSubscriptions": ["notes://plan"]}});
    let (status, challenge, _) = modern.ask("subscriptions/listen", filter).await;
    assert_eq!((status, challenge.as_deref()), (403, Some(WRITE)), "it is refused before it is a stream");
}

async fn hand_made(ctx: Context) -> McpResult<String> {
    Ok(format!("{:?} {:?} {}", ctx.roles(), ctx.permissions(), ctx.has_any_role(["editor", "owner"])))
}

fn by_hand() -> Result<McpServer, turbomcp::Error> {
    let access = || Access::new().scopes(["notes:write"]).roles(["editor"]);
    let tool = FnTool::new(|_: Arguments, ctx: Context| hand_made(ctx)).access(access());
    let resource =
        FnResource::new(ResourceDefinition::new("note"), |_: ReadResourceRequest, ctx: Context| hand_made(ctx));
    let prompt = turbomcp::types::Prompt::new("review");
    let prompt = FnPrompt::new(prompt, |_, ctx: Context| hand_made(ctx)).access(access());
    Ok(builder()
        .tool("by_hand", tool)?
        .resource("hand://note", resource.access(access()))?
        .prompt("by_hand", prompt)?
        .build())
}

#[tokio::test]
async fn what_is_registered_by_hand_needs_the_same() {
    let server = by_hand().unwrap();
    for (name, expected) in [("", "credentials are required"), ("reader", "more scopes are needed"), ("writer", "")] {
        let mut client = connect(&server, name);
        for (method, params) in [
            ("tools/call", json!({"name": "by_hand"})),
            ("resources/read", json!({"uri": "hand://note"})),
            ("prompts/get", json!({"name": "by_hand"})),
        ] {
            let answer = client.modern(method, params, json!({})).await;
            assert_eq!(answer["error"]["message"].as_str().unwrap_or_default(), expected, "{name} {answer}");
            if name == "writer" {
                assert!(answer.to_string().contains(r#"[\"editor\"] [] true"#), "{answer}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_added_to_a_running_server_needs_the_same() {
    let server = server();
    let tool = FnTool::new(|_: Arguments| async { "late" }).access(Access::new().roles(["staff"]));
    server.register_tool("late", tool).unwrap();
    for (name, allowed) in [("writer", false), ("admin", true)] {
        let answer = connect(&server, name).tool("late", json!({})).await;
        assert_eq!(answer.get("result").is_some(), allowed, "{answer}");
        assert_eq!(answer["error"]["message"] == "Permission denied: staff", !allowed, "{answer}");
    }
}

#[tokio::test]
async fn nobody_passes_where_nothing_says_who_calls() {
    let access = || Access::new().scopes(["a"]);
    let server = ServerBuilder::new().tool("guarded", FnTool::new(|_: Arguments| async { "in" }).access(access()));
    let server = server.unwrap().build();
    let mut client = Client::connect(&server);
    assert_eq!(client.tool("guarded", json!({})).await["error"]["message"], "credentials are required");
    let site = Site::start(&server).await;
    let (status, challenge, _) = Caller::modern(site.client(), "admin").tool("guarded", json!({})).await;
    assert_eq!((status, challenge), (401, None));
}

/// A layer may say who it is; then nothing else has to.
#[tokio::test]
async fn a_layer_says_who_calls() {
    struct As(&'static str);
    impl turbomcp::Middleware for As {
        async fn process(
            &self,
            mut request: turbomcp::Request,
            next: turbomcp::Next,
        ) -> turbomcp::MiddlewareResult<turbomcp::Response> {
            request.extensions_mut().insert(person(self.0).unwrap());
            next.run(request).await
        }
    }
    for (name, text) in [("reader", "note 1"), ("eve", "")] {
        let server = super::people::Notes.into_builder().middleware(As(name)).build();
        let answer = Client::connect(&server).tool("look", json!({"id": 1})).await;
        assert_eq!(answer["result"]["content"][0]["text"].as_str().unwrap_or_default(), text, "{answer}");
    }
}

#[test]
fn what_cannot_be_needed_is_refused_where_it_is_registered() {
    let none: [&str; 0] = [];
    for (access, reason) in [
        (Access::new().scopes(["a b"]), "`a b` is not a scope"),
        (Access::new().scopes([""]), "`` is not a scope"),
        (Access::new().roles([" "]), "is not the name of a role"),
        (Access::new().permissions(none), "`permissions` names none"),
    ] {
        let tool = FnTool::new(|_: Arguments| async { "" }).access(access.clone());
        let resource = FnResource::new(ResourceDefinition::new(""), |_: String| async { "" }).access(access.clone());
        let prompt = FnPrompt::new(turbomcp::types::Prompt::new(""), |_, _| async { "" }).access(access);
        for result in [
            ServerBuilder::new().tool("t", tool),
            ServerBuilder::new().resource("r://", resource),
            ServerBuilder::new().prompt("p", prompt),
        ] {
            let error = result.unwrap_err();
            assert!(error.is_registration() && error.to_string().contains(reason), "{error}");
        }
    }
}
