//! One answer for calls that are the same: F195.

use serde_json::json;
use turbomcp::layers::{MiddlewareStack, SingleFlightConfig, Which};
use turbomcp::{Middleware, MiddlewareResult, Next, Response};
use turbomcp_tests::{Request, Site};

use super::{ByName, Names, Work, call, call_with};

fn stack() -> MiddlewareStack {
    MiddlewareStack::new().with_auth(ByName::default()).with_single_flight(SingleFlightConfig::default())
}

fn send(site: &Site, request: Request) -> tokio::task::JoinHandle<serde_json::Value> {
    let client = site.client();
    tokio::spawn(async move { client.send(request).await.message().await })
}

/// Waits until requests that were sent are where they will wait.
async fn settle(site: &Site) {
    // On one thread whatever can go on does so while something else is answered.
    for _ in 0..5 {
        site.client().send(call("tell")).await;
    }
}

#[tokio::test]
async fn f195_calls_that_are_the_same_run_once() {
    let work = Work::new();
    let site = Site::start(&work.server(stack())).await;
    let ada = |arguments| call_with("peek", arguments).header("Authorization", "ada");
    let first = send(&site, ada(json!({"a": 1, "b": 2})));
    work.begun(1).await;
    let second = send(&site, ada(json!({"b": 2, "a": 1})));
    settle(&site).await;
    let before = work.runs();
    work.let_go(1);
    let (first, second) = (first.await.unwrap(), second.await.unwrap());
    assert_eq!((crate::text(&first), crate::text(&second)), ("run 1", "run 1"));
    assert_eq!(work.runs(), before);
}

#[tokio::test]
async fn f195_another_caller_runs_for_itself() {
    let work = Work::new();
    let site = Site::start(&work.server(stack())).await;
    let mut all = Vec::new();
    for (at, request) in [
        call("peek").header("Authorization", "ada"),
        call("peek").header("Authorization", "bob"),
        call("peek").header("Authorization", "ada@acme"),
        call("peek"),
        call_with("peek", json!({"a": 1})),
        // This one does not say that it changes nothing.
        call("wait"),
        call("wait"),
    ]
    .into_iter()
    .enumerate()
    {
        all.push(send(&site, request));
        work.begun(u64::try_from(at).unwrap() + 1).await;
    }
    work.let_go(all.len());
    for one in all {
        assert!(crate::text(&one.await.unwrap()).starts_with("run"));
    }
}

#[tokio::test]
async fn f195_a_caller_who_leaves_hands_over() {
    let work = Work::new();
    let site = Site::start(&work.server(stack())).await;
    let leaves = send(&site, call("peek"));
    work.begun(1).await;
    let stays = send(&site, call("peek"));
    settle(&site).await;
    let before = work.runs();
    leaves.abort();
    work.begun(before + 1).await;
    work.let_go(1);
    assert_eq!(crate::text(&stays.await.unwrap()), format!("run {}", before + 1));
}

#[tokio::test]
async fn f195_tools_are_named_where_they_do_not_say_so() {
    let work = Work::new();
    let config = SingleFlightConfig { tools: Which::named(["wait"]) };
    let site = Site::start(&work.server(MiddlewareStack::new().with_single_flight(config))).await;
    let first = send(&site, call("wait"));
    work.begun(1).await;
    let second = send(&site, call("wait"));
    settle(&site).await;
    // Those that were not named are on their own.
    let (third, fourth) = (send(&site, call("peek")), send(&site, call("peek")));
    work.begun(1 + 5 + 2).await;
    work.let_go(3);
    for one in [first, second] {
        assert_eq!(crate::text(&one.await.unwrap()), "run 1");
    }
    assert_ne!(crate::text(&third.await.unwrap()), crate::text(&fourth.await.unwrap()));
}

#[tokio::test]
async fn f195_what_a_layer_inside_has_found_out_keeps_results_from_strangers() {
    let work = Work::new();
    let stack = MiddlewareStack::new().with_single_flight(SingleFlightConfig::default());
    let server = work.builder().middleware(Names).with_middleware_stack(stack).unwrap().build();
    let site = Site::start(&server).await;
    let ada = send(&site, call("peek").header("X-Name", "ada@acme"));
    work.begun(1).await;
    let stranger = send(&site, call("peek"));
    // Nor does the stranger wait for a result that is not for strangers.
    work.begun(2).await;
    work.let_go(2);
    assert_eq!(crate::text(&ada.await.unwrap()), "run 1");
    assert_eq!(crate::text(&stranger.await.unwrap()), "run 2");
}

#[tokio::test]
async fn f195_whoever_waits_goes_on_once_a_layer_inside_says_who_calls() {
    let work = Work::new();
    let stack = MiddlewareStack::new().with_single_flight(SingleFlightConfig::default());
    let server = work.builder().middleware(Slowly).middleware(Names).with_middleware_stack(stack).unwrap().build();
    let site = Site::start(&server).await;
    // Until it is known that somebody is asked who calls, one waits for the other; both wait for the same door.
    let all = ["ada@acme", "bob@acme", "cyd@acme"].map(|name| send(&site, call("peek").header("X-Name", name)));
    work.begun(3).await;
    work.let_go(3);
    let mut runs = Vec::new();
    for one in all {
        runs.push(crate::text(&one.await.unwrap()).to_owned());
    }
    runs.sort();
    assert_eq!(runs, ["run 1", "run 2", "run 3"]);
}

/// Takes its time before anybody is asked.
struct Slowly;

impl Middleware for Slowly {
    async fn process(&self, request: turbomcp::Request, next: Next) -> MiddlewareResult<Response> {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        next.run(request).await
    }
}
