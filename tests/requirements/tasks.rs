//! TASK and LTASK: calls that become tasks, by the extension and by the protocol of 2025-11-25.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use turbomcp::prelude::*;
use turbomcp::tasks::{TaskConfig, ToolTask};
use turbomcp::transport::{Extensions, Identity, lines::Lines};
use turbomcp::types::{BooleanSchema, CallToolResult, ElicitationSchema, StringSchema};
use turbomcp::{Arguments, ErrorCode, FnTool};
use turbomcp_tests::{Client, fixture};

/// What a client declares that can have tasks.
fn declared() -> Value {
    json!({"elicitation": {"form": {}}, "extensions": {"io.modelcontextprotocol/tasks": {}}})
}

fn form() -> ElicitationSchema {
    ElicitationSchema::new().string("name", StringSchema::new()).required("name")
}

fn tool<F, Fut>(task: ToolTask, work: F) -> FnTool
where
    F: Fn(Arguments, Context) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = McpResult<CallToolResult>> + Send + 'static,
{
    FnTool::new(work).task(task)
}

/// A server whose tools become tasks in every way.
fn with(config: TaskConfig) -> McpServer {
    let text = |text: &str| Ok(CallToolResult::text(text));
    let asks = |ctx: Context| async move {
        let answer = ctx.elicit("Who?", form()).key("who").await?;
        Ok(CallToolResult::text(answer.content.unwrap_or_default()["name"].to_string()))
    };
    let asks_twice = |_: Arguments, ctx: Context| async move {
        let form = || ElicitationSchema::new().boolean("ok", BooleanSchema::new());
        let (a, b) = tokio::join!(async { ctx.elicit("A?", form()).await }, async { ctx.elicit("B?", form()).await });
        Ok(CallToolResult::text(format!("{:?} {:?}", a?.action, b?.action)))
    };
    let waits = |_: Arguments, ctx: Context| async move {
        ctx.info("not to be sent").await?;
        ctx.progress(1.0).total(3.0).await;
        std::future::pending::<()>().await;
        Ok(CallToolResult::text("never"))
    };
    let later = |arguments: Arguments, ctx: Context| async move {
        let who = ctx.elicit("Who?", form()).key("who").await?;
        if arguments.get::<bool>("plainly").unwrap_or_default() {
            return Ok(CallToolResult::text("no task"));
        }
        ctx.task().start().await;
        ctx.task().status("started").await;
        Ok(CallToolResult::text(who.content.unwrap_or_default()["name"].to_string()))
    };
    let optional = ToolTask::optional;
    let fails = |_: Arguments, _: Context| async { Ok(CallToolResult::error("out of tea")) };
    let breaks = |_: Arguments, _: Context| async {
        Err::<CallToolResult, _>(McpError::new(ErrorCode(-5), "broken").with_data(json!({"why": 1})))
    };
    let panics = |_: Arguments, ctx: Context| async move {
        assert!(!ctx.task().is_task(), "on purpose");
        Ok(CallToolResult::text("not a task"))
    };
    let long = |_: Arguments, _: Context| async { Ok(CallToolResult::text("x".repeat(5000))) };
    let built = fixture::builder()
        .tasks(config)
        .unwrap()
        .tool("done", tool(optional(), move |_, _| async move { text("done") }));
    built
        .and_then(|builder| builder.tool("must", tool(ToolTask::required(), move |_, _| async move { text("had to") })))
        .and_then(|builder| builder.tool("waits", tool(optional(), waits)))
        .and_then(|builder| builder.tool("asks", tool(optional(), move |_, ctx| asks(ctx))))
        .and_then(|builder| builder.tool("asks_twice", tool(optional(), asks_twice)))
        .and_then(|builder| builder.tool("later", tool(optional().deferred(), later)))
        .and_then(|builder| builder.tool("fails", tool(optional(), fails)))
        .and_then(|builder| builder.tool("breaks", tool(optional(), breaks)))
        .and_then(|builder| builder.tool("panics", tool(optional(), panics)))
        .and_then(|builder| builder.tool("long", tool(optional(), long)))
        .unwrap()
        .build()
}

