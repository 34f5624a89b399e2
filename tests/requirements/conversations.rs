//! Conversations with a server, in both eras.

use std::time::Duration;

use serde_json::{Value, json};
use turbomcp::prelude::*;
use turbomcp::types::{ElicitationSchema, StringSchema};
use turbomcp::{Limits, Middleware, MiddlewareResult, Next, Request, Response};
use turbomcp_tests::{Client, modern};

struct Fixture;

#[server(name = "fixture", version = "1.0.0", instructions = "For tests.")]
impl Fixture {
    /// Adds two numbers.
    #[tool]
    async fn add(&self, a: i64, #[arg(range = 0..=10)] b: i64) -> i64 {
        a + b
    }

    /// Waits.
    #[tool]
    async fn wait(&self, ms: u64, ctx: Context) -> &'static str {
        ctx.progress(1.0).total(2.0).message("half way").await;
        tokio::time::sleep(Duration::from_millis(ms)).await;
        "done"
    }

    /// Panics.
    #[tool]
    async fn panic(&self) -> String {
        panic!("secret")
    }

    /// Fails.
    #[tool]
    async fn fail(&self) -> Result<String, std::io::Error> {
        Err(std::io::Error::other("the disk is full"))
    }

    /// Logs.
    #[tool]
    async fn log(&self, ctx: &Context) -> McpResult<String> {
        ctx.info("noted").await?;
        Ok("logged".to_owned())
    }

    /// Asks for a name.
    #[tool]
    async fn ask(&self, ctx: Context) -> McpResult<String> {
        let schema = ElicitationSchema::new().string("name", StringSchema::new()).required("name");
        let answer = ctx.elicit("What is your name?", schema).key("user_name").await?;
        let name = answer.content.and_then(|content| content.get("name").and_then(|n| n.as_str().map(str::to_owned)));
        Ok(format!("Hello, {}!", name.unwrap_or_else(|| "stranger".to_owned())))
    }

    /// A fixed text.
    #[resource("test://fixed", mime_type = "text/plain")]
    async fn fixed(&self) -> String {
        "fixed".to_owned()
    }

    /// An item.
    #[resource("test://item/{id}")]
    async fn item(&self, id: u32) -> String {
        format!("item {id}")
    }

    /// Reviews code.
    #[prompt]
    async fn review(&self, code: String, times: Option<u8>) -> String {
        format!("Review {code} {} times", times.unwrap_or(1))
    }

    #[completion(prompt = "review", argument = "code")]
    async fn complete_code(&self, value: &str) -> Vec<String> {
        vec![format!("{value}!")]
    }
}

fn server() -> McpServer {
    Fixture.into_server()
}

async fn latest_legacy() -> Client {
    Client::legacy(&server(), "2025-11-25", json!({"elicitation": {}})).await
}

/// Holds LIFE-04, BASE-09.
#[tokio::test]
async fn life_05_answers_the_version_that_was_asked_for_or_its_newest_legacy_one() {
    for version in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        Client::legacy(&server(), version, json!({})).await;
    }
    let mut client = Client::connect(&server());
    let params =
        json!({"protocolVersion": "2026-07-28", "capabilities": {}, "clientInfo": {"name": "x", "version": "0"}});
    let answer = client.call("initialize", params).await;
    assert_eq!(answer["result"]["protocolVersion"], "2025-11-25");
    assert_eq!(answer["result"]["serverInfo"]["name"], "fixture");
    assert_eq!(answer["result"]["instructions"], "For tests.");
}

/// Holds VER-05, VER-06.
#[tokio::test]
async fn ver_04_discover_describes_the_server() {
    let mut client = Client::connect(&server());
    let result = client.modern("server/discover", json!({}), json!({})).await["result"].take();
    assert_eq!(result["resultType"], "complete");
    assert!(result["supportedVersions"].as_array().unwrap().contains(&json!("2026-07-28")));
    for capability in ["tools", "resources", "prompts", "completions", "logging"] {
        assert!(result["capabilities"].get(capability).is_some(), "{capability}: {result}");
    }
    assert_eq!(result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "fixture");
    assert_eq!((&result["ttlMs"], &result["cacheScope"]), (&json!(0), &json!("private")));
}

