//! What the layers of the server do around every request.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use turbomcp::client::Client;
use turbomcp_tests::stage::{Around, Counts, Order, Store, Users};

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

/// Asks for what knows only some users, and so much else as there is around.
fn known(users: Users) -> Around {
    Around { users: Some(users), ..Around::default() }
}

pub async fn whoever_says_who_it_is_is_let_in_and_known(scene: Scene) {
    let site = site(&scene, known(Users::Own)).await;
    let target = site.known().await.expect("the binding says who somebody is");
    let client = soon(site.builder().connect(target)).await.unwrap();
    assert_eq!(said(&client, "add", json!({"a": 1, "b": 2})).await, "3");
    assert_eq!(said(&client, "caller", json!({})).await, "ada");
    site.counted(|counts| counts.recorded.get("tools/call success by ada") == Some(&2)).await;
    site.measured("auth", 0).await;
}

pub async fn whoever_does_not_is_let_in_nowhere(scene: Scene) {
    let site = site(&scene, known(Users::Others)).await;
    for _ in 0..2 {
        let error = soon(site.connect(site.builder())).await.unwrap_err();
        assert!(error.as_mcp().is_none_or(|error| error.code().0 == 401), "{error:?}");
    }
    assert_eq!(site.counts().requests.get("tools/call"), None);
}

pub async fn whoever_is_turned_away_is_recorded_and_counted(scene: Scene) {
    let site = site(&scene, known(Users::Others)).await;
    soon(site.connect(site.builder())).await.unwrap_err();
    let turned_away = |counts: &Counts| counts.recorded.get("authenticate unauthenticated 401").copied();
    site.counted(|counts| turned_away(counts) > Some(0)).await;
    // Our client may ask more than once; each time is one.
    site.measured("auth", turned_away(&site.counts()).unwrap().into()).await;
}

pub async fn without_the_layer_nobody_is_asked(scene: Scene) {
    let site = site(&scene, Around::default()).await;
    let client = site.client().await;
    assert_eq!(said(&client, "caller", json!({})).await, "nobody");
    site.measured("auth", 0).await;
}

/// Sends a request, and returns the head of what is answered.
async fn head(site: &Site) -> String {
    let mut stream = site.dial().await;
    let request = "GET /nowhere HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n";
    soon(stream.write_all(request.as_bytes())).await.unwrap();
    let mut answer = Vec::new();
    soon(stream.read_to_end(&mut answer)).await.unwrap();
    let answer = String::from_utf8(answer).unwrap().to_ascii_lowercase();
    answer.split("\r\n\r\n").next().unwrap_or_default().to_owned()
}

pub async fn responses_have_headers_for_browsers(scene: Scene) {
    let site = site(&scene, Around { headers: true, ..Around::default() }).await;
    let dressed = head(&site).await;
    for header in ["x-content-type-options: nosniff", "x-frame-options: deny", "content-security-policy: "] {
        assert!(dressed.contains(header), "{header} is not in {dressed}");
    }
    // What is carried beneath them is as it was.
    let client = site.client().await;
    assert_eq!(said(&client, "add", json!({"a": 1, "b": 2})).await, "3");
}

pub async fn without_the_layer_responses_have_no_such_headers(scene: Scene) {
    let site = site(&scene, Around::default()).await;
    let plain = head(&site).await;
    for header in ["x-content-type-options", "x-frame-options", "content-security-policy"] {
        assert!(!plain.contains(header), "{header} is in {plain}");
    }
}

pub async fn what_is_ordinary_passes_a_whole_stack(scene: Scene) {
    let around = Around {
        production: true,
        words: true,
        cache: true,
        single_flight: true,
        once: true,
        calls_of_a_tool: Some(100),
        counted_in: Some(Store::Working),
        ..Around::default()
    };
    let site = site(&scene, around).await;
    let client = site.client().await;
    for number in 0..5 {
        assert_eq!(said(&client, "add", json!({"a": number, "b": 2})).await, (number + 2).to_string());
    }
    let tools = soon(client.list_tools().all()).await.unwrap();
    assert!(tools.iter().any(|tool| tool.name == "tally"));
    for _ in 0..2 {
        assert_eq!(said_once(&client, "one").await, "1");
    }
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
    two_calls_pass(&site).await;
    assert_eq!(site.counts().taken, 0, "no store was asked");
}

