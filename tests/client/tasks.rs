//! Calls that become tasks, as the client has them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use turbomcp::client::{Change, Client, ClientBuilder, Era, RetryConfig, RetryPolicy};
use turbomcp::prelude::*;
use turbomcp::tasks::{TaskConfig, ToolTask};
use turbomcp::types::{CallToolResult, ElicitResult, ElicitationSchema, StringSchema, SubscriptionFilter, TaskStatus};
use turbomcp::{Arguments, ErrorCode, FnTool};

use crate::peer::{PATIENCE, Peer, connected, failure, pair, soon};

const ERAS: [Era; 2] = [Era::Modern, Era::Legacy];

/// A handler that was dropped before it was done.
struct Dropped(Arc<AtomicU32>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn server(dropped: &Arc<AtomicU32>) -> McpServer {
    let dropped = dropped.clone();
    let done = |_: Arguments| async { "done" };
    let asks = |_: Arguments, ctx: Context| async move {
        ctx.task().status("asking").await;
        let form = || ElicitationSchema::new().string("name", StringSchema::new()).required("name");
        let (a, b) = tokio::join!(async { ctx.elicit("A?", form()).await }, async { ctx.elicit("B?", form()).await });
        let name = |answer: ElicitResult| answer.content.unwrap_or_default()["name"].to_string();
        Ok::<_, McpError>(format!("{} {}", name(a?), name(b?)))
    };
    let waits = move |_: Arguments| {
        let guard = Dropped(dropped.clone());
        async move {
            let _guard = guard;
            std::future::pending::<&'static str>().await
        }
    };
    let breaks = |_: Arguments| async { Err::<String, _>(McpError::new(ErrorCode(-5), "broken")) };
    let fails = |_: Arguments| async { CallToolResult::error("out of tea") };
    let task = ToolTask::optional;
    ServerBuilder::new()
        .tasks(TaskConfig::new().poll_interval(Duration::from_millis(20)))
        .and_then(|builder| builder.tool("done", FnTool::new(done).task(ToolTask::required())))
        .and_then(|builder| builder.tool("plain", FnTool::new(|_: Arguments| async { "plain" })))
        .and_then(|builder| builder.tool("asks", FnTool::new(asks).task(task())))
        .and_then(|builder| builder.tool("waits", FnTool::new(waits).task(task())))
        .and_then(|builder| builder.tool("breaks", FnTool::new(breaks).task(task())))
        .and_then(|builder| builder.tool("fails", FnTool::new(fails).task(task())))
        .unwrap()
        .build()
}

/// Answers each question by the first letter of it.
fn answering(asked: &Arc<AtomicU32>) -> ClientBuilder {
    let asked = asked.clone();
    Client::builder().on_elicit(move |params| {
        asked.fetch_add(1, Ordering::SeqCst);
        let message = serde_json::to_value(&params).unwrap()["message"].as_str().unwrap().to_owned();
        async move {
            Ok(ElicitResult::accept(
                [("name".to_owned(), json!(message))].into_iter().collect::<serde_json::Map<_, _>>(),
            ))
        }
    })
}

async fn eventually(is_so: impl Fn() -> bool) {
    let waits = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waits).await.expect("it happens in time");
}

fn text(result: &CallToolResult) -> &str {
    result.content[0].as_text().unwrap()
}

