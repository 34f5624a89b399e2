//! Changes, and who hears of them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use turbomcp::client::{Change, Subscription};
use turbomcp::types::SubscriptionFilter;
use turbomcp_tests::stage::Order;

use crate::site::{Scene, soon};

fn tools() -> SubscriptionFilter {
    SubscriptionFilter::new().with_tools_list_changed(true)
}

fn resources(uris: &[&str]) -> SubscriptionFilter {
    SubscriptionFilter::new().with_resource_subscriptions(uris.iter().map(|uri| (*uri).to_owned()).collect::<Vec<_>>())
}

fn added(name: &str) -> Order {
    Order::AddTool(name.to_owned())
}

fn updated(uri: &str) -> Order {
    Order::Updated(uri.to_owned())
}

async fn next(subscription: &mut Subscription) -> Change {
    soon(subscription.next()).await.expect("the subscription goes on").unwrap()
}

fn resource(uri: &str) -> Change {
    Change::Resource { uri: uri.to_owned() }
}

pub async fn a_change_right_after_subscribing_is_heard(scene: Scene) {
    let (site, client) = scene.client().await;
    let mut subscription = soon(client.subscribe(tools())).await.unwrap();
    site.order(added("new")).await;
    assert_eq!(next(&mut subscription).await, Change::Tools);
}

pub async fn every_list_is_reported(scene: Scene) {
    let (site, client) = scene.client().await;
    let filter = tools().with_prompts_list_changed(true).with_resources_list_changed(true);
    let mut subscription = soon(client.subscribe(filter.clone())).await.unwrap();
    assert_eq!(*subscription.filter(), filter);
    for (order, change) in [
        (added("new"), Change::Tools),
        (Order::AddPrompt("new".to_owned()), Change::Prompts),
        (Order::AddResource("test://new".to_owned()), Change::Resources),
    ] {
        site.order(order).await;
        assert_eq!(next(&mut subscription).await, change);
    }
}

pub async fn several_changes_are_heard_in_order(scene: Scene) {
    let (site, client) = scene.client().await;
    let uris = ["test://item/1", "test://item/2", "test://fixed"];
    let mut subscription = soon(client.subscribe(resources(&uris))).await.unwrap();
    for uri in uris.iter().cycle().take(30) {
        site.order(updated(uri)).await;
    }
    for uri in uris.iter().cycle().take(30) {
        assert_eq!(next(&mut subscription).await, resource(uri));
    }
}

pub async fn only_what_was_asked_for_is_heard(scene: Scene) {
    let (site, client) = scene.client().await;
    let mut subscription = soon(client.subscribe(resources(&["test://fixed"]))).await.unwrap();
    site.order(updated("test://blob")).await;
    site.order(added("new")).await;
    site.order(updated("test://fixed")).await;
    assert_eq!(next(&mut subscription).await, resource("test://fixed"));
}

pub async fn subscriptions_side_by_side_hear_each_its_own(scene: Scene) {
    let (site, client) = scene.client().await;
    let mut lists = soon(client.subscribe(tools())).await.unwrap();
    let mut first = soon(client.subscribe(resources(&["test://item/1"]))).await.unwrap();
    let mut both = soon(client.subscribe(resources(&["test://item/1", "test://item/2"]))).await.unwrap();
    for order in [updated("test://item/2"), added("new"), updated("test://item/1")] {
        site.order(order).await;
    }
    assert_eq!(next(&mut lists).await, Change::Tools);
    assert_eq!(next(&mut first).await, resource("test://item/1"));
    assert_eq!(next(&mut both).await, resource("test://item/2"));
    assert_eq!(next(&mut both).await, resource("test://item/1"));
}

pub async fn a_subscription_that_was_closed_leaves_the_others(scene: Scene) {
    let (site, client) = scene.client().await;
    let closed = soon(client.subscribe(resources(&["test://fixed", "test://item/1"]))).await.unwrap();
    let mut kept = soon(client.subscribe(resources(&["test://fixed"]))).await.unwrap();
    soon(closed.close()).await;
    // What only the closed one wanted is not sent any more, and what both wanted still is.
    soon(client.ping()).await.unwrap();
    site.order(updated("test://item/1")).await;
    site.order(updated("test://fixed")).await;
    assert_eq!(next(&mut kept).await, resource("test://fixed"));
}

pub async fn every_client_hears_of_a_change(scene: Scene) {
    let site = scene.site().await;
    let mut subscriptions = Vec::new();
    for _ in 0..4 {
        let client = site.client().await;
        subscriptions.push(soon(client.subscribe(tools())).await.unwrap());
    }
    site.order(added("new")).await;
    for subscription in &mut subscriptions {
        assert_eq!(next(subscription).await, Change::Tools);
    }
}

pub async fn a_handler_hears_of_changes(scene: Scene) {
    let site = scene.site().await;
    let heard = Arc::new(Mutex::new(Vec::new()));
    let noted = heard.clone();
    let client = site.client_of(site.builder().on_change(move |change| noted.lock().unwrap().push(change))).await;
    let mut subscription = soon(client.subscribe(tools())).await.unwrap();
    site.order(added("new")).await;
    next(&mut subscription).await;
    soon(async {
        while heard.lock().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
    assert_eq!(*heard.lock().unwrap(), [Change::Tools]);
}

pub async fn changes_and_calls_share_the_connection(scene: Scene) {
    let (site, client) = scene.client().await;
    let uris: Vec<_> = (0..20).map(|number| format!("test://item/{number}")).collect();
    let names: Vec<_> = uris.iter().map(String::as_str).collect();
    let mut subscription = soon(client.subscribe(resources(&names))).await.unwrap();
    let calls: Vec<_> = (0..20)
        .map(|a: i64| {
            tokio::spawn(client.call_tool_as::<i64>("add", serde_json::json!({"a": a, "b": 1})).into_future())
        })
        .collect();
    for uri in &names {
        site.order(updated(uri)).await;
    }
    let mut heard = BTreeSet::new();
    while heard.len() < uris.len() {
        let Change::Resource { uri } = next(&mut subscription).await else { panic!("nothing else was asked for") };
        heard.insert(uri);
    }
    for (a, call) in (0..).zip(calls) {
        assert_eq!(soon(call).await.unwrap().unwrap(), a + 1);
    }
}