/// Holds BASE-10, BASE-34.
#[tokio::test]
async fn ver_18_both_eras_are_served_on_one_connection() {
    let mut client = latest_legacy().await;
    let arguments = json!({"name": "add", "arguments": {"a": 1, "b": 2}});
    let legacy = client.call("tools/call", arguments.clone()).await;
    assert_eq!(legacy["result"], json!({"content": [{"type": "text", "text": "3"}]}));
    let modern = client.modern("tools/call", arguments, json!({})).await;
    assert_eq!(modern["result"]["resultType"], "complete");
    assert_eq!(modern["result"]["content"][0]["text"], "3");
    assert_eq!(client.modern("ping", json!({}), json!({})).await["error"]["code"], -32601);
    assert_eq!(client.call("ping", json!({})).await["result"], json!({}));
}

#[tokio::test]
async fn ver_02_an_unknown_version_is_answered_with_those_there_are() {
    let mut client = Client::connect(&server());
    let mut request = modern(7, "tools/list", json!({}), json!({}));
    request["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("v999.0.0");
    client.send(&request).await;
    let answer = client.next().await;
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(7), &json!(-32022)));
    assert_eq!(answer["error"]["data"], json!({"supported": ["2026-07-28"], "requested": "v999.0.0"}));
}

#[tokio::test]
async fn base_41_a_request_without_its_metadata_is_refused() {
    let mut client = Client::connect(&server());
    assert_eq!(client.call("tools/list", json!({})).await["error"]["code"], -32602);
    let mut request = modern(1, "tools/list", json!({}), json!({}));
    request["params"]["_meta"].as_object_mut().unwrap().remove("io.modelcontextprotocol/clientCapabilities");
    client.send(&request).await;
    assert_eq!(client.next().await["error"]["code"], -32602);
}

/// Holds TOOL-15.
#[tokio::test]
async fn tool_14_arguments_that_do_not_fit_are_for_the_model() {
    let mut client = Client::connect(&server());
    for (arguments, text) in [
        (json!({"a": 1}), "`b` is required"),
        (json!({"a": "x", "b": 1}), "a"),
        (json!({"a": 1, "b": 99}), "at most 10"),
    ] {
        let answer = client.modern("tools/call", json!({"name": "add", "arguments": arguments}), json!({})).await;
        assert_eq!(answer["result"]["isError"], true, "{answer}");
        assert!(answer["result"]["content"][0]["text"].as_str().unwrap().contains(text), "{answer}");
    }
    let unknown = client.modern("tools/call", json!({"name": "nope"}), json!({})).await;
    assert_eq!(unknown["error"]["code"], -32602);
}

#[tokio::test]
async fn tool_13_a_tool_that_fails_is_a_result_the_model_reads() {
    let mut client = Client::connect(&server());
    let answer = client.modern("tools/call", json!({"name": "fail"}), json!({})).await;
    assert_eq!(answer["result"]["isError"], true);
    assert_eq!(answer["result"]["content"][0]["text"], "the disk is full");
}

#[tokio::test]
async fn defence_13_a_panic_ends_its_request_and_nothing_else() {
    let mut client = Client::connect(&server());
    let answer = client.modern("tools/call", json!({"name": "panic"}), json!({})).await;
    assert_eq!(answer["error"], json!({"code": -32603, "message": "internal error"}));
    let answer = client.modern("tools/call", json!({"name": "add", "arguments": {"a": 1, "b": 1}}), json!({})).await;
    assert_eq!(answer["result"]["content"][0]["text"], "2");
}

#[tokio::test]
async fn defence_10_bad_input_is_answered_and_the_connection_goes_on() {
    let mut client = Client::connect(&server());
    for (text, code) in [
        (&b"{"[..], -32700),
        (b"\xff\xfe", -32700),
        (b"[]", -32600),
        (b"{}", -32600),
        (b"{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}", -32600),
        (b"{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"ping\"}", -32600),
        (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":1,\"method\":\"ping\"}", -32600),
    ] {
        client.send_text(text).await;
        assert_eq!(client.next().await["error"]["code"], code, "{}", String::from_utf8_lossy(text));
    }
    client.send_text("[".repeat(100_000).as_bytes()).await;
    assert_eq!(client.next().await["error"]["code"], -32700);
    for stray in
        [json!({"jsonrpc": "2.0", "id": 9, "result": {}}), json!({"jsonrpc": "2.0", "method": "notifications/x"})]
    {
        client.send(&stray).await;
    }
    assert_eq!(client.call("ping", json!({})).await["result"], json!({}));
}