/// Holds TASK-11, LTASK-05.
#[tokio::test]
async fn task_02_a_call_waits_for_its_task() {
    for era in ERAS {
        let asked = Arc::default();
        let client = answering(&asked).era(era).connect(&server(&Arc::default())).await.unwrap();
        client.list_all_tools().await.unwrap();
        // In the legacy era, this one can only be called as a task.
        assert_eq!(text(&soon(client.call_tool("done", json!({})).into_future()).await.unwrap()), "done", "{era:?}");
        assert_eq!(text(&client.call_tool("plain", json!({})).await.unwrap()), "plain");
        let answered = soon(client.call_tool("asks", json!({})).into_future()).await.unwrap();
        assert_eq!((text(&answered), asked.load(Ordering::SeqCst)), ("\"A?\" \"B?\"", 2), "{era:?}");
        assert!(client.call_tool("fails", json!({})).await.unwrap().is_error());
        let error = soon(client.call_tool("breaks", json!({})).into_future()).await.unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode(-5)), "{era:?}");
    }
    let client = Client::builder().without_tasks().connect(&server(&Arc::default())).await.unwrap();
    let error = client.call_tool("done", json!({})).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::MISSING_REQUIRED_CLIENT_CAPABILITY));
}

/// Holds TASK-10, LTASK-11.
#[tokio::test]
async fn task_09_a_task_can_be_followed() {
    for era in ERAS {
        let asked = Arc::default();
        let client = answering(&asked).era(era).connect(&server(&Arc::default())).await.unwrap();
        let mut task = client.call_tool_as_task("asks", json!({})).await.unwrap();
        let id = task.id().unwrap().to_owned();
        assert_eq!((task.status(), task.is_over()), (Some(TaskStatus::Working), false));
        // In the legacy era, questions are asked of whoever waits for the result.
        soon(task.changed()).await.unwrap();
        if era == Era::Modern {
            while !task.is_over() {
                soon(task.changed()).await.unwrap();
            }
            assert_eq!(task.status(), Some(TaskStatus::Completed));
        }
        // By its id it can be found again.
        let mut again = client.task(&id);
        assert_eq!((again.id(), again.status()), (Some(id.as_str()), None));
        again.refresh().await.unwrap();
        assert_eq!(text(&soon(again.result()).await.unwrap()), "\"A?\" \"B?\"", "{era:?}");
        assert_eq!(text(&soon(task.result()).await.unwrap()), "\"A?\" \"B?\"", "{era:?}");
        assert_eq!(asked.load(Ordering::SeqCst), 2, "{era:?}");
        // What the server answers at once is there at once.
        let plain = client.call_tool_as_task("plain", json!({})).await.unwrap();
        assert_eq!((plain.id(), plain.is_over()), (None, true));
        assert_eq!(text(&plain.result().await.unwrap()), "plain");
        let error = client.task("unknown").refresh().await.unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::INVALID_PARAMS));
    }
}

#[tokio::test]
async fn task_15_a_task_is_cancelled_by_a_request_of_its_own() {
    for era in ERAS {
        let dropped = Arc::default();
        let client = Client::builder().era(era).connect(&server(&dropped)).await.unwrap();
        let mut task = client.call_tool_as_task("waits", json!({})).await.unwrap();
        task.cancel().await.unwrap();
        assert_eq!(task.status(), Some(TaskStatus::Cancelled));
        assert!(soon(task.result()).await.unwrap_err().is_cancelled(), "{era:?}");
        eventually(|| dropped.load(Ordering::SeqCst) == 1).await;
    }
    // So is one that nobody waits for any more.
    let dropped = Arc::default();
    let client = Client::builder().era(Era::Modern).connect(&server(&dropped)).await.unwrap();
    let error = client.call_tool("waits", json!({})).timeout(Duration::from_millis(200)).await.unwrap_err();
    assert!(error.is_timeout(), "{error}");
    eventually(|| dropped.load(Ordering::SeqCst) == 1).await;
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.call_tool("waits", json!({})).await }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    waiting.abort();
    eventually(|| dropped.load(Ordering::SeqCst) == 2).await;
}

