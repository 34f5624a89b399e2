//! Connections that are lost, and made again.

use serde_json::json;
use turbomcp::client::Change;
use turbomcp::types::SubscriptionFilter;
use turbomcp_tests::stage::Order;

use crate::site::{Scene, failure, said, soon};

pub async fn a_lost_connection_is_made_again_by_the_next_call(scene: Scene) {
    let site = scene.site().await;
    let (client, loss) = site.losing(site.builder().reconnect()).await;
    assert_eq!(said(&client, "add", json!({"a": 1, "b": 1})).await, "2");
    let call = tokio::spawn(client.call_tool("hold", ()).into_future());
    site.counted(|counts| counts.held == 1).await;
    loss.happens();
    // What became of it is unknown, so it is not repeated.
    assert!(failure(async { call.await.unwrap() }).await.is_closed());
    assert_eq!(said(&client, "add", json!({"a": 2, "b": 1})).await, "3");
    assert_eq!(site.counts().held, 1);
}

pub async fn a_lost_connection_stays_lost_unless_it_is_to_be_made_again(scene: Scene) {
    let site = scene.site().await;
    let (client, loss) = site.losing(site.builder()).await;
    let call = tokio::spawn(client.call_tool("hold", ()).into_future());
    site.counted(|counts| counts.held == 1).await;
    loss.happens();
    assert!(failure(async { call.await.unwrap() }).await.is_closed());
    assert!(client.is_closed());
    assert!(failure(client.call_tool("add", json!({"a": 1, "b": 1}))).await.is_closed());
}

pub async fn a_connection_is_made_again_by_hand(scene: Scene) {
    let site = scene.site().await;
    let (client, loss) = site.losing(site.builder()).await;
    let call = tokio::spawn(client.call_tool("hold", ()).into_future());
    site.counted(|counts| counts.held == 1).await;
    loss.happens();
    assert!(failure(async { call.await.unwrap() }).await.is_closed());
    soon(client.reconnect()).await.unwrap();
    assert!(!client.is_closed());
    assert_eq!(said(&client, "add", json!({"a": 2, "b": 1})).await, "3");
}

pub async fn a_subscription_hears_that_its_connection_was_lost(scene: Scene) {
    let site = scene.site().await;
    let (client, loss) = site.losing(site.builder().reconnect()).await;
    let filter = SubscriptionFilter::new().with_tools_list_changed(true);
    let mut subscription = soon(client.subscribe(filter.clone())).await.unwrap();
    loss.happens();
    assert!(soon(subscription.next()).await.unwrap().unwrap_err().is_closed());
    let mut subscription = soon(client.subscribe(filter)).await.unwrap();
    site.order(Order::AddTool("new".to_owned())).await;
    assert_eq!(soon(subscription.next()).await.unwrap().unwrap(), Change::Tools);
}

pub async fn a_subscription_that_is_resumed_misses_nothing(scene: Scene) {
    let site = scene.site().await;
    let (client, loss) = site.losing(site.builder()).await;
    let uris = ["test://item/1", "test://item/2", "test://item/3"];
    let filter = SubscriptionFilter::new().with_resource_subscriptions(uris.map(str::to_owned));
    let mut subscription = soon(client.subscribe(filter)).await.unwrap();
    for uri in uris {
        loss.happens();
        site.order(Order::Updated(uri.to_owned())).await;
    }
    for uri in uris {
        let change = soon(subscription.next()).await.unwrap().unwrap();
        assert_eq!(change, Change::Resource { uri: uri.to_owned() });
    }
}

pub async fn a_client_that_was_closed_is_not_connected_again(scene: Scene) {
    let site = scene.site().await;
    let client = site.client_of(site.builder().reconnect()).await;
    soon(client.close()).await;
    assert!(failure(client.call_tool("add", json!({"a": 1, "b": 1}))).await.is_closed());
    assert!(failure(client.reconnect()).await.is_closed());
}

pub async fn a_new_client_finds_the_server_as_it_was(scene: Scene) {
    let site = scene.site().await;
    let first = site.client().await;
    site.order(Order::AddTool("new".to_owned())).await;
    assert_eq!(said(&first, "new", json!({})).await, "{}");
    soon(first.close()).await;
    let second = site.client().await;
    assert_eq!(said(&second, "new", json!({})).await, "{}");
}
