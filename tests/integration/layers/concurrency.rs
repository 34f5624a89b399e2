//! How many requests run at once.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;
use turbomcp::layers::{ConcurrencyConfig, MiddlewareStack, Overload, TrustedProxies};
use turbomcp::tasks::{TaskConfig, ToolTask};
use turbomcp::{Arguments, FnTool};
use turbomcp_tests::{Request, Site, modern};

use super::{ByName, Work, call, status};

async fn site(work: &Work, config: ConcurrencyConfig) -> Site {
    let stack = MiddlewareStack::new().with_auth(ByName::default()).with_concurrency(config);
    Site::start(&work.server(stack)).await
}

/// Has a call wait in its handler.
async fn hold(site: &Site, work: &Work, name: &str) -> tokio::task::JoinHandle<u16> {
    let (client, before) = (site.client(), work.runs());
    let request = call("wait").header("Authorization", name);
    let held = tokio::spawn(async move { status(&client, request).await });
    work.begun(before + 1).await;
    held
}

#[tokio::test]
async fn what_there_is_no_place_for_is_refused_at_once() {
    let work = Work::new();
    let site = site(&work, ConcurrencyConfig::new(1)).await;
    let held = hold(&site, &work, "ada").await;
    let mut refused = site.client().send(call("tell")).await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    let error = refused.message().await["error"].take();
    assert_eq!((&error["code"], &error["data"]), (&json!(503), &json!({"retryAfterMs": 1000})));
    // What costs nothing needs none, nor does what lasts.
    let listen = modern(1, "subscriptions/listen", json!({"notifications": {"toolsListChanged": true}}), json!({}));
    assert_eq!(status(&site.client(), Request::modern(&listen)).await, 200);
    work.let_go(1);
    assert_eq!(held.await.unwrap(), 200);
    assert_eq!(status(&site.client(), call("tell")).await, 200);
}

#[tokio::test]
async fn a_call_that_is_cancelled_gives_its_place_back() {
    let work = Work::new();
    let site = site(&work, ConcurrencyConfig::new(1).per_principal(1).tool("wait", 1)).await;
    let held = hold(&site, &work, "ada").await;
    held.abort();
    let mut last = 503;
    while last == 503 {
        last = status(&site.client(), call("tell").header("Authorization", "ada")).await;
    }
    assert_eq!(last, 200);
    let held = hold(&site, &work, "ada").await;
    work.let_go(1);
    assert_eq!(held.await.unwrap(), 200);
}

#[tokio::test]
async fn some_wait_for_a_place_and_the_others_are_refused() {
    let work = Work::new();
    let overload = Overload::Queue { places: 1, longest: Duration::from_secs(60) };
    let site = site(&work, ConcurrencyConfig::new(1).overload(overload)).await;
    let held = hold(&site, &work, "ada").await;
    let client = site.client();
    let (first, second) = (status(&client, call("tell")), status(&client, call("tell")));
    // Whichever comes first waits; the other finds no room for that, and the first goes on once there is a place.
    let (mut first, mut second) = (std::pin::pin!(first), std::pin::pin!(second));
    let refused = tokio::select! { status = &mut first => (status, 2), status = &mut second => (status, 1) };
    assert_eq!(refused.0, 503);
    work.let_go(1);
    assert_eq!(held.await.unwrap(), 200);
    assert_eq!(if refused.1 == 1 { first.await } else { second.await }, 200);
}

#[tokio::test]
async fn nobody_waits_longer_than_was_said() {
    let work = Work::new();
    let overload = Overload::Queue { places: 9, longest: Duration::from_millis(20) };
    let site = site(&work, ConcurrencyConfig::new(1).overload(overload)).await;
    let held = hold(&site, &work, "ada").await;
    assert_eq!(status(&site.client(), call("tell")).await, 503);
    work.let_go(1);
    assert_eq!(held.await.unwrap(), 200);
}

#[tokio::test]
async fn one_caller_takes_no_more_than_its_share() {
    let work = Work::new();
    let site = site(&work, ConcurrencyConfig::new(9).per_principal(1)).await;
    let held = hold(&site, &work, "ada").await;
    assert_eq!(status(&site.client(), call("tell").header("Authorization", "ada")).await, 503);
    assert_eq!(status(&site.client(), call("tell").header("Authorization", "bob")).await, 200);
    work.let_go(1);
    assert_eq!(held.await.unwrap(), 200);
    assert_eq!(status(&site.client(), call("tell").header("Authorization", "ada")).await, 200);
}