#[tokio::test]
async fn canc_10_a_call_that_is_dropped_cancels_its_task_and_not_the_request() {
    let (client, mut peer) = connected(Client::builder(), Era::Modern).await;
    let call = tokio::spawn({
        let client = client.clone();
        async move { client.call_tool("t", json!({})).await }
    });
    polled(&mut peer, vec![a_task("working")]).await;
    call.abort();
    // It may have asked once more before.
    let mut message = peer.next().await;
    while message["method"] == "tasks/get" {
        peer.answer(&message, a_task("working")).await;
        message = peer.next().await;
    }
    while message["method"] == "notifications/cancelled" {
        // That of the last question, not of the call.
        assert_ne!(message["params"]["requestId"], 2);
        message = peer.next().await;
    }
    assert_eq!((&message["method"], &message["params"]["taskId"]), (&json!("tasks/cancel"), &json!("t")));
}

#[tokio::test]
async fn a_subscription_tells_of_tasks() {
    let client = Client::builder().era(Era::Modern).connect(&server(&Arc::default())).await.unwrap();
    let mut task = client.call_tool_as_task("waits", json!({})).await.unwrap();
    let id = task.id().unwrap().to_owned();
    let filter = SubscriptionFilter::new().with_task_ids(vec![id.clone(), "unknown".to_owned()]);
    let mut changes = client.subscribe(filter).await.unwrap();
    assert_eq!(changes.filter().task_ids.as_deref(), Some(&[id.clone()][..]));
    assert_eq!(soon(changes.next()).await.unwrap().unwrap(), Change::Task { id: id.clone() });
    task.cancel().await.unwrap();
    assert_eq!(soon(changes.next()).await.unwrap().unwrap(), Change::Task { id });
}

fn a_task(status: &str) -> Value {
    json!({"taskId": "t", "status": status, "createdAt": "2026-01-02T03:04:05Z", "lastUpdatedAt": "2026-01-02T03:04:05Z",
        "ttlMs": null, "pollIntervalMs": 1})
}

fn created() -> Value {
    let mut created = a_task("working");
    created["resultType"] = json!("task");
    created
}

#[tokio::test]
async fn task_03_only_calls_of_tools_become_tasks() {
    let (client, mut peer) = connected(Client::builder(), Era::Modern).await;
    let prompt = tokio::spawn({
        let client = client.clone();
        async move { client.get_prompt("p", [("a", "b")]).await }
    });
    peer.serve("prompts/get", created()).await;
    assert!(failure(async { prompt.await.unwrap() }).await.is_protocol());
}

/// Serves the polls of a call that has become a task.
async fn polled(peer: &mut Peer, answers: Vec<Value>) {
    peer.serve("tools/call", created()).await;
    for answer in answers {
        let request = peer.serve("tasks/get", answer).await;
        assert_eq!(request["params"]["taskId"], "t");
    }
}

