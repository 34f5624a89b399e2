//! How long requests may take: F78.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use turbomcp::layers::{AuditConfig, AuditEvent, AuditSink, ErrorHandler, MiddlewareStack, TimeoutConfig};
use turbomcp::tasks::{TaskConfig, ToolTask};
use turbomcp::{Arguments, FnTool, Limits, Response};
use turbomcp_tests::Client;

use super::Work;

const SHORT: Duration = Duration::from_millis(20);

#[tokio::test]
async fn f78_a_request_ends_when_its_time_has_come() {
    let stack = MiddlewareStack::new().with_timeout(TimeoutConfig { request_timeout: SHORT, ..Default::default() });
    let server = Work::new().server(stack);
    let mut client = Client::connect(&server);
    let error = client.tool("wait", json!({})).await["error"].take();
    assert_eq!((&error["code"], &error["message"]), (&json!(-32603), &json!("the request ran out of time")));
    assert_eq!(crate::text(&client.tool("tell", json!({})).await), "run 2");
}

#[tokio::test]
async fn f78_a_tool_may_have_a_time_of_its_own() {
    let work = Work::new();
    let long = Duration::from_secs(60);
    let stack = MiddlewareStack::new().with_timeout(TimeoutConfig::new(SHORT).tool("wait", long));
    let mut client = Client::connect(&work.server(stack));
    let gate = work.clone();
    let later = tokio::spawn(async move {
        gate.begun(1).await;
        tokio::time::sleep(3 * SHORT).await;
        gate.let_go(1);
    });
    assert_eq!(crate::text(&client.tool("wait", json!({})).await), "run 1");
    later.await.unwrap();
    assert_eq!(client.tool("peek", json!({})).await["error"]["message"], "the request ran out of time");
}

#[tokio::test]
async fn f78_what_is_not_enabled_leaves_the_limit_of_the_server() {
    let stack = MiddlewareStack::new()
        .with_timeout(TimeoutConfig { enabled: false, ..TimeoutConfig::new(Duration::from_secs(600)) });
    let mut limits = Limits::default();
    limits.request_timeout = SHORT;
    let builder = Work::new().builder().limits(limits).with_middleware_stack(stack).unwrap();
    let mut client = Client::connect(&builder.build());
    assert_eq!(client.tool("wait", json!({})).await["error"]["message"], "the request ran out of time");
}

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<String>>>);

impl AuditSink for Kept {
    fn record(&self, event: &AuditEvent<'_>) {
        self.0.lock().unwrap().push(format!("{} {:?}", event.outcome, event.error_code));
    }
}

#[tokio::test]
async fn f78_the_other_layers_see_that_there_was_no_time() {
    let kept = Kept::default();
    let stack = MiddlewareStack::new()
        .with_timeout(TimeoutConfig::new(SHORT))
        .with_audit(AuditConfig::default().sink(kept.clone()))
        .with_error_handler(ErrorHandler::new().handle_internal_error(|error| async move {
            assert_eq!(error.message(), "the request ran out of time");
            Response::error(turbomcp::McpError::unavailable("come back later"))
        }));
    let server = Work::new().server(stack);
    let error = Client::connect(&server).tool("wait", json!({})).await["error"].take();
    assert_eq!(error, json!({"code": 503, "message": "come back later"}));
    assert_eq!(*kept.0.lock().unwrap(), ["failure Some(503)"]);
    // It is counted as what it was.
    assert_eq!(server.metrics().tool_timeouts_total.load(std::sync::atomic::Ordering::Relaxed), 1);
}

/// Has every request wait for a while on its way to its handler.
struct Slow;

impl turbomcp::Middleware for Slow {
    async fn process(
        &self,
        request: turbomcp::Request,
        next: turbomcp::Next,
    ) -> turbomcp::MiddlewareResult<turbomcp::Response> {
        tokio::time::sleep(SHORT / 4).await;
        next.run(request).await
    }
}

#[tokio::test]
async fn f78_what_has_a_time_of_its_own_has_it_while_a_layer_waits() {
    let wait = |_: turbomcp::Arguments| async {
        tokio::time::sleep(3 * SHORT).await;
        "done"
    };
    let builder = turbomcp::ServerBuilder::new()
        .tool("long", turbomcp::FnTool::new(wait).timeout(Duration::from_secs(60)))
        .and_then(|builder| builder.tool("short", wait))
        .unwrap();
    let stack = MiddlewareStack::new().with_timeout(TimeoutConfig::new(SHORT));
    let server = builder.with_middleware_stack(stack).unwrap().middleware(Slow).build();
    let mut client = Client::connect(&server);
    assert_eq!(client.tool("short", json!({})).await["error"]["message"], "the request ran out of time");
    assert_eq!(crate::text(&client.tool("long", json!({})).await), "done");
    // So has what lasts for as long as somebody listens.
    let filter = json!({"notifications": {"toolsListChanged": true}});
    client.send(&turbomcp_tests::modern(7, "subscriptions/listen", filter, json!({}))).await;
    assert_eq!(client.next().await["method"], "notifications/subscriptions/acknowledged");
    tokio::time::sleep(3 * SHORT).await;
    assert!(server.remove_tool("short"));
    assert_eq!(client.next().await["method"], "notifications/tools/list_changed");
}

#[tokio::test]
async fn f78_that_there_was_no_time_is_recorded_if_a_layer_takes_more() {
    let kept = Kept::default();
    let stack = MiddlewareStack::new()
        .with_timeout(TimeoutConfig::new(SHORT))
        .with_audit(AuditConfig::default().sink(kept.clone()))
        .with_error_handler(ErrorHandler::new().handle_internal_error(|_| std::future::pending()));
    let error = Client::connect(&Work::new().server(stack)).tool("wait", json!({})).await["error"].take();
    assert_eq!(error["message"], "the request ran out of time");
    assert_eq!(*kept.0.lock().unwrap(), ["failure Some(-32603)"]);
}

#[tokio::test]
async fn f78_a_task_has_the_time_of_its_tool_and_not_that_of_requests() {
    let work = Work::new();
    let job = |work: Work| {
        FnTool::new(move |_: Arguments| {
            let work = work.clone();
            async move {
                work.gate.acquire().await.unwrap().forget();
                "done"
            }
        })
        .task(ToolTask::optional())
    };
    let stack = MiddlewareStack::new().with_timeout(TimeoutConfig::new(SHORT).tool("short", SHORT));
    let builder = work.builder().tasks(TaskConfig::new()).unwrap();
    let builder = builder.tool("short", job(work.clone())).and_then(|builder| builder.tool("long", job(work.clone())));
    let server = builder.unwrap().with_middleware_stack(stack).unwrap().build();
    let client = turbomcp::client::Client::connect(&server).await.unwrap();
    let long = client.call_tool_as_task("long", json!({})).await.unwrap();
    let short = client.call_tool_as_task("short", json!({})).await.unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(30), short.result()).await.expect("it ends in time");
    assert_eq!(ended.unwrap_err().as_mcp().unwrap().message(), "the task ran out of time");
    work.let_go(1);
    assert_eq!(long.result().await.unwrap().content[0].as_text(), Some("done"));
}
