//! What is told while a request is under way.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use turbomcp::client::{Call, Client};
use turbomcp::types::{CallToolResult, LoggingLevel};

use crate::site::{Scene, soon};

type Heard<T> = Arc<Mutex<Vec<T>>>;

/// Calls a tool and notes its progress.
fn noting(client: &Client, tool: &str, arguments: serde_json::Value) -> (Call<CallToolResult>, Heard<f64>) {
    let heard = Heard::default();
    let noted = heard.clone();
    let call = client.call_tool(tool, arguments);
    (call.on_progress(move |params| noted.lock().unwrap().push(params.progress)), heard)
}

pub async fn progress_is_heard_in_order_and_before_the_answer(scene: Scene) {
    let (_site, client) = scene.client().await;
    let (call, heard) = noting(&client, "steps", json!({"steps": 20, "pause": 0}));
    soon(call.into_future()).await.unwrap();
    assert_eq!(*heard.lock().unwrap(), (1..=20).map(f64::from).collect::<Vec<_>>());
}

pub async fn progress_says_how_far_it_goes(scene: Scene) {
    let (_site, client) = scene.client().await;
    let heard = Heard::default();
    let noted = heard.clone();
    let call = client.call_tool("wait", json!({"ms": 1}));
    let call = call.on_progress(move |params| {
        noted.lock().unwrap().push((params.progress, params.total, params.message));
    });
    soon(call.into_future()).await.unwrap();
    // What does not advance is not sent.
    assert_eq!(*heard.lock().unwrap(), [(1.0, Some(2.5), Some("started".to_owned())), (1.5, Some(2.5), None)]);
}

pub async fn progress_of_calls_side_by_side_is_not_mixed_up(scene: Scene) {
    let (_site, client) = scene.client().await;
    let calls = (1..=6).map(|steps| (steps, noting(&client, "steps", json!({"steps": steps, "pause": 2}))));
    let running: Vec<_> =
        calls.map(|(steps, (call, heard))| (steps, tokio::spawn(call.into_future()), heard)).collect();
    for (steps, call, heard) in running {
        soon(call).await.unwrap().unwrap();
        assert_eq!(*heard.lock().unwrap(), (1..=steps).map(f64::from).collect::<Vec<_>>());
    }
}

pub async fn what_comes_after_the_answer_is_not_heard(scene: Scene) {
    let (_site, client) = scene.client().await;
    let (call, heard) = noting(&client, "linger", json!({}));
    soon(call.into_future()).await.unwrap();
    let before = heard.lock().unwrap().len();
    tokio::time::sleep(Duration::from_millis(30)).await;
    soon(client.ping()).await.unwrap();
    assert_eq!(heard.lock().unwrap().len(), before);
}

pub async fn logs_are_heard_from_the_level_that_was_asked_for(scene: Scene) {
    let site = scene.site().await;
    let logged = Heard::default();
    let noted = logged.clone();
    let builder = site.builder().on_log(move |message| noted.lock().unwrap().push(message.level));
    let client = site.client_of(builder).await;
    for (level, expected) in [
        (LoggingLevel::Error, &[LoggingLevel::Error][..]),
        (LoggingLevel::Info, &[LoggingLevel::Info, LoggingLevel::Warning, LoggingLevel::Error]),
        (LoggingLevel::Critical, &[]),
    ] {
        soon(client.set_log_level(level)).await.unwrap();
        soon(client.call_tool("log", ()).into_future()).await.unwrap();
        assert_eq!(logged.lock().unwrap().split_off(0), expected, "{level:?}");
    }
}