#[tokio::test]
async fn defence_09_an_oversized_line_costs_only_itself() {
    let mut client = Client::connect(&server());
    let line = vec![b'x'; (16 << 20) + 1];
    client.send_text(&line).await;
    assert_eq!(client.next().await["error"]["code"], -32600);
    assert_eq!(client.call("ping", json!({})).await["result"], json!({}));
}

/// Holds PROG-04, PROG-05, BASE-35.
#[tokio::test]
async fn prog_02_progress_comes_before_the_answer_with_the_token_it_was_asked_for() {
    let mut client = latest_legacy().await;
    let params = json!({"name": "wait", "arguments": {"ms": 10}, "_meta": {"progressToken": "p"}});
    let progress = client.call("tools/call", params).await;
    assert_eq!(progress["params"], json!({"progressToken": "p", "progress": 1, "total": 2, "message": "half way"}));
    assert_eq!(client.next().await["result"]["content"][0]["text"], "done");
}

/// Holds CANC-06, CANC-08, CANC-09, BASE-19.
#[tokio::test]
async fn stdio_09_nothing_is_sent_for_a_cancelled_request() {
    let mut client = Client::connect(&server());
    client.send(&modern(5, "tools/call", json!({"name": "wait", "arguments": {"ms": 60_000}}), json!({}))).await;
    for id in [json!("5"), json!(6), json!(5), json!(5)] {
        client.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}})).await;
    }
    assert_eq!(client.call("ping", json!({})).await["result"], json!({}));
    let (ended, rest) = client.end().await;
    assert!(ended.is_ok() && rest.is_empty(), "{rest:?}");
}

#[tokio::test]
async fn defence_06_an_id_that_is_in_use_is_refused() {
    let mut client = Client::connect(&server());
    let wait = modern(5, "tools/call", json!({"name": "wait", "arguments": {"ms": 300}}), json!({}));
    client.send(&wait).await;
    client.send(&wait).await;
    assert_eq!(client.next().await["error"]["code"], -32600);
    assert_eq!(client.next().await["result"]["content"][0]["text"], "done");
}

#[tokio::test]
async fn defence_11_what_was_read_is_finished_after_the_end_of_input() {
    let mut client = Client::connect(&server());
    client.send(&modern(5, "tools/call", json!({"name": "wait", "arguments": {"ms": 200}}), json!({}))).await;
    let (ended, rest) = client.end().await;
    assert!(ended.is_ok());
    assert_eq!(rest[0]["result"]["content"][0]["text"], "done");
}

