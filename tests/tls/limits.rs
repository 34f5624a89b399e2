//! What a server takes on at once holds over TLS as well.

use std::time::Duration;

use serde_json::json;
use turbomcp::client::Era;

use crate::authority::Authority;
use crate::site::{BINDINGS, Binding, PATIENCE, Site, who};

#[tokio::test]
async fn one_connection_more_than_are_served_at_once_waits_for_its_turn() {
    let authority = Authority::new();
    for binding in BINDINGS {
        let config = authority.server("localhost").config();
        let site = Site::limited(binding, config, |limits| limits.connections = 1).await;
        let first = site.connect_as(authority.trusted(), "localhost", Era::Modern).await.unwrap();
        assert_eq!(who(&first).await.unwrap(), "nobody");
        let second = async {
            let second = site.connect_as(authority.trusted(), "localhost", Era::Modern).await.unwrap();
            who(&second).await.unwrap()
        };
        let mut second = std::pin::pin!(second);
        assert!(tokio::time::timeout(Duration::from_millis(500), &mut second).await.is_err(), "{binding:?}");
        first.close().await;
        drop(first);
        assert_eq!(tokio::time::timeout(PATIENCE, second).await.expect("its turn comes"), "nobody");
    }
}

#[tokio::test]
async fn a_message_that_is_too_long_costs_no_more_than_itself() {
    let authority = Authority::new();
    let config = authority.server("localhost").config();
    let site = Site::limited(Binding::Tls, config, |limits| limits.message_bytes = 4096).await;
    let client = site.connect(authority.trusted()).await.unwrap();
    let outcome = client.call_tool("who", json!({"text": "x".repeat(8000)})).await;
    assert!(outcome.is_err(), "{outcome:?}");
    assert_eq!(who(&client).await.unwrap(), "nobody");
}
