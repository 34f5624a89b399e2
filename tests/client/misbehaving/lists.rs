//! Lists that have no end, and those that are kept.

use serde_json::json;
use turbomcp::client::Era;

use super::{ERAS, builder};
use crate::peer::{connected, failure, soon};

/// Holds PAGE-02, PAGE-03, PAGE-04.
#[tokio::test]
async fn page_03_an_empty_cursor_is_a_cursor() {
    for era in ERAS {
        let (client, mut peer) = connected(builder(), era).await;
        let listing = tokio::spawn(async move { client.list_all_tools().await });
        let tool = |name: &str| json!({"name": name, "inputSchema": {"type": "object"}});
        let first = peer.serve("tools/list", json!({"tools": [tool("a")], "nextCursor": ""})).await;
        assert!(first["params"].get("cursor").is_none());
        let second = peer.serve("tools/list", json!({"tools": [tool("b")], "nextCursor": "ä\"\\"})).await;
        assert_eq!(second["params"]["cursor"], "");
        let third = peer.serve("tools/list", json!({"tools": [tool("c")]})).await;
        assert_eq!(third["params"]["cursor"], "ä\"\\");
        let tools = soon(listing).await.unwrap().unwrap();
        assert_eq!(tools.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
    }
}

#[tokio::test]
async fn page_01_endless_pages_are_given_up() {
    let (client, mut peer) = connected(builder().max_pages(20), Era::Modern).await;
    let listing = tokio::spawn(async move { client.list_all_prompts().await });
    let mut asked = 0;
    for number in 0..20 {
        peer.serve("prompts/list", json!({"prompts": [], "nextCursor": number.to_string()})).await;
        asked += 1;
    }
    assert!(failure(async { listing.await.unwrap() }).await.is_protocol());
    assert_eq!(asked, 20);
}

#[tokio::test]
async fn a_page_that_is_followed_by_itself_is_given_up() {
    let (client, mut peer) = connected(builder(), Era::Legacy).await;
    let listing = tokio::spawn(async move { client.list_all_resources().await });
    peer.serve("resources/list", json!({"resources": [], "nextCursor": "a"})).await;
    peer.serve("resources/list", json!({"resources": [], "nextCursor": "a"})).await;
    assert!(failure(async { listing.await.unwrap() }).await.is_protocol());
}

#[tokio::test]
async fn cache_11_a_refused_cursor_begins_the_list_anew_once() {
    let (client, mut peer) = connected(builder(), Era::Modern).await;
    let listing = tokio::spawn(async move { client.list_all_tools().await });
    let tool = |name: &str| json!({"name": name, "inputSchema": {"type": "object"}});
    let kept = json!({"tools": [tool("old")], "nextCursor": "1", "ttlMs": 60_000, "cacheScope": "public"});
    peer.serve("tools/list", kept).await;
    let refused = peer.expect("tools/list").await;
    peer.fail(&refused, -32602, "invalid cursor").await;
    let again = peer.serve("tools/list", json!({"tools": [tool("new")], "ttlMs": 0})).await;
    assert!(again["params"].get("cursor").is_none());
    let tools = soon(listing).await.unwrap().unwrap();
    assert_eq!(tools.len(), 1);
    assert_eq!(tools[0].name, "new");
}

#[tokio::test]
async fn cache_10_a_kept_list_is_used_until_the_server_says_it_changed() {
    let (client, mut peer) = connected(builder(), Era::Legacy).await;
    let list = json!({"tools": [], "ttlMs": 60_000, "cacheScope": "private"});
    let (first, _) = tokio::join!(client.list_all_tools(), peer.serve("tools/list", list.clone()));
    first.unwrap();
    soon(client.list_all_tools()).await.unwrap();
    let (anew, _) = tokio::join!(client.list_tools().fresh().all(), peer.serve("tools/list", list.clone()));
    anew.unwrap();
    peer.send(json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"})).await;
    peer.send(json!({"jsonrpc": "2.0", "id": 9, "method": "ping"})).await;
    assert_eq!(peer.next().await["id"], 9);
    let (second, _) = tokio::join!(client.list_all_tools(), peer.serve("tools/list", list));
    second.unwrap();
}

#[tokio::test]
async fn a_page_without_end_is_given_up() {
    let (client, mut peer) = connected(builder(), Era::Modern).await;
    let listing = tokio::spawn(async move { client.list_all_prompts().await });
    let prompts = vec![json!({"name": "p"}); 100_001];
    peer.serve("prompts/list", json!({"resultType": "complete", "prompts": prompts})).await;
    assert!(failure(async { listing.await.unwrap() }).await.is_protocol());
}

#[tokio::test]
async fn cursors_that_are_refused_again_and_again_end_the_list() {
    let (client, mut peer) = connected(builder(), Era::Legacy).await;
    let listing = tokio::spawn(async move { client.list_all_tools().await });
    for _ in 0..2 {
        peer.serve("tools/list", json!({"tools": [], "nextCursor": "1"})).await;
        let refused = peer.expect("tools/list").await;
        peer.fail(&refused, -32602, "no such cursor").await;
    }
    assert!(failure(async { listing.await.unwrap() }).await.as_mcp().is_some());
}

#[tokio::test]
async fn lists_that_are_none_are_protocol_errors() {
    for page in [
        json!({}),
        json!({"tools": {}}),
        json!({"tools": [{"inputSchema": {}}]}),
        json!({"tools": [7]}),
        json!({"tools": [], "nextCursor": 7}),
    ] {
        let (client, mut peer) = connected(builder(), Era::Legacy).await;
        let listing = tokio::spawn(async move { client.list_all_tools().await });
        peer.serve("tools/list", page.clone()).await;
        assert!(failure(async { listing.await.unwrap() }).await.is_protocol(), "{page}");
    }
}