#[tokio::test]
async fn callers_of_whom_nobody_knows_who_they_are_are_told_by_their_addresses() {
    let work = Work::new();
    let config = ConcurrencyConfig {
        max_per_principal: Some(1),
        trusted_proxies: TrustedProxies::new(["127.0.0.1"]),
        ..ConcurrencyConfig::default()
    };
    let site = site(&work, config).await;
    let from = |tool: &str, address: &str| call(tool).header("X-Forwarded-For", address);
    let (client, request) = (site.client(), from("wait", "203.0.113.1"));
    let held = tokio::spawn(async move { status(&client, request).await });
    work.begun(1).await;
    assert_eq!(status(&site.client(), from("tell", "203.0.113.1")).await, 503);
    assert_eq!(status(&site.client(), from("tell", "203.0.113.2")).await, 200);
    work.let_go(1);
    assert_eq!(held.await.unwrap(), 200);
}

#[tokio::test]
async fn one_tool_takes_no_more_than_its_share() {
    let work = Work::new();
    let site = site(&work, ConcurrencyConfig::new(9).tool("wait", 1)).await;
    let held = hold(&site, &work, "ada").await;
    assert_eq!(status(&site.client(), call("wait")).await, 503);
    assert_eq!(status(&site.client(), call("tell")).await, 200);
    work.let_go(1);
    assert_eq!(held.await.unwrap(), 200);
}

#[tokio::test]
async fn whoever_waits_for_its_own_places_holds_none_of_a_tool() {
    let work = Work::new();
    let overload = Overload::Queue { places: 9, longest: Duration::from_secs(60) };
    let site = site(&work, ConcurrencyConfig::new(9).per_principal(1).tool("tell", 1).overload(overload)).await;
    let held = hold(&site, &work, "ada").await;
    let client = site.client();
    let mut waits = std::pin::pin!(status(&client, call("tell").header("Authorization", "ada")));
    tokio::select! {
        _ = &mut waits => panic!("there is no place"),
        () = tokio::time::sleep(Duration::from_millis(20)) => {}
    }
    assert_eq!(status(&site.client(), call("tell").header("Authorization", "bob")).await, 200);
    work.let_go(1);
    assert_eq!((held.await.unwrap(), waits.await), (200, 200));
}

#[tokio::test]
async fn whoever_waits_for_a_task_takes_no_place() {
    let work = Work::new();
    let server = work.server(MiddlewareStack::new().with_concurrency(ConcurrencyConfig::new(1)));
    let site = Site::start(&server).await;
    let session = site.legacy("2025-11-25", json!({})).await;
    let held = hold(&site, &work, "ada").await;
    assert_eq!(session.call("tools/list", json!({})).await["error"]["code"], 503);
    // There is no such task, which is what is found out.
    let answer = session.call("tasks/result", json!({"taskId": "none"})).await;
    assert_ne!(answer["error"]["code"], 503, "{answer}");
    work.let_go(1);
    assert_eq!(held.await.unwrap(), 200);
}

#[tokio::test]
async fn a_call_that_becomes_a_task_keeps_the_place_of_its_tool_until_that_is_over() {
    let work = Work::new();
    let waiting = work.clone();
    let job = FnTool::new(move |_: Arguments| {
        let work = waiting.clone();
        async move {
            work.runs.fetch_add(1, Ordering::SeqCst);
            work.gate.acquire().await.unwrap().forget();
            "done"
        }
    });
    let stack = MiddlewareStack::new().with_concurrency(ConcurrencyConfig::new(1).tool("job", 1));
    let server = work.builder().tasks(TaskConfig::new()).unwrap().tool("job", job.task(ToolTask::optional())).unwrap();
    let server = server.with_middleware_stack(stack).unwrap().build();
    let client = turbomcp::client::Client::connect(&server).await.unwrap();
    let mut task = client.call_tool_as_task("job", json!({})).await.unwrap();
    work.begun(1).await;
    let error = client.call_tool_as_task("job", json!({})).await.unwrap_err();
    assert_eq!(error.code(), Some(turbomcp::ErrorCode::UNAVAILABLE));
    // The only place there is for requests is not taken by it.
    assert_eq!(client.call_tool("tell", json!({})).await.unwrap().content[0].as_text(), Some("run 2"));
    work.let_go(1);
    while !task.is_over() {
        task.refresh().await.unwrap();
    }
    work.let_go(1);
    let task = client.call_tool_as_task("job", json!({})).await.unwrap();
    assert_eq!(task.result().await.unwrap().content[0].as_text(), Some("done"));
    // Whatever ends it, and however soon.
    let mut task = client.call_tool_as_task("job", json!({})).await.unwrap();
    task.cancel().await.unwrap();
    work.let_go(1);
    while client.call_tool_as_task("job", json!({})).await.is_err() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
