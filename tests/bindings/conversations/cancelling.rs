//! Giving up, from either side, and deadlines.

use std::time::Duration;

use serde_json::json;

use crate::site::{Scene, failure, said, soon, text};

pub async fn a_call_may_be_cancelled(scene: Scene) {
    let (site, client) = scene.client().await;
    let call = tokio::spawn(client.call_tool("hold", ()).into_future());
    site.counted(|counts| counts.held == 1).await;
    call.abort();
    site.counted(|counts| counts.let_go == 1).await;
    assert_eq!(said(&client, "add", json!({"a": 1, "b": 1})).await, "2");
}

pub async fn a_call_that_reports_progress_may_be_cancelled(scene: Scene) {
    let (site, client) = scene.client().await;
    let (heard, mut hearing) = tokio::sync::mpsc::channel(1);
    let call = client.call_tool("hold", ()).on_progress(move |_| {
        let _ = heard.try_send(());
    });
    let call = tokio::spawn(call.into_future());
    soon(hearing.recv()).await.unwrap();
    call.abort();
    site.counted(|counts| counts.let_go == 1).await;
    assert_eq!(said(&client, "add", json!({"a": 1, "b": 1})).await, "2");
}

pub async fn cancelling_one_call_leaves_the_others(scene: Scene) {
    let (site, client) = scene.client().await;
    let held: Vec<_> = (0..5).map(|_| tokio::spawn(client.call_tool("hold", ()).into_future())).collect();
    let beside = tokio::spawn(client.call_tool("wait", json!({"ms": 150})).into_future());
    site.counted(|counts| counts.held == 5).await;
    held[2].abort();
    site.counted(|counts| counts.let_go == 1).await;
    assert_eq!(text(&soon(beside).await.unwrap().unwrap()), "done");
    assert_eq!(site.counts().let_go, 1);
    held.iter().for_each(|call| call.abort());
    site.counted(|counts| counts.let_go == 5).await;
}

pub async fn a_call_that_asks_may_be_cancelled(scene: Scene) {
    let site = scene.site().await;
    let (asked, mut asking) = tokio::sync::mpsc::channel(1);
    let builder = site.builder().on_elicit(move |_| {
        let asked = asked.clone();
        async move {
            asked.send(()).await.unwrap();
            std::future::pending().await
        }
    });
    let client = site.client_of(builder).await;
    let call = tokio::spawn(client.call_tool("ask", ()).into_future());
    soon(asking.recv()).await.unwrap();
    call.abort();
    assert!(soon(call).await.unwrap_err().is_cancelled());
    assert_eq!(said(&client, "add", json!({"a": 1, "b": 1})).await, "2");
}

pub async fn a_call_that_takes_too_long_fails_and_is_let_go(scene: Scene) {
    let (site, client) = scene.client().await;
    let mut limit = Duration::from_millis(100);
    // On a busy machine the time may be up before the server has heard of the call.
    while site.counts().held == 0 {
        let error = failure(client.call_tool("hold", ()).timeout(limit)).await;
        assert!(error.is_timeout(), "{error:?}");
        limit *= 2;
    }
    site.counted(|counts| counts.held > 0 && counts.let_go == counts.held).await;
    assert_eq!(said(&client, "add", json!({"a": 1, "b": 1})).await, "2");
}

pub async fn progress_gives_a_call_more_time(scene: Scene) {
    let (_site, client) = scene.client().await;
    let mut pause = 75;
    let result = loop {
        // All steps together take longer than the time there is, and each takes a small part of it.
        let call = client.call_tool("steps", json!({"steps": 6, "pause": pause}));
        let call = call.timeout(Duration::from_millis(5 * pause)).on_progress(|_| {});
        match soon(call.into_future()).await {
            // A busy machine may hold up a step for as long as that.
            Err(error) if error.is_timeout() && pause < 10_000 => pause *= 2,
            outcome => break outcome,
        }
    };
    assert_eq!(text(&result.unwrap()), "done");
}

pub async fn a_server_ends_what_takes_too_long(scene: Scene) {
    let site = scene.site_of(|plan| plan.request_timeout = Duration::from_millis(80)).await;
    let client = site.client().await;
    let error = failure(client.call_tool("hold", ())).await;
    assert_eq!(error.code().unwrap().0, -32603, "{error:?}");
    site.counted(|counts| counts.let_go == 1).await;
    assert_eq!(said(&client, "add", json!({"a": 1, "b": 1})).await, "2");
}
