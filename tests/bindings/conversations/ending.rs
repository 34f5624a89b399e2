//! Ends: in good order, by being killed, and by halves.

use std::time::Duration;

use serde_json::json;
use turbomcp::client::Client;
use turbomcp::types::SubscriptionFilter;
use turbomcp_tests::stage::Order;

use crate::relay::Flow;
use crate::site::{Scene, Site, failure, said, soon, text};

/// Calls what never ends, and waits until it has begun.
async fn hold(
    site: &Site,
    client: &Client,
) -> tokio::task::JoinHandle<Result<turbomcp::types::CallToolResult, turbomcp::client::Error>> {
    let held = site.counts().held;
    let call = tokio::spawn(client.call_tool("hold", ()).into_future());
    site.counted(|counts| counts.held == held + 1).await;
    call
}

pub async fn who_has_closed_calls_no_more(scene: Scene) {
    let (_site, client) = scene.client().await;
    let other = client.clone();
    soon(client.close()).await;
    assert!(client.is_closed() && other.is_closed());
    for client in [client, other] {
        let error = failure(client.call_tool("add", json!({"a": 1, "b": 1}))).await;
        assert!(error.is_closed(), "{error:?}");
    }
}

pub async fn closing_fails_open_calls_and_lets_them_go(scene: Scene) {
    let (site, client) = scene.client().await;
    let call = hold(&site, &client).await;
    soon(client.close()).await;
    let error = failure(async { call.await.unwrap() }).await;
    assert!(error.is_closed(), "{error:?}");
    site.counted(|counts| counts.let_go == 1).await;
}

pub async fn dropping_the_client_lets_its_calls_go(scene: Scene) {
    let (site, client) = scene.client().await;
    let call = hold(&site, &client).await;
    drop(client);
    call.abort();
    site.counted(|counts| counts.let_go == 1).await;
}

pub async fn a_server_that_shuts_down_answers_what_is_under_way(scene: Scene) {
    let (site, client) = scene.client().await;
    let (begun, mut beginning) = tokio::sync::mpsc::channel(1);
    let call = client.call_tool("wait", json!({"ms": 150})).on_progress(move |_| {
        let _ = begun.try_send(());
    });
    let call = tokio::spawn(call.into_future());
    soon(beginning.recv()).await.unwrap();
    site.order(Order::Shutdown).await;
    assert_eq!(text(&soon(call).await.unwrap().unwrap()), "done");
    site.ended().await;
}

pub async fn a_server_that_shuts_down_tells_what_it_cannot_wait_for(scene: Scene) {
    let site = scene.site_of(|plan| plan.shutdown = Duration::from_millis(100)).await;
    let client = site.client().await;
    let call = hold(&site, &client).await;
    site.order(Order::Shutdown).await;
    let error = failure(async { call.await.unwrap() }).await;
    let message = error.as_mcp().map(|error| error.message());
    assert_eq!(message, Some("the server has ended before the request was done"), "{error:?}");
    site.ended().await;
}

pub async fn an_idle_server_shuts_down_at_once(scene: Scene) {
    let (site, client) = scene.client().await;
    assert_eq!(said(&client, "add", json!({"a": 1, "b": 1})).await, "2");
    site.order(Order::Shutdown).await;
    site.ended().await;
    assert!(failure(client.call_tool("add", json!({"a": 1, "b": 1}))).await.as_mcp().is_none());
}

pub async fn a_shutdown_ends_subscriptions(scene: Scene) {
    let (site, client) = scene.client().await;
    let filter = SubscriptionFilter::new().with_tools_list_changed(true);
    let mut subscription = soon(client.subscribe(filter)).await.unwrap();
    site.order(Order::Shutdown).await;
    // In good order where the era has an end for it, and with the connection where it has not.
    match soon(subscription.next()).await {
        None => assert!(site.is_modern()),
        Some(end) => assert!(end.unwrap_err().is_closed()),
    }
    site.ended().await;
}

pub async fn a_client_that_is_killed_has_cancelled_its_calls(scene: Scene) {
    let site = scene.site().await;
    let relay = site.relay().await;
    let client = site.through(&relay, site.builder()).await;
    let calls = [hold(&site, &client).await, hold(&site, &client).await];
    relay.cut();
    site.counted(|counts| counts.let_go == 2).await;
    for call in calls {
        assert!(failure(async { call.await.unwrap() }).await.is_closed());
    }
}

pub async fn a_client_that_is_killed_leaves_the_others(scene: Scene) {
    let site = scene.site().await;
    let relay = site.relay().await;
    let killed = site.through(&relay, site.builder()).await;
    let other = site.client().await;
    let _call = hold(&site, &killed).await;
    let beside = tokio::spawn(other.call_tool("wait", json!({"ms": 100})).into_future());
    relay.cut();
    assert_eq!(text(&soon(beside).await.unwrap().unwrap()), "done");
    assert_eq!(said(&other, "add", json!({"a": 1, "b": 1})).await, "2");
}

pub async fn a_server_that_is_killed_fails_open_calls(scene: Scene) {
    let (site, client) = scene.client().await;
    let call = hold(&site, &client).await;
    site.kill();
    let error = failure(async { call.await.unwrap() }).await;
    assert!(error.is_closed(), "{error:?}");
    let error = failure(client.call_tool("add", json!({"a": 1, "b": 1}))).await;
    assert!(error.is_closed() || error.is_connect(), "{error:?}");
}

pub async fn a_server_that_is_killed_ends_subscriptions(scene: Scene) {
    let (site, client) = scene.client().await;
    let filter = SubscriptionFilter::new().with_tools_list_changed(true);
    let mut subscription = soon(client.subscribe(filter)).await.unwrap();
    site.kill();
    let end = soon(subscription.next()).await.expect("it is no end in good order");
    assert!(end.unwrap_err().is_closed());
}

pub async fn an_answer_that_breaks_off_fails_its_call(scene: Scene) {
    let site = scene.site().await;
    let relay = site.relay().await;
    let client = site.through(&relay, site.builder()).await;
    relay.cut_after(200_000);
    let error = failure(client.call_tool("large", json!({"bytes": 2 << 20}))).await;
    assert!(error.is_closed(), "{error:?}");
}

pub async fn a_server_that_ends_its_half_fails_open_calls(scene: Scene) {
    let site = scene.site().await;
    let relay = site.relay().await;
    let client = site.through(&relay, site.builder()).await;
    let call = hold(&site, &client).await;
    relay.to_client(Flow::Ended);
    let error = failure(async { call.await.unwrap() }).await;
    assert!(error.is_closed(), "{error:?}");
}

pub async fn a_client_that_ends_its_half_is_answered(scene: Scene) {
    let site = scene.site_of(|plan| plan.end_of_input = Duration::from_secs(20)).await;
    let mut peer = site.raw().await;
    peer.call(site.era, 7, "wait", json!({"ms": 50})).await;
    peer.finish().await;
    let answer = soon(peer.hear()).await.expect("what was asked is answered");
    assert_eq!((&answer["id"], &answer["result"]["content"][0]["text"]), (&json!(7), &json!("done")));
    assert!(soon(peer.hear()).await.is_none(), "the server ends its half, too");
}
