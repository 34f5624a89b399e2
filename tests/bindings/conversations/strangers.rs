//! Peers that break the rules of the protocol, within those of the binding.

use serde_json::{Value, json};

use crate::raw::Raw;
use crate::site::{Scene, Site, said, soon};

/// Checks that the connection is as good as before.
async fn goes_on(site: &Site, peer: &mut Raw, id: u64) {
    peer.call(site.era, id, "add", json!({"a": id, "b": 1})).await;
    let answer = soon(peer.hear()).await.expect("the connection goes on");
    assert_eq!((&answer["id"], &answer["result"]["content"][0]["text"]), (&json!(id), &json!((id + 1).to_string())));
}

async fn refused(peer: &mut Raw, text: &[u8], code: i64) -> Value {
    peer.say_text(text).await;
    let answer = soon(peer.hear()).await.expect("what is wrong is answered");
    assert_eq!(answer["error"]["code"], code, "{}: {answer}", String::from_utf8_lossy(text));
    answer
}

pub async fn what_is_no_json_costs_itself(scene: Scene) {
    let site = scene.site().await;
    let mut peer = site.raw().await;
    for (id, text) in (1..).zip([&b"{"[..], b"hello", b"{\"jsonrpc\":\"2.0\",", b"[[[[[[[["]) {
        refused(&mut peer, text, -32700).await;
        goes_on(&site, &mut peer, id).await;
    }
}

pub async fn what_is_no_message_costs_itself(scene: Scene) {
    let site = scene.site().await;
    let mut peer = site.raw().await;
    for (id, text) in (1..).zip([&b"{}"[..], b"[]", b"42", b"{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}"]) {
        refused(&mut peer, text, -32600).await;
        goes_on(&site, &mut peer, id).await;
    }
}

pub async fn a_request_that_lacks_something_is_answered_by_its_id(scene: Scene) {
    let site = scene.site().await;
    let mut peer = site.raw().await;
    let params = match site.is_modern() {
        true => turbomcp_tests::modern(9, "tools/call", json!({"arguments": {}}), json!({})),
        false => json!({"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": {"arguments": {}}}),
    };
    peer.say(&params).await;
    let answer = soon(peer.hear()).await.unwrap();
    assert!(answer["error"]["code"].is_i64(), "{answer}");
    goes_on(&site, &mut peer, 10).await;
}

pub async fn text_that_is_no_unicode_costs_itself(scene: Scene) {
    let site = scene.site().await;
    let mut peer = site.raw().await;
    refused(&mut peer, b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\xfe\"}", -32700).await;
    goes_on(&site, &mut peer, 2).await;
}

pub async fn notices_and_answers_out_of_nowhere_are_ignored(scene: Scene) {
    let site = scene.site().await;
    let mut peer = site.raw().await;
    for stray in [
        json!({"jsonrpc": "2.0", "method": "notifications/made_up", "params": {"a": 1}}),
        json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 77}}),
        json!({"jsonrpc": "2.0", "id": 99, "result": {}}),
    ] {
        peer.say(&stray).await;
    }
    goes_on(&site, &mut peer, 3).await;
}

pub async fn a_frame_beyond_the_limit_costs_itself(scene: Scene) {
    let site = scene.site_of(|plan| plan.message_bytes = Some(64 << 10)).await;
    let mut peer = site.raw().await;
    refused(&mut peer, &vec![b'x'; 100_000], -32600).await;
    goes_on(&site, &mut peer, 4).await;
}

pub async fn a_stranger_leaves_the_others(scene: Scene) {
    let site = scene.site().await;
    let client = site.client().await;
    let mut peer = site.raw().await;
    refused(&mut peer, b"nonsense", -32700).await;
    drop(peer);
    assert_eq!(said(&client, "add", json!({"a": 1, "b": 1})).await, "2");
}
