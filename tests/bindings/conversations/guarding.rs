//! What the layers of the server do around every request.

use std::time::Duration;

use serde_json::{Value, json};
use turbomcp_tests::stage::{Around, Order};

use crate::site::{Scene, Site, failure, said, soon, text};

async fn site(scene: &Scene, around: Around) -> Site {
    scene.site_of(|plan| plan.around = Some(around)).await
}

fn now() -> Value {
    json!({"waits": false})
}

fn later() -> Value {
    json!({"waits": true})
}

pub async fn what_is_ordinary_passes_a_whole_stack(scene: Scene) {
    let around = Around { production: true, words: true, cache: true, single_flight: true, ..Around::default() };
    let site = site(&scene, around).await;
    let client = site.client().await;
    for number in 0..5 {
        assert_eq!(said(&client, "add", json!({"a": number, "b": 2})).await, (number + 2).to_string());
    }
    let tools = soon(client.list_tools().all()).await.unwrap();
    assert!(tools.iter().any(|tool| tool.name == "tally"));
    let greeting = said(&client, "greeting", json!({})).await;
    assert_eq!(greeting, "welcome to tools/call", "layers of users are within");
}

pub async fn a_stack_in_which_nothing_is_on_lets_everything_through(scene: Scene) {
    let site = site(&scene, Around::default()).await;
    let client = site.client().await;
    for number in 1..=30 {
        assert_eq!(said(&client, "tally", now()).await, number.to_string());
    }
    let error = failure(client.call_tool("panic", ())).await;
    assert_eq!(error.as_mcp().unwrap().message(), "internal error");
    assert_eq!(said(&client, "add", json!({"a": 1, "b": 2, "c": 3})).await, "3");
}

pub async fn who_calls_too_often_is_told_when_to_come_back(scene: Scene) {
    let site = site(&scene, Around { calls_of_a_tool: Some(2), ..Around::default() }).await;
    let client = site.client().await;
    for number in 1..=2 {
        assert_eq!(said(&client, "tally", now()).await, number.to_string());
    }
    let error = failure(client.call_tool("tally", now())).await;
    let error = error.as_mcp().unwrap();
    assert_eq!((error.code().0, error.message()), (429, "too many requests"));
    assert!(error.data().unwrap()["retryAfterMs"].as_u64().unwrap() > 1000, "{error:?}");
    site.counted(|counts| counts.recorded.get("tools/call failure 429") == Some(&1)).await;
    // Nothing within has heard of it, and other tools are called as before.
    assert_eq!(said(&client, "add", json!({"a": 1, "b": 2})).await, "3");
    site.counted(|counts| (counts.tallied, counts.requests["tools/call"]) == (2, 3)).await;
}

pub async fn what_takes_longer_than_its_layer_allows_fails(scene: Scene) {
    let site = site(&scene, Around { hold_timeout: Some(Duration::from_millis(50)), ..Around::default() }).await;
    let client = site.client().await;
    let error = failure(client.call_tool("hold", ())).await;
    assert_eq!(error.as_mcp().unwrap().message(), "the request ran out of time");
    site.counted(|counts| counts.let_go == 1).await;
    site.counted(|counts| counts.recorded.get("tools/call failure -32603") == Some(&1)).await;
    assert_eq!(said(&client, "tally", now()).await, "1");
}

pub async fn what_there_is_no_place_for_is_refused(scene: Scene) {
    let site = site(&scene, Around { holds_at_once: Some(1), ..Around::default() }).await;
    let client = site.client().await;
    let held = client.call_tool("hold", ()).into_future();
    let refused = async {
        site.counted(|counts| counts.held == 1).await;
        let error = failure(client.call_tool("hold", ())).await;
        assert_eq!(error.code().unwrap().0, 503, "{error}");
        assert_eq!(error.as_mcp().unwrap().data(), Some(&json!({"retryAfterMs": 1000})));
        assert_eq!(said(&client, "tally", now()).await, "1");
    };
    tokio::select! {
        held = held => panic!("{held:?}"),
        () = refused => {}
    }
    site.counted(|counts| counts.recorded.get("tools/call failure 503") == Some(&1)).await;
}

pub async fn errors_are_put_in_other_words(scene: Scene) {
    let site = site(&scene, Around { words: true, ..Around::default() }).await;
    let client = site.client().await;
    for (tool, code) in [("panic", 503), ("panic_late", 503), ("forbidden", 401)] {
        let error = failure(client.call_tool(tool, ())).await;
        let error = error.as_mcp().unwrap();
        assert_eq!((error.code().0, error.message()), (code, "in other words"), "{tool}");
    }
}

pub async fn a_result_is_kept(scene: Scene) {
    let site = site(&scene, Around { cache: true, ..Around::default() }).await;
    let client = site.client().await;
    for (arguments, expected) in [(now(), "1"), (now(), "1"), (json!({"waits": false, "other": 1}), "2"), (now(), "1")]
    {
        assert_eq!(said(&client, "tally", arguments).await, expected);
    }
    site.counted(|counts| counts.tallied == 2).await;
}

pub async fn calls_that_are_the_same_run_once(scene: Scene) {
    let site = site(&scene, Around { single_flight: true, ..Around::default() }).await;
    let client = site.client().await;
    let order = async {
        site.counted(|counts| counts.arrived == 2).await;
        site.order(Order::LetGo(1)).await;
    };
    let (first, second) = (client.call_tool("tally", later()), client.call_tool("tally", later()));
    let (first, second, ()) = tokio::join!(soon(first.into_future()), soon(second.into_future()), order);
    assert_eq!((text(&first.unwrap()), text(&second.unwrap())), ("1", "1"));
    site.counted(|counts| counts.arrived == 2 && counts.tallied == 1).await;
}

pub async fn arguments_are_held_against_all_that_schemas_say(scene: Scene) {
    let site = site(&scene, Around { strict: true, ..Around::default() }).await;
    let client = site.client().await;
    let arguments = json!({"a": 1, "b": 2, "c": 3});
    let result = soon(client.call_tool("add", arguments).into_future()).await.unwrap();
    assert!(result.is_error() && text(&result).contains("`c`"), "{result:?}");
}

pub async fn what_is_done_is_recorded(scene: Scene) {
    let site = site(&scene, Around::default()).await;
    let client = site.client().await;
    said(&client, "add", json!({"a": 1, "b": 2})).await;
    soon(client.call_tool("fail", ()).into_future()).await.unwrap();
    failure(client.call_tool("forbidden", ())).await;
    {
        let held = client.call_tool("hold", ()).into_future();
        tokio::select! {
            held = held => panic!("{held:?}"),
            () = site.counted(|counts| counts.held == 1) => {}
        }
    }
    site.counted(|counts| counts.recorded.get("tools/call cancelled") == Some(&1)).await;
    for (ended, times) in [("tools/call success", 1), ("tools/call failure", 1), ("tools/call unauthenticated 401", 1)]
    {
        site.counted(|counts| counts.recorded.get(ended) == Some(&times)).await;
    }
}
