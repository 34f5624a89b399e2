//! Notifications that are malformed, or that nobody asked for.

use std::time::Duration;

use serde_json::{Value, json};
use turbomcp::client::{Change, Era};
use turbomcp::types::SubscriptionFilter;

use super::{ERAS, against, builder};
use crate::peer::{connected, failure, soon, text};

#[tokio::test]
async fn malformed_notifications_are_ignored() {
    let result = against(Era::Modern, |mut peer, request| async move {
        for method in [
            "progress",
            "message",
            "cancelled",
            "resources/updated",
            "subscriptions/acknowledged",
            "tools/list_changed",
            "elicitation/complete",
            "x",
        ] {
            for params in [json!({}), json!({"progressToken": [], "level": 3, "uri": 7, "requestId": {}, "_meta": {}})]
            {
                peer.send(json!({"jsonrpc": "2.0", "method": format!("notifications/{method}"), "params": params}))
                    .await;
            }
        }
        peer.answer(&request, text("ok")).await;
        peer
    });
    assert_eq!(result.await.unwrap(), "ok");
}

/// Holds SUB-01, SUB-06, SUB-07, STDIO-07.
#[tokio::test]
async fn sub_07_notifications_reach_the_subscription_they_name() {
    let (client, mut peer) = connected(builder(), Era::Modern).await;
    let filter =
        SubscriptionFilter::new().with_tools_list_changed(true).with_resource_subscriptions(["x://a".to_owned()]);
    let mut listens = Vec::new();
    let mut subscriptions = Vec::new();
    for _ in 0..2 {
        let subscribing = tokio::spawn({
            let (client, filter) = (client.clone(), filter.clone());
            async move { client.subscribe(filter).await }
        });
        let listen = peer.expect("subscriptions/listen").await;
        assert_eq!(
            listen["params"]["notifications"],
            json!({"toolsListChanged": true, "resourceSubscriptions": ["x://a"]})
        );
        let tag = json!({"io.modelcontextprotocol/subscriptionId": listen["id"]});
        let params = json!({"notifications": {"toolsListChanged": true}, "_meta": tag});
        peer.send(json!({"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged", "params": params}))
            .await;
        let subscription = soon(subscribing).await.unwrap().unwrap();
        assert_eq!(subscription.filter().resource_subscriptions, None);
        listens.push(tag);
        subscriptions.push(subscription);
    }
    let changed = |meta: &Value| json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed", "params": {"_meta": meta}});
    peer.send(changed(&json!({}))).await;
    peer.send(changed(&json!({"io.modelcontextprotocol/subscriptionId": "1"}))).await;
    peer.send(changed(&listens[1])).await;
    assert!(soon(subscriptions[1].next()).await.unwrap().is_ok());
    assert!(tokio::time::timeout(Duration::from_millis(50), subscriptions[0].next()).await.is_err());
    // Holds SUB-09: ending it here tells the server.
    let second = subscriptions.pop().unwrap();
    second.close().await;
    let cancelled = peer.expect("notifications/cancelled").await;
    assert_eq!(cancelled["params"]["requestId"], listens[1]["io.modelcontextprotocol/subscriptionId"]);
    // Holds SUB-10: a graceful end by the server is no error.
    let first = json!({"id": listens[0]["io.modelcontextprotocol/subscriptionId"]});
    peer.answer(&first, json!({"resultType": "complete", "_meta": listens[0]})).await;
    assert!(soon(subscriptions[0].next()).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_subscription_that_is_never_acknowledged_times_out_and_is_cancelled() {
    let (client, mut peer) = connected(builder(), Era::Modern).await;
    let subscriber = client.clone();
    let subscribing = tokio::spawn(async move { subscriber.subscribe(SubscriptionFilter::new()).await });
    let listen = peer.expect("subscriptions/listen").await;
    assert!(failure(async { subscribing.await.unwrap() }).await.is_timeout());
    assert_eq!(peer.expect("notifications/cancelled").await["params"]["requestId"], listen["id"]);
}

#[tokio::test]
async fn sub_10_a_lost_connection_ends_a_subscription_with_an_error() {
    for era in ERAS {
        let (client, mut peer) = connected(builder(), era).await;
        let filter = SubscriptionFilter::new().with_tools_list_changed(true);
        let subscribing = tokio::spawn(async move { client.subscribe(filter).await });
        if era == Era::Modern {
            let listen = peer.expect("subscriptions/listen").await;
            let tag = json!({"io.modelcontextprotocol/subscriptionId": listen["id"]});
            let params = json!({"notifications": {}, "_meta": tag});
            peer.send(
                json!({"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged", "params": params}),
            )
            .await;
        } else {
            peer.serve("ping", json!({})).await;
        }
        let mut subscription = soon(subscribing).await.unwrap().unwrap();
        drop(peer);
        assert!(soon(subscription.next()).await.unwrap().unwrap_err().is_closed());
        assert!(soon(subscription.next()).await.is_none());
    }
}

/// A legacy server reports only once it has read that the handshake is over, and a change before that is lost.
#[tokio::test]
async fn a_legacy_subscription_to_lists_waits_until_the_server_has_read_the_handshake() {
    let (client, mut peer) = connected(builder(), Era::Legacy).await;
    for answers_pings in [true, false] {
        let client = client.clone();
        let filter = SubscriptionFilter::new().with_tools_list_changed(true);
        let subscribing = tokio::spawn(async move { client.subscribe(filter).await });
        let ping = peer.expect("ping").await;
        assert!(!subscribing.is_finished());
        match answers_pings {
            true => peer.answer(&ping, json!({})).await,
            false => peer.fail(&ping, -32601, "no such method").await,
        }
        let mut subscription = soon(subscribing).await.unwrap().unwrap();
        peer.send(json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"})).await;
        assert_eq!(soon(subscription.next()).await.unwrap().unwrap(), Change::Tools);
    }
}

#[tokio::test]
async fn a_legacy_subscription_subscribes_and_unsubscribes_once() {
    let (client, mut peer) = connected(builder(), Era::Legacy).await;
    let filter = SubscriptionFilter::new().with_resource_subscriptions(["x://a".to_owned()]);
    let mut subscriptions = Vec::new();
    for _ in 0..2 {
        let subscribing = tokio::spawn({
            let (client, filter) = (client.clone(), filter.clone());
            async move { client.subscribe(filter).await }
        });
        assert_eq!(peer.serve("resources/subscribe", json!({})).await["params"]["uri"], "x://a");
        subscriptions.push(soon(subscribing).await.unwrap().unwrap());
    }
    for uri in ["x://b", "x://a/part"] {
        let params = json!({"uri": uri});
        peer.send(json!({"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": params})).await;
    }
    let change = soon(subscriptions[0].next()).await.unwrap().unwrap();
    assert_eq!(change, turbomcp::client::Change::Resource { uri: "x://a/part".to_owned() });
    drop(subscriptions.pop());
    let closing = tokio::spawn(subscriptions.pop().unwrap().close());
    assert_eq!(peer.serve("resources/unsubscribe", json!({})).await["params"]["uri"], "x://a");
    soon(closing).await.unwrap();
}