#[tokio::test(start_paused = true)]
async fn a_server_waits_after_the_end_of_input_for_as_long_as_was_said() {
    for (seconds, answers) in [(1, 0), (3, 1)] {
        let mut limits = Limits::default();
        limits.end_of_input = Duration::from_secs(seconds);
        let mut client = Client::connect(&Fixture.into_builder().limits(limits).build());
        client.send(&modern(5, "tools/call", json!({"name": "wait", "arguments": {"ms": 2000}}), json!({}))).await;
        let (ended, rest) = client.end().await;
        assert!(ended.is_ok());
        assert_eq!(rest.len(), answers, "{seconds}: {rest:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_without_an_end_runs_out_of_time() {
    let mut limits = Limits::default();
    limits.request_timeout = Duration::from_secs(5);
    let mut client = Client::connect(&Fixture.into_builder().limits(limits).build());
    let started = tokio::time::Instant::now();
    let answer = client.modern("tools/call", json!({"name": "wait", "arguments": {"ms": 3_600_000}}), json!({})).await;
    assert_eq!(answer["error"]["code"], -32603);
    assert_eq!(started.elapsed().as_secs(), 5);
}

/// Holds LOG-01, LOG-04.
#[tokio::test]
async fn log_02_nothing_is_logged_to_a_client_that_named_no_level() {
    let mut client = Client::connect(&server());
    let call = json!({"name": "log"});
    assert_eq!(client.modern("tools/call", call, json!({})).await["result"]["content"][0]["text"], "logged");
    for (level, expected) in [("error", "result"), ("info", "method")] {
        let params = json!({"name": "log", "_meta": {"io.modelcontextprotocol/logLevel": level}});
        assert!(client.modern("tools/call", params, json!({})).await.get(expected).is_some());
    }
    assert_eq!(client.next().await["result"]["content"][0]["text"], "logged");
    let params = json!({"name": "log", "_meta": {"io.modelcontextprotocol/logLevel": "loud"}});
    assert_eq!(client.modern("tools/call", params, json!({})).await["error"]["code"], -32602);
}

/// Holds ELIC-07, ELIC-09.
#[tokio::test]
async fn a_legacy_client_is_asked_by_a_request() {
    let mut client = latest_legacy().await;
    let asked = client.call("tools/call", json!({"name": "ask"})).await;
    assert_eq!(asked["method"], "elicitation/create");
    assert_eq!(asked["params"]["message"], "What is your name?");
    assert_eq!(asked["params"]["requestedSchema"]["required"], json!(["name"]));
    let answer = json!({"action": "accept", "content": {"name": "Ada"}});
    client.send(&json!({"jsonrpc": "2.0", "id": asked["id"], "result": answer})).await;
    assert_eq!(client.next().await["result"]["content"][0]["text"], "Hello, Ada!");
}

/// Holds MRTR-03, MRTR-04, MRTR-16, BASE-20, STDIO-06.
#[tokio::test]
async fn mrtr_01_a_modern_client_is_asked_by_the_answer() {
    let mut client = Client::connect(&server());
    let form = json!({"elicitation": {}});
    let first = client.modern("tools/call", json!({"name": "ask"}), form.clone()).await["result"].take();
    assert_eq!(first["resultType"], "input_required");
    assert_eq!(first["inputRequests"]["user_name"]["method"], "elicitation/create");
    let retry =
        |responses: Value, state: Value| json!({"name": "ask", "inputResponses": responses, "requestState": state});
    let ada = json!({"user_name": {"action": "accept", "content": {"name": "Ada"}}, "more": 1});
    let state = first["requestState"].clone();
    let done = client.modern("tools/call", retry(ada.clone(), state.clone()), form.clone()).await;
    assert_eq!(done["result"]["content"][0]["text"], "Hello, Ada!");
    let again = client.modern("tools/call", retry(json!({"other": {}}), state.clone()), form.clone()).await;
    assert_eq!(again["result"]["resultType"], "input_required");
    let wrong = client.modern("tools/call", retry(json!({"user_name": 12345}), state), form).await;
    assert!(wrong.get("error").is_some() || wrong["result"]["isError"] == true, "{wrong}");
}

/// Holds MRTR-08.
#[tokio::test]
async fn mrtr_07_a_request_state_that_was_changed_is_refused() {
    let mut client = Client::connect(&server());
    let form = json!({"elicitation": {}});
    let first = client.modern("tools/call", json!({"name": "ask"}), form.clone()).await["result"].take();
    let state = first["requestState"].as_str().unwrap();
    let tampered = json!({"name": "ask", "requestState": format!("{state}-TAMPERED")});
    assert_eq!(client.modern("tools/call", tampered, form.clone()).await["error"]["code"], -32602);
    let elsewhere = json!({"name": "add", "arguments": {"a": 1, "b": 1}, "requestState": state});
    assert_eq!(client.modern("tools/call", elsewhere, form).await["error"]["code"], -32602);
}

/// Holds MRTR-05, ELIC-02.
#[tokio::test]
async fn base_43_a_capability_that_was_not_declared_is_not_used() {
    let mut client = Client::connect(&server());
    let answer = client.modern("tools/call", json!({"name": "ask"}), json!({})).await;
    assert_eq!(answer["error"]["code"], -32021);
    assert!(answer["error"]["data"]["requiredCapabilities"]["elicitation"].is_object());
}

/// Holds RES-01, RES-08.
#[tokio::test]
async fn res_04_resources_and_templates_are_read_and_missing_ones_named() {
    let mut client = Client::connect(&server());
    let read = |uri: &str| json!({"uri": uri});
    let fixed = client.modern("resources/read", read("test://fixed"), json!({})).await;
    assert_eq!(
        fixed["result"]["contents"][0],
        json!({"uri": "test://fixed", "mimeType": "text/plain", "text": "fixed"})
    );
    assert!(fixed["result"]["ttlMs"].is_u64(), "{fixed}");
    let item = client.modern("resources/read", read("test://item/7"), json!({})).await;
    assert_eq!(item["result"]["contents"][0]["text"], "item 7");
    for gone in ["test://item/7/8", "test://item/..%2f7", "test://gone"] {
        let answer = client.modern("resources/read", read(gone), json!({})).await;
        assert_eq!((&answer["error"]["code"], &answer["error"]["data"]["uri"]), (&json!(-32602), &json!(gone)));
    }
    let mut legacy = latest_legacy().await;
    assert_eq!(legacy.call("resources/read", read("test://gone")).await["error"]["code"], -32002);
}

/// Holds PROMPT-01, COMP-01.
#[tokio::test]
async fn prompt_04_prompts_take_typed_arguments_and_complete_them() {
    let mut client = Client::connect(&server());
    let get = |arguments: Value| json!({"name": "review", "arguments": arguments});
    let answer = client.modern("prompts/get", get(json!({"code": "x", "times": "3"})), json!({})).await;
    assert_eq!(answer["result"]["messages"][0]["content"]["text"], "Review x 3 times");
    assert_eq!(client.modern("prompts/get", get(json!({})), json!({})).await["error"]["code"], -32602);
    let complete = json!({"ref": {"type": "ref/prompt", "name": "review"}, "argument": {"name": "code", "value": "a"}});
    let answer = client.modern("completion/complete", complete, json!({})).await;
    assert_eq!(answer["result"]["completion"]["values"], json!(["a!"]));
}

/// Holds SUB-01, SUB-02, SUB-04, SUB-05, SUB-08, RES-16.
#[tokio::test]
async fn sub_03_a_subscription_is_acknowledged_then_hears_only_what_it_asked_for() {
    let server = server();
    let mut client = Client::connect(&server);
    let filter = json!({"notifications": {"toolsListChanged": true, "resourceSubscriptions": ["test://fixed"]}});
    client.send(&modern(7, "subscriptions/listen", filter, json!({}))).await;
    let acknowledged = client.next().await;
    assert_eq!(acknowledged["method"], "notifications/subscriptions/acknowledged");
    assert_eq!(acknowledged["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], 7);
    // The subscription is in force from its acknowledgement on; give its task the turn to enter it.
    client.call("ping", json!({})).await;
    server.resource_updated("test://other");
    server.resource_updated("test://fixed");
    let updated = client.next().await;
    assert_eq!(
        (&updated["method"], &updated["params"]["uri"]),
        (&json!("notifications/resources/updated"), &json!("test://fixed"))
    );
    assert!(server.remove_tool("add"));
    assert_eq!(client.next().await["method"], "notifications/tools/list_changed");
    server.shutdown_handle().shutdown();
    let last = client.next().await;
    assert_eq!(
        (&last["id"], &last["result"]["_meta"]["io.modelcontextprotocol/subscriptionId"]),
        (&json!(7), &json!(7))
    );
}

/// Holds TOOL-05, RES-15.
#[tokio::test]
async fn a_legacy_client_hears_of_changes() {
    let server = server();
    let mut client = Client::legacy(&server, "2025-06-18", json!({})).await;
    assert_eq!(client.call("resources/subscribe", json!({"uri": "test://fixed"})).await["result"], json!({}));
    server.resource_updated("test://fixed");
    assert_eq!(client.next().await["params"], json!({"uri": "test://fixed"}));
    assert!(server.remove_tool("add"));
    assert_eq!(client.next().await, json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}));
}

#[tokio::test]
async fn base_22_batches_are_answered_where_they_exist_and_only_there() {
    let batch = json!([{"jsonrpc": "2.0", "id": 1, "method": "ping"}, {"jsonrpc": "2.0", "id": 2, "method": "tools/call",
        "params": {"name": "wait", "arguments": {"ms": 5}}}]);
    let mut client = Client::legacy(&server(), "2025-03-26", json!({})).await;
    client.send(&batch).await;
    let mut ids: Vec<_> = client.next().await.as_array().unwrap().iter().map(|a| a["id"].as_i64().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, [1, 2]);
    let mut client = latest_legacy().await;
    client.send(&batch).await;
    assert_eq!(client.next().await["error"]["code"], -32600);
}

struct Refuse;

impl Middleware for Refuse {
    async fn process(&self, request: Request, next: Next) -> MiddlewareResult<Response> {
        if request.name().as_deref() == Some("add") {
            return Ok(Response::unauthorized("not you"));
        }
        next.run(request).await
    }
}

#[tokio::test]
async fn middleware_sees_every_request() {
    let mut client = Client::connect(&Fixture.into_builder().middleware(Refuse).build());
    let call = |name: &str| json!({"name": name, "arguments": {"a": 1, "b": 1, "ms": 1}});
    let refused = client.modern("tools/call", call("add"), json!({})).await;
    assert_eq!(refused["error"]["message"], "not you");
    let passed = client.modern("tools/call", call("wait"), json!({})).await;
    assert_eq!(passed["result"]["content"][0]["text"], "done");
}

/// Holds PAGE-06.
#[tokio::test]
async fn page_05_a_long_list_comes_in_pages() {
    let mut limits = Limits::default();
    limits.page_size = 4;
    let mut client = Client::connect(&Fixture.into_builder().limits(limits).build());
    let (mut names, mut params, mut pages) = (Vec::new(), json!({}), 0);
    loop {
        let result = client.modern("tools/list", params, json!({})).await["result"].take();
        pages += 1;
        names.extend(result["tools"].as_array().unwrap().iter().map(|t| t["name"].as_str().unwrap().to_owned()));
        match result.get("nextCursor") {
            Some(cursor) => params = json!({"cursor": cursor}),
            None => break,
        }
    }
    assert_eq!((pages, names), (2, ["add", "wait", "panic", "fail", "log", "ask"].map(str::to_owned).to_vec()));
    let wrong = client.modern("tools/list", json!({"cursor": "x"}), json!({})).await;
    assert_eq!(wrong["error"]["code"], -32602);
}

/// Holds SUB-09.
#[tokio::test]
async fn a_subscription_that_was_cancelled_hears_nothing_more() {
    let touch = |_: serde_json::Map<String, Value>, ctx: Context| async move {
        ctx.server().resource_updated("test://fixed");
        "touched"
    };
    let mut client = Client::connect(&Fixture.into_builder().tool("touch", touch).unwrap().build());
    let filter = json!({"notifications": {"resourceSubscriptions": ["test://fixed"]}});
    client.send(&modern(7, "subscriptions/listen", filter, json!({}))).await;
    assert_eq!(client.next().await["method"], "notifications/subscriptions/acknowledged");
    // Neither yields, so the call is read before the subscription's task has a turn.
    let cancelled = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}});
    client.send(&cancelled).await;
    client.send(&modern(8, "tools/call", json!({"name": "touch"}), json!({}))).await;
    assert_eq!(client.next().await["id"], 8);
    let (ended, rest) = client.end().await;
    assert!(ended.is_ok() && rest.is_empty(), "{rest:?}");
}

/// Holds ELIC-09.
#[tokio::test]
async fn a_form_with_several_values_is_kept_from_a_version_that_has_none() {
    let choose = |_: serde_json::Map<String, Value>, ctx: Context| async move {
        let form = ElicitationSchema::new().multi_select("sizes", [("s", "Small"), ("l", "Large")]);
        ctx.elicit("Which?", form).await.map(|answer| format!("{:?}", answer.action))
    };
    let server = Fixture.into_builder().tool("choose", choose).unwrap().build();
    let mut client = Client::legacy(&server, "2025-06-18", json!({"elicitation": {}})).await;
    assert_eq!(client.call("tools/call", json!({"name": "choose"})).await["error"]["code"], -32602);
    let mut client = Client::legacy(&server, "2025-11-25", json!({"elicitation": {}})).await;
    let asked = client.call("tools/call", json!({"name": "choose"})).await;
    assert_eq!(asked["params"]["requestedSchema"]["properties"]["sizes"]["type"], "array");
}