pub async fn who_calls_too_often_by_the_count_of_a_store_is_told_when_to_come_back(scene: Scene) {
    let around = Around { calls_of_a_tool: Some(2), counted_in: Some(Store::Working), ..Around::default() };
    let site = site(&scene, around).await;
    // It stays: with it, its process does.
    let _client = two_calls_pass(&site).await;
    // The store was asked about every call, and about nothing else.
    assert_eq!(site.counts().taken, 4);
    site.measured("uncounted", 0).await;
}

pub async fn what_the_store_cannot_count_is_refused(scene: Scene) {
    let around = Around { calls_of_a_tool: Some(2), counted_in: Some(Store::Lost), ..Around::default() };
    let site = site(&scene, around).await;
    let client = site.client().await;
    for _ in 0..3 {
        let error = failure(client.call_tool("tally", now())).await;
        assert_eq!(error.code().unwrap().0, 503, "{error}");
    }
    site.counted(|counts| counts.recorded.get("tools/call failure 503") == Some(&3)).await;
    site.measured("errors", 3).await;
    site.measured("uncounted", 3).await;
    assert_eq!((site.counts().tallied, site.counts().requests.get("tools/call")), (0, None));
}

/// Calls a tool of which two calls are let through.
async fn two_calls_pass(site: &Site) -> Client {
    let client = site.client().await;
    for number in 1..=2 {
        assert_eq!(said(&client, "tally", now()).await, number.to_string());
    }
    let error = failure(client.call_tool("tally", now())).await;
    let error = error.as_mcp().unwrap();
    assert_eq!((error.code().0, error.message()), (429, "too many requests"));
    assert!(error.data().unwrap()["retryAfterMs"].as_u64().unwrap() > 1000, "{error:?}");
    site.counted(|counts| counts.recorded.get("tools/call failure 429") == Some(&1)).await;
    site.measured("errors", 1).await;
    // Nothing within has heard of it, and other tools are called as before.
    assert_eq!(said(&client, "add", json!({"a": 1, "b": 2})).await, "3");
    site.counted(|counts| (counts.tallied, counts.requests["tools/call"]) == (2, 3)).await;
    client
}

pub async fn what_takes_longer_than_its_layer_allows_fails(scene: Scene) {
    let site = site(&scene, Around { hold_timeout: Some(Duration::from_millis(50)), ..Around::default() }).await;
    let client = site.client().await;
    let error = failure(client.call_tool("hold", ())).await;
    assert_eq!(error.as_mcp().unwrap().message(), "the request ran out of time");
    site.counted(|counts| counts.let_go == 1).await;
    site.counted(|counts| counts.recorded.get("tools/call failure -32603") == Some(&1)).await;
    site.measured("timeouts", 1).await;
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
    site.measured("errors", 1).await;
}

pub async fn errors_are_put_in_other_words(scene: Scene) {
    let site = site(&scene, Around { words: true, ..Around::default() }).await;
    let client = site.client().await;
    for (tool, code) in [("panic", 503), ("panic_late", 503), ("forbidden", 401)] {
        let error = failure(client.call_tool(tool, ())).await;
        let error = error.as_mcp().unwrap();
        assert_eq!((error.code().0, error.message()), (code, "in other words"), "{tool}");
    }
    // The record and the metrics have what clients are told.
    site.counted(|counts| counts.recorded.get("tools/call failure 503") == Some(&2)).await;
    site.measured("errors", 3).await;
}

pub async fn a_result_is_kept(scene: Scene) {
    let site = site(&scene, Around { cache: true, ..Around::default() }).await;
    let client = site.client().await;
    for (arguments, expected) in [(now(), "1"), (now(), "1"), (json!({"waits": false, "other": 1}), "2"), (now(), "1")]
    {
        assert_eq!(said(&client, "tally", arguments).await, expected);
    }
    // A result that is kept is recorded and counted as any other.
    site.counted(|counts| counts.tallied == 2 && counts.recorded.get("tools/call success") == Some(&4)).await;
    site.measured("errors", 0).await;
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
    site.counted(|counts| counts.recorded.get("tools/call success") == Some(&2)).await;
    site.measured("errors", 0).await;
}

fn once() -> Around {
    Around { once: true, ..Around::default() }
}

/// Calls a tool that counts by a key, and returns what it says.
async fn said_once(client: &Client, key: &str) -> String {
    let result = soon(client.call_tool("tally", now()).idempotency_key(key).into_future()).await.unwrap();
    text(&result).to_owned()
}