#[tokio::test]
async fn task_10_a_question_is_answered_once() {
    let asked: Arc<AtomicU32> = Arc::default();
    let (client, mut peer) = connected(answering(&asked), Era::Modern).await;
    let call = tokio::spawn({
        let client = client.clone();
        async move { client.call_tool("t", json!({})).await }
    });
    let mut asks = a_task("input_required");
    let params = json!({"message": "A?", "requestedSchema": {"type": "object", "properties": {}}});
    asks["inputRequests"] = json!({"a": {"method": "elicitation/create", "params": params}});
    polled(&mut peer, vec![asks.clone()]).await;
    let update = peer.serve("tasks/update", json!({"resultType": "complete"})).await;
    assert_eq!(update["params"]["taskId"], "t");
    assert_eq!(update["params"]["inputResponses"]["a"]["action"], "accept");
    // The server has not taken note of the answer yet.
    peer.serve("tasks/get", asks).await;
    let mut done = a_task("completed");
    // Some servers write it so.
    done["resultType"] = json!("complete");
    done["result"] = json!({"content": [{"type": "text", "text": "done"}]});
    peer.serve("tasks/get", done).await;
    assert_eq!(text(&soon(call).await.unwrap().unwrap()), "done");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_poll_that_fails_is_made_again_and_the_task_goes_on() {
    for code in [ErrorCode::UNAVAILABLE, ErrorCode::RATE_LIMITED] {
        let (client, mut peer) = connected(Client::builder(), Era::Modern).await;
        let call = tokio::spawn(async move { client.call_tool("t", json!({})).await });
        polled(&mut peer, vec![a_task("working")]).await;
        let poll = peer.expect("tasks/get").await;
        peer.fail(&poll, code.0, "not now").await;
        let mut done = a_task("completed");
        done["resultType"] = json!("complete");
        done["result"] = json!({"content": [{"type": "text", "text": "done"}]});
        // Nothing was cancelled in between.
        peer.serve("tasks/get", done).await;
        assert_eq!(text(&soon(call).await.unwrap().unwrap()), "done");
    }
}

#[tokio::test]
async fn whoever_follows_a_task_asks_again_as_often_as_the_policy_says() {
    let once = RetryPolicy::custom(RetryConfig::new().max_attempts(1));
    // How often it is asked before that is an error: without a policy, as often as the usual one says.
    for (builder, asked) in [(Client::builder(), 3), (Client::builder().retry(once), 1)] {
        let (client, mut peer) = connected(builder, Era::Modern).await;
        let following = tokio::spawn(async move {
            let mut task = client.task("t");
            let first = task.changed().await.map(|()| task.status());
            (first, task.changed().await.unwrap_err())
        });
        for _ in 1..asked {
            let poll = peer.expect("tasks/get").await;
            peer.fail(&poll, ErrorCode::UNAVAILABLE.0, "not now").await;
        }
        peer.serve("tasks/get", a_task("working")).await;
        for _ in 0..asked {
            let poll = peer.expect("tasks/get").await;
            peer.fail(&poll, ErrorCode::UNAVAILABLE.0, "not now").await;
        }
        let (first, last) = soon(following).await.unwrap();
        assert_eq!((first.unwrap(), last.code()), (Some(TaskStatus::Working), Some(ErrorCode::UNAVAILABLE)));
    }
    // What says something of the task is no reason to ask again.
    let (client, mut peer) = connected(Client::builder(), Era::Modern).await;
    let following = tokio::spawn(async move { client.task("t").changed().await.unwrap_err() });
    let poll = peer.expect("tasks/get").await;
    peer.fail(&poll, ErrorCode::INVALID_PARAMS.0, "no such task").await;
    assert_eq!(soon(following).await.unwrap().code(), Some(ErrorCode::INVALID_PARAMS));
}

#[tokio::test]
async fn a_task_is_waited_for_as_long_as_it_is_kept() {
    let (client, mut peer) = connected(Client::builder(), Era::Modern).await;
    let call = tokio::spawn(async move { client.call_tool("t", json!({})).await });
    let mut short = created();
    short["ttlMs"] = json!(150);
    peer.serve("tools/call", short).await;
    let answering = tokio::spawn(async move {
        let mut short = a_task("working");
        short["ttlMs"] = json!(150);
        while let Some(request) = peer.try_next().await {
            assert_eq!(request["method"], "tasks/get");
            peer.answer(&request, short.clone()).await;
        }
    });
    assert!(failure(async { call.await.unwrap() }).await.is_timeout());
    answering.await.unwrap();
}

#[tokio::test]
async fn a_task_that_is_none_is_an_error_of_the_server() {
    let mut unnamed = created();
    unnamed["taskId"] = json!("");
    let mut halfway = created();
    halfway.as_object_mut().unwrap().remove("status");
    for wrong in [unnamed, halfway, json!({"resultType": "task"})] {
        let (client, mut peer) = connected(Client::builder(), Era::Modern).await;
        let call = tokio::spawn(async move { client.call_tool("t", json!({})).await });
        peer.serve("tools/call", wrong).await;
        assert!(failure(async { call.await.unwrap() }).await.is_protocol());
    }
    let mut other = a_task("working");
    other["taskId"] = json!("other");
    for wrong in [other, a_task("completed"), a_task("failed")] {
        let (client, mut peer) = connected(Client::builder(), Era::Modern).await;
        let call = tokio::spawn(async move { client.call_tool("t", json!({})).await });
        polled(&mut peer, vec![wrong.clone()]).await;
        assert!(failure(async { call.await.unwrap() }).await.is_protocol(), "{wrong}");
    }
}

fn legacy_tools() -> Value {
    let tool = |name: &str, support: Option<&str>| {
        let mut tool = json!({"name": name, "inputSchema": {"type": "object"}});
        if let Some(support) = support {
            tool["execution"] = json!({"taskSupport": support});
        }
        tool
    };
    json!({"tools": [tool("must", Some("required")), tool("may", Some("optional")), tool("plain", None)]})
}

/// Holds LTASK-01, LTASK-02, LTASK-04.
#[tokio::test]
async fn ltask_03_calls_are_tasks_only_where_the_server_says_so() {
    for declares in [true, false] {
        let (transport, mut peer) = pair();
        let connecting = tokio::spawn(Client::builder().era(Era::Legacy).connect(transport));
        let hello = peer.expect("initialize").await;
        assert_eq!(hello["params"]["capabilities"].get("tasks"), None);
        let tasks = if declares { json!({"requests": {"tools": {"call": {}}}}) } else { json!({"cancel": {}}) };
        let capabilities = json!({"tools": {}, "tasks": tasks});
        let info = json!({"name": "s", "version": "1"});
        let result = json!({"protocolVersion": "2025-11-25", "capabilities": capabilities, "serverInfo": info});
        peer.answer(&hello, result).await;
        peer.expect("notifications/initialized").await;
        let client = soon(connecting).await.unwrap().unwrap();
        for (at, (tool, becomes_one)) in [("may", true), ("must", true), ("plain", false)].into_iter().enumerate() {
            let calling = tokio::spawn({
                let client = client.clone();
                async move { client.call_tool_as_task(tool, json!({})).await }
            });
            if at == 0 {
                peer.serve("tools/list", legacy_tools()).await;
            }
            let call = peer.expect("tools/call").await;
            assert_eq!(call["params"].get("task").is_some(), declares && becomes_one, "{tool}");
            peer.answer(&call, json!({"content": []})).await;
            // A server that does not hear the wish answers the call itself.
            assert!(soon(calling).await.unwrap().unwrap().is_over());
        }
        let calling = tokio::spawn({
            let client = client.clone();
            async move { client.call_tool("may", json!({})).await }
        });
        let call = peer.expect("tools/call").await;
        assert_eq!(call["params"].get("task"), None);
        peer.answer(&call, json!({"content": []})).await;
        soon(calling).await.unwrap().unwrap();
    }
}

/// Holds LTASK-06, LTASK-15.
#[tokio::test]
async fn ltask_14_what_belongs_to_a_task_says_so() {
    let asked = Arc::default();
    let (_client, mut peer) = connected(answering(&asked), Era::Legacy).await;
    let related = json!({"io.modelcontextprotocol/related-task": {"taskId": "t"}});
    let form = json!({"type": "object", "properties": {}});
    for meta in [Some(related), None] {
        let mut params = json!({"message": "A?", "requestedSchema": form, "task": {"ttl": 1}});
        if let Some(meta) = &meta {
            params["_meta"] = meta.clone();
        }
        peer.send(json!({"jsonrpc": "2.0", "method": "notifications/tasks/status", "params": a_task("working")})).await;
        peer.send(json!({"jsonrpc": "2.0", "id": "q", "method": "elicitation/create", "params": params})).await;
        let answer = peer.next().await;
        // What this client does is no task, whatever is wished.
        assert_eq!((&answer["result"]["action"], answer["result"].get("task")), (&json!("accept"), None));
        assert_eq!(answer["result"].get("_meta"), meta.as_ref());
    }
}
