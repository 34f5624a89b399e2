//! What client and server agree on, and know of each other.

use serde_json::{Value, json};
use turbomcp::Revision;
use turbomcp::client::Era;

use crate::site::{Scene, failure, said, soon};

const LEGACY: [Revision; 4] =
    [Revision::V2024_11_05, Revision::V2025_03_26, Revision::V2025_06_18, Revision::V2025_11_25];

pub async fn the_newest_revision_of_the_era_is_agreed_on(scene: Scene) {
    let (site, client) = scene.client().await;
    let newest = if site.is_modern() { Revision::V2026_07_28 } else { Revision::V2025_11_25 };
    assert_eq!(client.revision(), newest);
    assert!(!client.is_closed());
}

pub async fn every_revision_of_the_era_may_be_insisted_on(scene: Scene) {
    let site = scene.site().await;
    let revisions = if site.is_modern() { &[Revision::V2026_07_28][..] } else { &LEGACY };
    for revision in revisions {
        let client = site.client_of(site.builder().revision(*revision)).await;
        assert_eq!(client.revision(), *revision);
        assert_eq!(said(&client, "add", json!({"a": 1, "b": 2})).await, "3", "{revision}");
        client.close().await;
    }
}

pub async fn who_does_not_choose_an_era_gets_the_modern_one(scene: Scene) {
    let site = scene.site().await;
    let client = site.client_of(site.builder().era(Era::Auto)).await;
    assert!(client.revision().is_modern());
    // The server serves the era of this conversation beside it.
    let other = site.client().await;
    assert_eq!(other.revision().is_modern(), site.is_modern());
    assert_eq!(said(&client, "add", json!({"a": 1, "b": 1})).await, "2");
    assert_eq!(said(&other, "add", json!({"a": 2, "b": 1})).await, "3");
}

pub async fn the_server_says_who_it_is(scene: Scene) {
    let (_site, client) = scene.client().await;
    assert_eq!(client.server_info().unwrap().name, "fixture");
    assert_eq!(client.server_info().unwrap().version, "1.0.0");
    assert_eq!(client.instructions().as_deref(), Some("For tests."));
}

pub async fn the_server_says_what_it_can(scene: Scene) {
    let (_site, client) = scene.client().await;
    let capabilities = client.capabilities();
    assert!(capabilities.tools.is_some() && capabilities.prompts.is_some() && capabilities.resources.is_some());
    assert!(capabilities.completions.is_some() && capabilities.logging.is_some());
}

pub async fn the_client_says_who_it_is(scene: Scene) {
    let (_site, client) = scene.client().await;
    assert_eq!(said(&client, "who", json!({})).await, "host");
}

pub async fn the_client_says_what_it_can(scene: Scene) {
    let site = scene.site().await;
    let client = site.client_of(site.builder().roots([])).await;
    let abilities: Value = serde_json::from_str(&said(&client, "abilities", json!({})).await).unwrap();
    assert!(abilities.get("roots").is_some() && abilities.get("sampling").is_none(), "{abilities}");
}

pub async fn a_ping_is_answered(scene: Scene) {
    let (_site, client) = scene.client().await;
    for _ in 0..3 {
        soon(client.ping()).await.unwrap();
    }
}

pub async fn several_clients_are_served(scene: Scene) {
    let site = scene.site().await;
    let mut clients = Vec::new();
    for _ in 0..5 {
        clients.push(site.client().await);
    }
    for (a, client) in (0..).zip(&clients) {
        assert_eq!(said(client, "add", json!({"a": a, "b": 1})).await, (a + 1).to_string());
    }
    clients.remove(2).close().await;
    for client in &clients {
        assert_eq!(said(client, "echo", json!({"text": "still here"})).await, "still here");
    }
}

pub async fn a_server_that_is_gone_cannot_be_connected_to(scene: Scene) {
    let (site, client) = scene.client().await;
    client.close().await;
    site.kill();
    site.ended().await;
    let error = failure(site.connect(site.builder())).await;
    assert!(error.is_connect(), "{error:?}");
}
