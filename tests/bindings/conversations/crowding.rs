//! Much at the same time.

use std::time::Duration;

use serde_json::json;

use crate::site::{Scene, failure, said, soon, text};

pub async fn a_thousand_calls_at_once_are_each_answered(scene: Scene) {
    let (_site, client) = scene.client().await;
    let calls: Vec<_> = (0..1000)
        .map(|a: i64| tokio::spawn(client.call_tool_as::<i64>("add", json!({"a": a, "b": 1})).into_future()))
        .collect();
    for (a, call) in (0..).zip(calls) {
        assert_eq!(soon(call).await.unwrap().unwrap(), a + 1);
    }
}

pub async fn calls_that_wait_are_each_answered(scene: Scene) {
    let (_site, client) = scene.client().await;
    let calls: Vec<_> = (1..=100)
        .map(|steps: u64| {
            let arguments = json!({"steps": 1, "pause": 200 / steps});
            tokio::spawn(client.call_tool("steps", arguments).into_future())
        })
        .collect();
    for call in calls {
        assert_eq!(text(&soon(call).await.unwrap().unwrap()), "done");
    }
}

pub async fn a_quick_call_overtakes_a_slow_one(scene: Scene) {
    let (site, client) = scene.client().await;
    let slow = tokio::spawn(client.call_tool("hold", ()).into_future());
    site.counted(|counts| counts.held == 1).await;
    for a in 0..20 {
        assert_eq!(said(&client, "add", json!({"a": a, "b": 0})).await, a.to_string());
    }
    assert!(!slow.is_finished());
    slow.abort();
}

pub async fn calls_follow_each_other(scene: Scene) {
    let (_site, client) = scene.client().await;
    for number in 0..100 {
        let said = said(&client, "echo", json!({"text": number.to_string()})).await;
        assert_eq!(said, number.to_string());
    }
}

pub async fn clients_are_not_mixed_up(scene: Scene) {
    let site = scene.site().await;
    let mut talking = Vec::new();
    for number in 0..6 {
        let client = site.client_of(site.builder().name(format!("host {number}"))).await;
        talking.push(tokio::spawn(async move {
            for round in 0..15 {
                assert_eq!(said(&client, "who", json!({})).await, format!("host {number}"));
                let text = format!("{number} in round {round}");
                assert_eq!(said(&client, "echo", json!({"text": text})).await, text);
            }
        }));
    }
    for talking in talking {
        soon(talking).await.unwrap();
    }
}

pub async fn operations_of_every_kind_go_side_by_side(scene: Scene) {
    let (_site, client) = scene.client().await;
    for _ in 0..5 {
        let (tools, prompts, read, prompt, large, sum, ping) = tokio::join!(
            client.list_tools().fresh().all(),
            client.list_prompts().fresh().all(),
            client.read_resource("test://fixed").fresh().into_future(),
            client.get_prompt("review", [("code", "x")]).into_future(),
            client.call_tool("large", json!({"bytes": 100_000})).into_future(),
            client.call_tool_as::<i64>("add", json!({"a": 1, "b": 1})).into_future(),
            client.ping(),
        );
        assert!(tools.unwrap().len() > 10 && prompts.unwrap().len() == 3 && ping.is_ok());
        assert_eq!(read.unwrap().contents[0].as_text(), Some("fixed"));
        assert_eq!(prompt.unwrap().messages.len(), 1);
        assert_eq!((text(&large.unwrap()).len(), sum.unwrap()), (100_000, 2));
    }
}

pub async fn more_requests_than_a_connection_may_have_are_refused(scene: Scene) {
    let site = scene.site_of(|plan| plan.requests_in_flight = 3).await;
    let client = site.client().await;
    let held: Vec<_> = (0..3).map(|_| tokio::spawn(client.call_tool("hold", ()).into_future())).collect();
    site.counted(|counts| counts.held == 3).await;
    let error = failure(client.call_tool("wait", json!({"ms": 50}))).await;
    assert!(error.as_mcp().is_some(), "{error:?}");
    // What is answered at once takes no place.
    assert_eq!(said(&client, "add", json!({"a": 1, "b": 1})).await, "2");
    held[0].abort();
    site.counted(|counts| counts.let_go == 1).await;
    soon(async {
        // The place is given up after the handler is.
        while client.call_tool("wait", json!({"ms": 1})).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}