pub async fn a_call_that_is_sent_again_by_its_key_is_run_once(scene: Scene) {
    let site = site(&scene, once()).await;
    let client = site.client().await;
    for (key, expected) in [("one", "1"), ("one", "1"), ("two", "2"), ("one", "1")] {
        assert_eq!(said_once(&client, key).await, expected, "{key}");
    }
    // Without a key, each is a call of its own.
    for expected in ["3", "4"] {
        assert_eq!(said(&client, "tally", now()).await, expected);
    }
    // An answer that was kept is recorded and counted as any other.
    site.counted(|counts| counts.tallied == 4 && counts.recorded.get("tools/call success") == Some(&6)).await;
    assert_eq!(site.counts().requests["tools/call"], 4, "nothing within has heard of the others");
    site.measured("errors", 0).await;
}

pub async fn a_call_that_is_sent_again_over_another_connection_is_run_once(scene: Scene) {
    let site = site(&scene, once()).await;
    for _ in 0..2 {
        assert_eq!(said_once(&site.client().await, "one").await, "1");
    }
    site.counted(|counts| counts.recorded.get("tools/call success") == Some(&2)).await;
    assert_eq!(site.counts().tallied, 1);
}

pub async fn calls_with_the_same_key_at_the_same_time_run_once(scene: Scene) {
    let site = site(&scene, once()).await;
    let client = site.client().await;
    let call = || soon(client.call_tool("tally", later()).idempotency_key("one").into_future());
    let order = async {
        site.counted(|counts| counts.tallied == 1).await;
        site.order(Order::LetGo(1)).await;
    };
    let (first, second, ()) = tokio::join!(call(), call(), order);
    assert_eq!((text(&first.unwrap()), text(&second.unwrap())), ("1", "1"));
    site.counted(|counts| counts.recorded.get("tools/call success") == Some(&2)).await;
    assert_eq!(site.counts().tallied, 1);
}

pub async fn a_key_that_was_given_to_another_call_is_refused(scene: Scene) {
    let site = site(&scene, once()).await;
    let client = site.client().await;
    assert_eq!(said_once(&client, "one").await, "1");
    let other = json!({"waits": false, "other": 1});
    let error = failure(client.call_tool("tally", other).idempotency_key("one")).await;
    let error = error.as_mcp().unwrap();
    assert_eq!((error.code().0, error.message()), (-32602, "the idempotency key was used for another call"));
    site.counted(|counts| counts.recorded.get("tools/call failure -32602") == Some(&1)).await;
    site.measured("validation", 1).await;
    // It has changed nothing about the call that has the key.
    assert_eq!(said_once(&client, "one").await, "1");
    assert_eq!(site.counts().tallied, 1);
}

pub async fn a_call_with_a_key_that_was_cancelled_is_not_run_again(scene: Scene) {
    let site = site(&scene, once()).await;
    let client = site.client().await;
    {
        let held = client.call_tool("hold", ()).idempotency_key("one").into_future();
        tokio::select! {
            held = held => panic!("{held:?}"),
            () = site.counted(|counts| counts.held == 1) => {}
        }
    }
    site.counted(|counts| counts.let_go == 1).await;
    let error = failure(client.call_tool("hold", ()).idempotency_key("one")).await;
    let error = error.as_mcp().unwrap();
    let unknown = "a call with this idempotency key was begun, and how it ended is not known";
    assert_eq!((error.code().0, error.message()), (-32603, unknown));
    site.counted(|counts| counts.recorded.get("tools/call failure -32603") == Some(&1)).await;
    assert_eq!(site.counts().held, 1);
}

pub async fn without_the_layer_a_key_is_nothing(scene: Scene) {
    let site = site(&scene, Around::default()).await;
    let client = site.client().await;
    for expected in ["1", "2", "3"] {
        assert_eq!(said_once(&client, "one").await, expected);
    }
}

pub async fn arguments_are_held_against_all_that_schemas_say(scene: Scene) {
    let site = site(&scene, Around { strict: true, ..Around::default() }).await;
    let client = site.client().await;
    let arguments = json!({"a": 1, "b": 2, "c": 3});
    let result = soon(client.call_tool("add", arguments).into_future()).await.unwrap();
    assert!(result.is_error() && text(&result).contains("`c`"), "{result:?}");
    site.counted(|counts| counts.recorded.get("tools/call failure") == Some(&1)).await;
    site.measured("validation", 1).await;
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
