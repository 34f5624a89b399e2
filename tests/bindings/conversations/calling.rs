//! What is called, read, filled in and completed, and what comes back.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use turbomcp::types::{
    CompleteRequestParams, CompletionArgument, CompletionReference, ContentBlock, ResourceContents, Role,
};
use turbomcp_tests::fixture::Point;

use crate::site::{Scene, said, soon};

pub async fn a_tool_is_called_with_arguments_of_any_type(scene: Scene) {
    let (_site, client) = scene.client().await;
    assert_eq!(said(&client, "add", json!({"a": 1, "b": 2})).await, "3");
    let sum: i64 =
        soon(client.call_tool_as("add", BTreeMap::from([("a", -40), ("b", 2)])).into_future()).await.unwrap();
    assert_eq!(sum, -38);
    assert_eq!(said(&client, "nothing", json!({})).await, "nothing");
    let deep = json!({"deep": {"er": [null, true, 1.5]}, "n": 5});
    assert_eq!(said(&client, "raw", deep.clone()).await, deep.to_string());
}

pub async fn a_structured_result_is_read_as_its_type(scene: Scene) {
    let (_site, client) = scene.client().await;
    let result = soon(client.call_tool("point", json!({"x": 1, "y": -1})).into_future()).await.unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(result.structured_content.unwrap().get()).unwrap(),
        json!({"x": 1, "y": -1})
    );
    let point: Point = soon(client.call_tool_as("point", json!({"x": 3, "y": 4})).into_future()).await.unwrap();
    assert_eq!((point.x, point.y), (3, 4));
}

pub async fn every_kind_of_content_arrives(scene: Scene) {
    let (_site, client) = scene.client().await;
    let content = soon(client.call_tool("media", ()).into_future()).await.unwrap().content;
    assert_eq!(content[0].as_text(), Some("text"));
    let ContentBlock::Image(image) = &content[1] else { panic!("{:?}", content[1]) };
    assert_eq!((image.data.as_str(), image.mime_type.as_str()), ("AQID", "image/png"));
    let ContentBlock::Audio(audio) = &content[2] else { panic!("{:?}", content[2]) };
    assert_eq!((audio.data.as_str(), audio.mime_type.as_str()), ("BAUGBw==", "audio/wav"));
    assert!(matches!(&content[3], ContentBlock::ResourceLink(link) if link.uri == "test://fixed"));
    assert!(matches!(&content[4], ContentBlock::Resource(_)) && matches!(&content[5], ContentBlock::Resource(_)));
}

pub async fn a_result_may_be_empty(scene: Scene) {
    let (_site, client) = scene.client().await;
    let result = soon(client.call_tool("silent", ()).into_future()).await.unwrap();
    assert!(result.content.is_empty() && !result.is_error() && result.structured_content.is_none());
}

pub async fn text_and_bytes_are_read(scene: Scene) {
    let (_site, client) = scene.client().await;
    let text = soon(client.read_resource("test://fixed").into_future()).await.unwrap();
    assert_eq!(text.contents[0].as_text(), Some("fixed"));
    let bytes = soon(client.read_resource("test://blob").into_future()).await.unwrap();
    let ResourceContents::Blob(blob) = &bytes.contents[0] else { panic!("{:?}", bytes.contents[0]) };
    assert_eq!((blob.uri.as_str(), blob.blob.as_str()), ("test://blob", "AP8Q"));
}

pub async fn templates_are_filled_in(scene: Scene) {
    let (_site, client) = scene.client().await;
    for (uri, expected) in
        [("test://item/7", "item 7"), ("file:///srv/a/b.txt", "file a/b.txt"), ("file:///srv/%C3%A4", "file ä")]
    {
        let read = soon(client.read_resource(uri).into_future()).await.unwrap();
        assert_eq!(read.contents[0].as_text(), Some(expected), "{uri}");
    }
}

pub async fn prompts_are_filled_in(scene: Scene) {
    let (_site, client) = scene.client().await;
    let prompt =
        soon(client.get_prompt("review", [("code", "fn main() {}"), ("times", "2")]).into_future()).await.unwrap();
    assert_eq!(prompt.messages[0].content.as_text(), Some("Review fn main() {} 2 times"));
    let gallery = soon(client.get_prompt("gallery", [("", ""); 0]).into_future()).await.unwrap().messages;
    assert!(matches!(gallery[0].content, ContentBlock::Image(_)));
    assert_eq!((gallery[1].role, gallery.len()), (Role::Assistant, 3));
}

pub async fn arguments_are_completed(scene: Scene) {
    let (_site, client) = scene.client().await;
    let argument = CompletionArgument::new("code", "a");
    let params = CompleteRequestParams::new(CompletionReference::prompt("review"), argument);
    let completion = soon(client.complete(&params).into_future()).await.unwrap().completion;
    assert_eq!((completion.values.len(), completion.values[99].as_str()), (100, "a99"));
    assert_eq!((completion.total, completion.has_more), (Some(150), Some(true)));
}

pub async fn the_middleware_sees_each_request(scene: Scene) {
    let (site, client) = scene.client().await;
    let before = site.counts();
    for a in 0..3 {
        said(&client, "add", json!({"a": a, "b": 1})).await;
    }
    soon(client.read_resource("test://fixed").into_future()).await.unwrap();
    let seen =
        |counts: &turbomcp_tests::stage::Counts, method: &str| counts.requests.get(method).copied().unwrap_or_default();
    site.counted(|counts| seen(counts, "tools/call") == 3 && seen(counts, "resources/read") == 1).await;
    assert_eq!(seen(&before, "tools/call"), 0);
    let greeting = if site.is_modern() { "server/discover" } else { "initialize" };
    assert_eq!(seen(&site.counts(), greeting), 1);
}

pub async fn what_the_middleware_knows_reaches_the_handler(scene: Scene) {
    let (_site, client) = scene.client().await;
    assert_eq!(said(&client, "greeting", json!({})).await, "welcome to tools/call");
}