fn server() -> McpServer {
    with(TaskConfig::new().poll_interval(Duration::from_millis(1500)).max_bytes(4096))
}

/// A connection of somebody who is known.
fn connect_as(server: &McpServer, identity: &str) -> Client {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let (reader, writer) = tokio::io::split(theirs);
    let mut extensions = Extensions::new();
    extensions.insert(Identity::new(identity));
    tokio::spawn(server.serve(Lines::new(reader, writer).with_extensions(extensions)));
    let (reader, writer) = tokio::io::split(ours);
    Client::over(reader, writer)
}

async fn begin(client: &mut Client, tool: &str) -> Value {
    let answer = client.modern("tools/call", json!({"name": tool}), declared()).await;
    assert_eq!(answer["result"]["resultType"], "task", "{answer}");
    answer["result"].clone()
}

async fn about(client: &mut Client, method: &str, params: Value) -> Value {
    client.modern(method, params, declared()).await
}

async fn get(client: &mut Client, id: &Value) -> Value {
    about(client, "tasks/get", json!({"taskId": id})).await["result"].take()
}

/// Asks for a task until something is so.
async fn until(client: &mut Client, id: &Value, is_so: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..3000 {
        let task = get(client, id).await;
        if is_so(&task) {
            return task;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the task never got there: {}", get(client, id).await);
}

async fn until_over(client: &mut Client, id: &Value) -> Value {
    let is_final = |task: &Value| ["completed", "failed", "cancelled"].iter().any(|last| task["status"] == *last);
    until(client, id, is_final).await
}

/// Holds TASK-21.
#[tokio::test]
async fn task_01_a_request_that_did_not_declare_tasks_gets_none() {
    let mut client = Client::connect(&server());
    begin(&mut client, "done").await;
    for capabilities in [json!({}), json!({"tasks": {"requests": {}}}), json!({"extensions": {"com.example/x": {}}})] {
        let params = json!({"name": "done", "task": {"ttl": 1000}});
        let answer = client.modern("tools/call", params, capabilities).await;
        assert_eq!(
            (&answer["result"]["resultType"], &answer["result"]["content"][0]["text"]),
            (&json!("complete"), &json!("done"))
        );
    }
    // For a tool that becomes none, the wish of the older form is not heard, either.
    let params = json!({"name": "nothing", "task": {}});
    assert_eq!(client.modern("tools/call", params, declared()).await["result"]["resultType"], "complete");
    for method in ["tasks/result", "tasks/list"] {
        assert_eq!(about(&mut client, method, json!({"taskId": "x"})).await["error"]["code"], -32601, "{method}");
    }
    let discovered = about(&mut client, "server/discover", json!({})).await["result"]["capabilities"].take();
    assert_eq!(discovered["extensions"], json!({"io.modelcontextprotocol/tasks": {}}));
    assert_eq!(discovered.get("tasks"), None);
    // A server without such tools says nothing of them.
    let mut client = Client::connect(&fixture::server());
    let discovered = about(&mut client, "server/discover", json!({})).await["result"]["capabilities"].take();
    assert_eq!(discovered.get("extensions"), None);
    assert_eq!(about(&mut client, "tasks/get", json!({"taskId": "x"})).await["error"]["code"], -32601);
}

#[tokio::test]
async fn task_04_what_can_only_be_a_task_is_refused_to_whoever_can_have_none() {
    let mut client = Client::connect(&server());
    let error = client.tool("must", json!({})).await["error"].take();
    assert_eq!(error["code"], -32021);
    let needed = json!({"extensions": {"io.modelcontextprotocol/tasks": {}}});
    assert_eq!(error["data"]["requiredCapabilities"], needed);
    let task = begin(&mut client, "must").await;
    assert_eq!(until_over(&mut client, &task["taskId"]).await["result"]["content"][0]["text"], "had to");
}

/// Holds TASK-06, TASK-08, TASK-13.
#[tokio::test]
async fn task_05_only_a_new_task_says_that_it_is_one() {
    let mut client = Client::connect(&server());
    let created = begin(&mut client, "waits").await;
    let id = &created["taskId"];
    assert_eq!((&created["status"], &created["ttlMs"]), (&json!("working"), &json!(3_600_000)));
    assert_eq!(created["pollIntervalMs"], 1500);
    for absent in ["task", "result", "error", "inputRequests", "requestState", "ttl", "pollInterval"] {
        assert_eq!(created.get(absent), None, "{absent}");
    }
    let task = get(&mut client, id).await;
    assert_eq!((&task["resultType"], &task["status"], &task["taskId"]), (&json!("complete"), &json!("working"), id));
    assert_eq!(task["createdAt"], created["createdAt"]);
    for (method, params) in [
        ("tasks/update", json!({"taskId": id, "inputResponses": {}})),
        ("tasks/cancel", json!({"taskId": id})),
        // Once more, now that it is over.
        ("tasks/cancel", json!({"taskId": id})),
    ] {
        let result = about(&mut client, method, params).await["result"].take();
        let members: Vec<_> =
            result.as_object().unwrap().keys().map(String::as_str).filter(|key| *key != "_meta").collect();
        assert_eq!((members, &result["resultType"]), (vec!["resultType"], &json!("complete")), "{method}");
    }
    let over = get(&mut client, id).await;
    assert_eq!((&over["status"], over.get("result"), over.get("error")), (&json!("cancelled"), None, None));
    let done = begin(&mut client, "done").await;
    let done = until_over(&mut client, &done["taskId"]).await;
    assert_eq!((&done["status"], done.get("error")), (&json!("completed"), None));
    assert_eq!(done["result"], json!({"resultType": "complete", "content": [{"type": "text", "text": "done"}]}));
}

#[tokio::test]
async fn task_07_rounds_of_the_call_come_before_the_task() {
    let mut client = Client::connect(&server());
    for (arguments, is_task) in [(json!({}), true), (json!({"plainly": true}), false)] {
        let call = json!({"name": "later", "arguments": arguments});
        let asked = about(&mut client, "tools/call", call.clone()).await["result"].take();
        assert_eq!((&asked["resultType"], asked.get("taskId")), (&json!("input_required"), None));
        let mut again = call;
        again["requestState"] = asked["requestState"].clone();
        again["inputResponses"] = json!({"who": {"action": "accept", "content": {"name": "Ada"}}});
        let answer = about(&mut client, "tools/call", again).await["result"].take();
        if is_task {
            assert_eq!(answer["resultType"], "task");
            let over = until_over(&mut client, &answer["taskId"]).await;
            assert_eq!(over["result"]["content"][0]["text"], "\"Ada\"");
            assert_eq!(over["statusMessage"], "started");
        } else {
            assert_eq!(answer["content"][0]["text"], "no task");
        }
    }
}

/// Holds TASK-14.
#[tokio::test]
async fn task_12_each_question_has_a_key_of_its_own() {
    let mut client = Client::connect(&server());
    let id = begin(&mut client, "asks_twice").await["taskId"].take();
    let two = |task: &Value| task["inputRequests"].as_object().is_some_and(|requests| requests.len() == 2);
    let task = until(&mut client, &id, two).await;
    assert_eq!(task["status"], "input_required");
    let keys: Vec<_> = task["inputRequests"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(task["inputRequests"][&keys[0]]["method"], "elicitation/create");
    let decline = json!({"action": "decline"});
    let update = |responses: Value| json!({"taskId": id, "inputResponses": responses});
    // What nobody asked is ignored, whatever it is.
    let mut first = json!({"nobody asked": 7});
    first[&keys[0]] = decline.clone();
    about(&mut client, "tasks/update", update(first)).await;
    let task = get(&mut client, &id).await;
    assert_eq!(task["status"], "input_required");
    assert_eq!(task["inputRequests"].as_object().unwrap().keys().collect::<Vec<_>>(), [&keys[1]]);
    // What does not fit leaves the question open.
    for unfit in [json!(7), json!({"roots": []}), json!({"action": "accept", "content": {"ok": "yes"}})] {
        let mut responses = json!({});
        responses[&keys[1]] = unfit.clone();
        assert_eq!(about(&mut client, "tasks/update", update(responses)).await["error"]["code"], -32602, "{unfit}");
    }
    let mut second = json!({});
    second[&keys[1]] = json!({"action": "accept", "content": {"ok": true}});
    second[&keys[0]] = json!({"action": "accept", "content": {"ok": true}});
    about(&mut client, "tasks/update", update(second)).await;
    let over = until_over(&mut client, &id).await;
    // The first answer to a question is the one that counts.
    let texts = ["Decline Accept", "Accept Decline"];
    assert!(texts.contains(&over["result"]["content"][0]["text"].as_str().unwrap()), "{over}");
    assert_eq!(over.get("inputRequests"), None);
}

/// Holds TASK-23, LTASK-20.
#[tokio::test]
async fn task_16_somebody_elses_task_is_as_unknown_as_one_that_never_was() {
    let server = server();
    let (mut ada, mut eve) = (connect_as(&server, "ada"), connect_as(&server, "eve"));
    let id = begin(&mut ada, "waits").await["taskId"].take();
    // 128 random bits.
    assert_eq!(id.as_str().unwrap().len(), 22);
    for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
        let params = |id: &str| json!({"taskId": id, "inputResponses": {"who": {"action": "decline"}}});
        let foreign = about(&mut eve, method, params(id.as_str().unwrap())).await;
        let unknown = about(&mut eve, method, params("AAAAAAAAAAAAAAAAAAAAAA")).await;
        assert_eq!(unknown["error"]["code"], -32602, "{method}");
        assert_eq!(foreign, unknown, "{method}");
        assert_eq!(about(&mut eve, method, json!({})).await["error"]["code"], -32602, "{method}");
    }
    assert_eq!(get(&mut ada, &id).await["status"], "working");
    // In the other form, too.
    let mut legacy = connect_as(&server, "eve");
    legacy.initialize("2025-11-25", json!({})).await;
    let own = legacy.call("tools/call", json!({"name": "waits", "task": {}})).await["result"]["task"].take();
    for method in ["tasks/get", "tasks/result", "tasks/cancel"] {
        for id in [id.as_str().unwrap(), "AAAAAAAAAAAAAAAAAAAAAA"] {
            assert_eq!(legacy.call(method, json!({"taskId": id})).await["error"]["code"], -32602, "{method}");
        }
    }
    let listed = legacy.call("tasks/list", json!({})).await["result"]["tasks"].take();
    assert_eq!(listed.as_array().unwrap().iter().map(|task| &task["taskId"]).collect::<Vec<_>>(), [&own["taskId"]]);
}

#[tokio::test]
async fn task_17_who_did_not_declare_tasks_cannot_ask_for_them() {
    let mut client = Client::connect(&server());
    let id = begin(&mut client, "waits").await["taskId"].take();
    for (method, params) in [
        ("tasks/get", json!({"taskId": id})),
        ("tasks/update", json!({"taskId": id, "inputResponses": {}})),
        ("tasks/cancel", json!({"taskId": id})),
        ("subscriptions/listen", json!({"notifications": {"taskIds": [id]}})),
    ] {
        let error = client.modern(method, params, json!({})).await["error"].take();
        assert_eq!(error["code"], -32021, "{method}");
        assert!(error["data"]["requiredCapabilities"]["extensions"]["io.modelcontextprotocol/tasks"].is_object());
    }
    assert_eq!(get(&mut client, &id).await["status"], "working");
}

#[tokio::test]
async fn task_18_a_tool_that_failed_has_completed() {
    let mut client = Client::connect(&server());
    let id = begin(&mut client, "fails").await["taskId"].take();
    let over = until_over(&mut client, &id).await;
    assert_eq!((&over["status"], &over["result"]["isError"]), (&json!("completed"), &json!(true)));
    let id = begin(&mut client, "breaks").await["taskId"].take();
    let over = until_over(&mut client, &id).await;
    assert_eq!((&over["status"], over.get("result")), (&json!("failed"), None));
    assert_eq!(over["error"], json!({"code": -5, "message": "broken", "data": {"why": 1}}));
    assert_eq!(over["statusMessage"], "broken");
    for tool in ["panics", "long"] {
        let id = begin(&mut client, tool).await["taskId"].take();
        let over = until_over(&mut client, &id).await;
        assert_eq!((&over["status"], &over["error"]["code"]), (&json!("failed"), &json!(-32603)), "{tool}");
    }
}

/// Holds TASK-20.
#[tokio::test]
async fn task_19_only_those_hear_of_a_task_who_have_named_it() {
    let server = server();
    let mut ada = connect_as(&server, "ada");
    let (asks, waits) =
        (begin(&mut ada, "asks").await["taskId"].take(), begin(&mut ada, "waits").await["taskId"].take());
    let foreign = begin(&mut connect_as(&server, "eve"), "waits").await["taskId"].take();
    let mut listener = connect_as(&server, "ada");
    let filter = json!({"notifications": {"taskIds": [asks, foreign, "unknown", asks]}});
    let acknowledged = about(&mut listener, "subscriptions/listen", filter).await;
    assert_eq!(acknowledged["params"]["notifications"], json!({"taskIds": [asks]}));
    let mut status = String::new();
    while status != "input_required" {
        let told = listener.next().await;
        assert_eq!((&told["method"], &told["params"]["taskId"]), (&json!("notifications/tasks"), &asks));
        assert_eq!(told["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], 1);
        status = told["params"]["status"].as_str().unwrap().to_owned();
        assert_eq!(told["params"]["inputRequests"].is_object(), status == "input_required");
    }
    let responses = json!({"who": {"action": "accept", "content": {"name": "Ada"}}});
    about(&mut ada, "tasks/update", json!({"taskId": asks, "inputResponses": responses})).await;
    about(&mut ada, "tasks/cancel", json!({"taskId": waits})).await;
    loop {
        let told = listener.next().await;
        assert_eq!((&told["method"], &told["params"]["taskId"]), (&json!("notifications/tasks"), &asks));
        if told["params"]["status"] == "completed" {
            assert_eq!(told["params"]["result"]["content"][0]["text"], "\"Ada\"");
            break;
        }
    }
    assert_eq!(listener.sync_modern().await, Vec::<Value>::new());
}

#[tokio::test]
async fn task_20_nothing_is_sent_for_a_task_but_its_status() {
    let mut client = Client::connect(&server());
    let mut params = json!({"name": "waits"});
    params["_meta"] = json!({"progressToken": 7, "io.modelcontextprotocol/logLevel": "debug"});
    let id = about(&mut client, "tools/call", params).await["result"]["taskId"].take();
    // Had anything been sent, it would be what comes instead of the answers.
    let task = until(&mut client, &id, |task| task.get("statusMessage").is_some()).await;
    assert_eq!(task["statusMessage"], "1 of 3");
}

#[tokio::test]
async fn task_22_in_2025_11_25_the_extension_means_nothing() {
    let mut client = Client::connect(&server());
    let result = client.initialize("2025-11-25", declared()).await;
    assert_eq!(result["capabilities"].get("extensions"), None);
    assert_eq!(client.legacy_tool("done", json!({})).await["result"]["content"][0]["text"], "done");
    assert_eq!(
        client.call("tasks/update", json!({"taskId": "x", "inputResponses": {}})).await["error"]["code"],
        -32601
    );
}

async fn legacy(server: &McpServer, capabilities: Value) -> Client {
    Client::legacy(server, "2025-11-25", capabilities).await
}

async fn begin_legacy(client: &mut Client, tool: &str) -> Value {
    let params = json!({"name": tool, "task": {}});
    client.send(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})).await;
    // Other tasks may have something to tell first.
    let answer = answer(client).await;
    assert!(answer["result"]["task"].is_object(), "{answer}");
    answer["result"]["task"]["taskId"].clone()
}

/// Holds LTASK-21.
#[tokio::test]
async fn ltask_01_tasks_are_declared_and_listed_only_to_those_who_are_known() {
    let server = server();
    let requests = json!({"tools": {"call": {}}});
    let capabilities = Client::connect(&server).initialize("2025-11-25", json!({})).await["capabilities"].take();
    assert_eq!(capabilities["tasks"], json!({"cancel": {}, "requests": requests}));
    let mut known = connect_as(&server, "ada");
    let capabilities = known.initialize("2025-11-25", json!({})).await["capabilities"].take();
    assert_eq!(capabilities["tasks"], json!({"list": {}, "cancel": {}, "requests": requests}));
    let mut unknown = legacy(&server, json!({})).await;
    let id = begin_legacy(&mut unknown, "waits").await;
    assert_eq!(id.as_str().unwrap().len(), 22);
    assert_eq!(unknown.call("tasks/list", json!({})).await["error"]["code"], -32601);
    let tools = unknown.call("tools/list", json!({})).await["result"]["tools"].take();
    let of =
        |name: &str| tools.as_array().unwrap().iter().find(|tool| tool["name"] == name).unwrap()["execution"].clone();
    assert_eq!((of("done"), of("must")), (json!({"taskSupport": "optional"}), json!({"taskSupport": "required"})));
    assert_eq!(of("nothing"), Value::Null);
    // Older clients know of none of it.
    let mut older = Client::connect(&server);
    assert_eq!(older.initialize("2025-06-18", json!({})).await["capabilities"].get("tasks"), None);
    assert_eq!(older.call("tasks/get", json!({"taskId": id})).await["error"]["code"], -32601);
    assert_eq!(older.legacy_tool("done", json!({})).await["result"]["content"][0]["text"], "done");
}

/// Holds LTASK-04, LTASK-05.
#[tokio::test]
async fn ltask_06_what_is_no_task_is_not_called_as_one() {
    let mut client = legacy(&fixture::server(), json!({})).await;
    let plain = client.call("tools/call", json!({"name": "nothing", "task": {"ttl": 1}})).await;
    assert_eq!(plain["result"]["content"][0]["text"], "nothing");
    assert_eq!(client.call("tasks/get", json!({"taskId": "x"})).await["error"]["code"], -32601);
    let mut client = legacy(&server(), json!({})).await;
    assert_eq!(client.call("tools/call", json!({"name": "nothing", "task": {}})).await["error"]["code"], -32601);
    assert_eq!(client.legacy_tool("must", json!({})).await["error"]["code"], -32601);
    assert_eq!(client.legacy_tool("done", json!({})).await["result"]["content"][0]["text"], "done");
    assert_eq!(client.call("tools/call", json!({"name": "done", "task": 7})).await["error"]["code"], -32602);
}

/// Holds LTASK-08, LTASK-09, LTASK-10, LTASK-19.
#[tokio::test]
async fn ltask_07_a_call_as_a_task_is_answered_by_the_task() {
    let mut client = legacy(&server(), json!({})).await;
    let params = json!({"name": "waits", "task": {"ttl": 60_000}});
    let task = client.call("tools/call", params).await["result"]["task"].take();
    assert_eq!(
        (&task["status"], &task["ttl"], &task["pollInterval"]),
        (&json!("working"), &json!(60_000), &json!(1500))
    );
    assert!(task["createdAt"].as_str().unwrap().ends_with('Z'));
    let again = client.call("tasks/get", json!({"taskId": task["taskId"]})).await["result"].take();
    assert_eq!((&again["ttl"], &again["createdAt"]), (&json!(60_000), &task["createdAt"]));
    assert!(again["lastUpdatedAt"].is_string());
    // No longer than is allowed: a day, or what was set.
    let params = json!({"name": "waits", "task": {"ttl": 9_000_000_000_000_u64}});
    let task = client.call("tools/call", params.clone()).await["result"]["task"].take();
    assert_eq!(task["ttl"], 24 * 60 * 60 * 1000);
    let id = begin_legacy(&mut client, "fails").await;
    let result = result_of(&mut client, &id).await;
    assert_eq!(result["result"]["isError"], true);
    let task = get_legacy(&mut client, &id).await;
    assert_eq!((&task["status"], &task["statusMessage"]), (&json!("failed"), &json!("out of tea")));
    let hour = Duration::from_secs(60 * 60);
    let mut other = legacy(&with(TaskConfig::new().max_ttl(hour)), json!({})).await;
    assert_eq!(other.call("tools/call", params).await["result"]["task"]["ttl"], 60 * 60 * 1000);
}

/// Waits for the next answer; a status that is told meanwhile is passed by.
async fn answer(client: &mut Client) -> Value {
    loop {
        let message = client.next().await;
        if message["method"] != "notifications/tasks/status" {
            return message;
        }
        assert_eq!(message["params"].get("_meta"), None);
    }
}

async fn ask_legacy(client: &mut Client, method: &str, id: &Value) -> Value {
    client.send(&json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": {"taskId": id}})).await;
    answer(client).await
}

async fn get_legacy(client: &mut Client, id: &Value) -> Value {
    ask_legacy(client, "tasks/get", id).await["result"].take()
}

async fn result_of(client: &mut Client, id: &Value) -> Value {
    ask_legacy(client, "tasks/result", id).await
}

/// Holds LTASK-13, LTASK-14.
#[tokio::test]
async fn ltask_12_the_result_is_what_the_call_would_have_been_answered_with() {
    let mut client = legacy(&server(), json!({"elicitation": {}})).await;
    let id = begin_legacy(&mut client, "asks").await;
    let related = |message: &Value| message["_meta"]["io.modelcontextprotocol/related-task"].clone();
    let asked = result_of(&mut client, &id).await;
    assert_eq!((&asked["method"], related(&asked["params"])), (&json!("elicitation/create"), json!({"taskId": id})));
    client.send(&json!({"jsonrpc": "2.0", "id": 2, "method": "tasks/get", "params": {"taskId": id}})).await;
    let waiting = answer(&mut client).await;
    assert_eq!((&waiting["id"], &waiting["result"]["status"]), (&json!(2), &json!("input_required")));
    assert_eq!(related(&waiting["result"]), Value::Null);
    client.answer(&asked, json!({"action": "accept", "content": {"name": "Ada"}})).await;
    let done = answer(&mut client).await;
    assert_eq!((&done["id"], &done["result"]["content"][0]["text"]), (&json!(1), &json!("\"Ada\"")));
    assert_eq!(related(&done["result"]), json!({"taskId": id}));
    // Once more, now that it is there.
    assert_eq!(result_of(&mut client, &id).await["result"], done["result"]);
    let id = begin_legacy(&mut client, "breaks").await;
    let broken = result_of(&mut client, &id).await;
    assert_eq!(broken["error"], json!({"code": -5, "message": "broken", "data": {"why": 1}}));
}

#[tokio::test]
async fn ltask_13_what_the_client_refuses_is_an_error_of_the_handler() {
    let mut client = legacy(&server(), json!({"elicitation": {}})).await;
    let id = begin_legacy(&mut client, "asks").await;
    let asked = result_of(&mut client, &id).await;
    let error = json!({"code": -1, "message": "the user is asleep"});
    client.send(&json!({"jsonrpc": "2.0", "id": asked["id"], "error": error})).await;
    assert_eq!(answer(&mut client).await["error"]["message"], "the user is asleep");
}

#[tokio::test]
async fn ltask_16_every_task_is_on_one_page_of_the_list() {
    let mut limits = turbomcp::Limits::default();
    limits.page_size = 2;
    let builder = fixture::builder().limits(limits);
    let pending = |_: Arguments, _: Context| std::future::pending::<McpResult<CallToolResult>>();
    let server = builder.tool("waits", tool(ToolTask::optional(), pending)).unwrap().build();
    let mut client = connect_as(&server, "ada");
    client.initialize("2025-11-25", json!({})).await;
    let mut begun = Vec::new();
    for _ in 0..5 {
        begun.push(begin_legacy(&mut client, "waits").await);
    }
    let (mut listed, mut cursor, mut pages) = (Vec::new(), Value::Null, 0);
    loop {
        let params = if cursor.is_null() { json!({}) } else { json!({"cursor": cursor}) };
        let mut page = client.call("tasks/list", params).await["result"].take();
        listed.extend(page["tasks"].as_array().unwrap().iter().map(|task| task["taskId"].clone()));
        pages += 1;
        cursor = page["nextCursor"].take();
        if cursor.is_null() {
            break;
        }
    }
    let sorted = |ids: &[Value]| {
        let mut ids: Vec<_> = ids.iter().map(|id| id.as_str().unwrap().to_owned()).collect();
        ids.sort();
        ids
    };
    assert_eq!((sorted(&listed), pages), (sorted(&begun), 3));
    for cursor in [json!("x"), json!("AAAA")] {
        assert_eq!(client.call("tasks/list", json!({"cursor": cursor})).await["error"]["code"], -32602);
    }
}

/// Holds LTASK-18, CANC-10.
#[tokio::test]
async fn ltask_17_a_cancelled_task_stays_cancelled() {
    let mut client = legacy(&server(), json!({})).await;
    let id = begin_legacy(&mut client, "waits").await;
    // The request is over, so there is nothing of it to cancel.
    client.notify("notifications/cancelled", json!({"requestId": 1})).await;
    assert_eq!(get_legacy(&mut client, &id).await["status"], "working");
    let cancelled = ask_legacy(&mut client, "tasks/cancel", &id).await["result"].take();
    assert_eq!((&cancelled["status"], &cancelled["taskId"]), (&json!("cancelled"), &id));
    assert_eq!(ask_legacy(&mut client, "tasks/cancel", &id).await["error"]["code"], -32602);
    assert_eq!(get_legacy(&mut client, &id).await["status"], "cancelled");
    assert_eq!(result_of(&mut client, &id).await["error"]["code"], -32602);
    for method in ["tasks/get", "tasks/result", "tasks/cancel"] {
        assert_eq!(ask_legacy(&mut client, method, &json!("unknown")).await["error"]["code"], -32602, "{method}");
    }
}

/// What a handler leaves behind.
struct Dropped(Arc<AtomicU32>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Holds LTASK-22.
#[tokio::test]
async fn task_23_there_are_only_so_many_tasks_for_so_long() {
    let dropped = Arc::new(AtomicU32::new(0));
    let seen = dropped.clone();
    let work = move |_: Arguments, ctx: Context| {
        let guard = Dropped(seen.clone());
        async move {
            let _guard = guard;
            let watcher = ctx.clone();
            tokio::spawn(async move { watcher.cancelled().await });
            assert!(!ctx.is_cancelled());
            std::future::pending::<McpResult<CallToolResult>>().await
        }
    };
    let config = TaskConfig::new().ttl(Duration::from_millis(400)).lease(Duration::from_millis(90));
    let server = fixture::builder()
        .tasks(config.per_principal(2).total(3))
        .and_then(|builder| builder.tool("waits", tool(ToolTask::optional(), work)))
        .unwrap()
        .build();
    let (mut ada, mut eve) = (connect_as(&server, "ada"), connect_as(&server, "eve"));
    let mut ids = Vec::new();
    for _ in 0..2 {
        ids.push(begin(&mut ada, "waits").await["taskId"].take());
    }
    let refused = about(&mut ada, "tools/call", json!({"name": "waits"})).await;
    assert_eq!(refused["error"]["code"], 429, "{refused}");
    let mut of_eve = begin(&mut eve, "waits").await;
    let refused = about(&mut eve, "tools/call", json!({"name": "waits"})).await;
    assert_eq!(refused["error"]["code"], 503, "{refused}");
    // The future of a cancelled task is dropped.
    about(&mut eve, "tasks/cancel", json!({"taskId": of_eve["taskId"].take()})).await;
    let patience = async {
        while dropped.load(Ordering::SeqCst) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(turbomcp_tests::PATIENCE, patience).await.unwrap();
    // And what is not done in time is forgotten.
    let forgotten = async {
        while about(&mut ada, "tasks/get", json!({"taskId": ids[0]})).await.get("error").is_none()
            || dropped.load(Ordering::SeqCst) < 3
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(turbomcp_tests::PATIENCE, forgotten).await.unwrap();
    begin(&mut ada, "waits").await;
}
