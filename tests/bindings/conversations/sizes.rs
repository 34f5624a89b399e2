//! Texts of any size and of any kind, and what happens at the limits.

use serde_json::json;
use turbomcp::client::Client;

use crate::site::{Scene, failure, said, soon, text};

async fn echoes(client: &Client, text: &str) {
    let echoed = said(client, "echo", json!({"text": text})).await;
    assert!(echoed == text, "{} bytes came back as {}", text.len(), echoed.len());
}

pub async fn texts_of_next_to_nothing_pass(scene: Scene) {
    let (_site, client) = scene.client().await;
    for text in ["", " ", "x", "\0", "\n", "\\", "\"", "ä", "🦀"] {
        echoes(&client, text).await;
    }
}

pub async fn texts_of_any_kind_pass(scene: Scene) {
    let (_site, client) = scene.client().await;
    let controls: String = (0..0x20).chain(0x7f..0xa0).map(|code: u8| char::from(code)).collect();
    for text in [
        controls.as_str(),
        "a\r\nb\rc\nd\u{2028}e\u{2029}f\u{85}g",
        "data: no event\n\nevent: message\nid: 1\n",
        r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
        "\\u0000 \\n \\\" </script> \u{feff}",
        "e\u{301} שלום مرحبا 日本語 👩‍👩‍👧‍👦 \u{10ffff}\u{e000}\u{fffd}",
    ] {
        echoes(&client, text).await;
    }
    let beyond = format!("{}{}", "🦀".repeat(20_000), controls.repeat(500));
    echoes(&client, &beyond).await;
}

pub async fn names_of_any_kind_pass(scene: Scene) {
    let (_site, client) = scene.client().await;
    for uri in ["file:///srv/%F0%9F%A6%80", "file:///srv/a%20b", "file:///srv/=?base64?x?="] {
        let read = soon(client.read_resource(uri).into_future()).await.unwrap();
        assert_eq!(read.contents.len(), 1, "{uri}");
    }
    for name in ["ä🦀", " spaces ", "line\nbreak", "=?base64?eA==?="] {
        let error = failure(client.call_tool(name, ())).await;
        assert_eq!(error.code().unwrap().0, -32602, "{name:?}: {error:?}");
    }
}

pub async fn texts_around_the_sizes_of_buffers_pass(scene: Scene) {
    let (_site, client) = scene.client().await;
    for size in [125, 126, 4095, 8192, 16_384, 65_000, 65_535, 65_536, 65_537, 131_072, 262_144] {
        let text: String = ('a'..='z').cycle().take(size).collect();
        echoes(&client, &text).await;
    }
}

pub async fn large_arguments_pass(scene: Scene) {
    let (_site, client) = scene.client().await;
    echoes(&client, &"y".repeat(2 << 20)).await;
}

pub async fn large_results_pass(scene: Scene) {
    let (_site, client) = scene.client().await;
    let (large, sum) = tokio::join!(
        client.call_tool("large", json!({"bytes": 3 << 20})).into_future(),
        client.call_tool_as::<i64>("add", json!({"a": 1, "b": 1})).into_future(),
    );
    assert_eq!((text(&large.unwrap()).len(), sum.unwrap()), (3 << 20, 2));
}

pub async fn an_answer_just_within_the_limit_passes(scene: Scene) {
    let site = scene.site().await;
    let client = site.client_taking(64 << 10).await;
    let large = soon(client.call_tool("large", json!({"bytes": (64 << 10) - 300})).into_future()).await.unwrap();
    assert_eq!(text(&large).len(), (64 << 10) - 300);
}

pub async fn an_answer_beyond_the_limit_fails_its_call(scene: Scene) {
    let site = scene.site().await;
    let client = site.client_taking(64 << 10).await;
    let beside = tokio::spawn(client.call_tool("wait", json!({"ms": 50})).into_future());
    let error = failure(client.call_tool("large", json!({"bytes": 64 << 10}))).await;
    assert!(error.is_protocol() && error.to_string().contains("65536 bytes"), "{error:?}");
    assert_eq!(text(&soon(beside).await.unwrap().unwrap()), "done");
    assert_eq!(said(&client, "add", json!({"a": 1, "b": 1})).await, "2");
}

pub async fn a_request_just_within_the_limit_passes(scene: Scene) {
    let site = scene.site_of(|plan| plan.message_bytes = Some(64 << 10)).await;
    let client = site.client().await;
    echoes(&client, &"y".repeat((64 << 10) - 600)).await;
}

pub async fn a_request_beyond_the_limit_fails_its_call(scene: Scene) {
    let site = scene.site_of(|plan| plan.message_bytes = Some(64 << 10)).await;
    let client = site.client().await;
    let beside = tokio::spawn(client.call_tool("wait", json!({"ms": 50})).into_future());
    let error = failure(client.call_tool("echo", json!({"text": "y".repeat(64 << 10)}))).await;
    assert!(error.as_mcp().is_some(), "{error:?}");
    assert!(error.to_string().contains("65536 bytes"), "{error:?}");
    assert_eq!(text(&soon(beside).await.unwrap().unwrap()), "done");
    assert_eq!(said(&client, "add", json!({"a": 1, "b": 1})).await, "2");
}

pub async fn a_message_beyond_the_limit_ends_what_cannot_skip_it(scene: Scene) {
    let site = scene.site_of(|plan| plan.message_bytes = Some(64 << 10)).await;
    let client = site.client().await;
    let error = failure(client.call_tool("echo", json!({"text": "y".repeat(64 << 10)}))).await;
    assert!(error.is_closed() && error.to_string().contains("too long"), "{error:?}");
    let client = site.client_taking(32 << 10).await;
    let error = failure(client.call_tool("large", json!({"bytes": 32 << 10}))).await;
    assert!(error.is_closed() && error.to_string().contains("too long"), "{error:?}");
    // Who keeps to the limits is served as before.
    let other = site.client().await;
    assert_eq!(said(&other, "add", json!({"a": 1, "b": 1})).await, "2");
}
