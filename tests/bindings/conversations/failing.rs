//! What goes wrong in a request, and what it costs.

use serde_json::{Value, json};

use crate::site::{Scene, failure, said, soon, text};

pub async fn an_unknown_tool_is_an_error(scene: Scene) {
    let (_site, client) = scene.client().await;
    let error = failure(client.call_tool("no such tool", ())).await;
    assert_eq!(error.code().unwrap().0, -32602);
    assert!(error.as_mcp().unwrap().message().contains("no such tool"), "{error}");
}

pub async fn an_unknown_method_is_an_error(scene: Scene) {
    let (_site, client) = scene.client().await;
    let error = failure(client.request::<Value>("example/nothing", json!({"a": 1}))).await;
    assert_eq!(error.code().unwrap().0, -32601, "{error}");
    soon(client.ping()).await.unwrap();
}

pub async fn arguments_that_do_not_fit_are_for_the_model(scene: Scene) {
    let (_site, client) = scene.client().await;
    for (arguments, expected) in [(json!({"a": 1}), "`b` is required"), (json!({"a": 1, "b": 99}), "at most 10")] {
        let result = soon(client.call_tool("add", arguments).into_future()).await.unwrap();
        assert!(result.is_error() && text(&result).contains(expected), "{result:?}");
    }
}

pub async fn a_tool_that_fails_is_a_result(scene: Scene) {
    let (_site, client) = scene.client().await;
    let result = soon(client.call_tool("fail", ()).into_future()).await.unwrap();
    assert!(result.is_error());
    assert_eq!(text(&result), "the disk is full");
    let error = failure(client.call_tool_as::<i64>("fail", ())).await;
    assert!(error.is_tool() && error.to_string().contains("the disk is full"), "{error}");
}

pub async fn a_panic_costs_its_own_request(scene: Scene) {
    let (_site, client) = scene.client().await;
    for tool in ["panic", "panic_late"] {
        let beside = client.call_tool("wait", json!({"ms": 30})).into_future();
        let (error, beside) = tokio::join!(failure(client.call_tool(tool, ())), soon(beside));
        assert_eq!((error.code().unwrap().0, error.as_mcp().unwrap().message()), (-32603, "internal error"));
        assert_eq!(text(&beside.unwrap()), "done");
    }
    assert_eq!(said(&client, "add", json!({"a": 1, "b": 1})).await, "2");
}

pub async fn an_error_keeps_its_code_and_data(scene: Scene) {
    let (_site, client) = scene.client().await;
    for code in [-32000, 7] {
        let error = failure(client.call_tool("refuse", json!({"code": code}))).await;
        let error = error.as_mcp().unwrap();
        assert_eq!((error.code().0, error.message()), (code, "refused"));
        assert_eq!(error.data(), Some(&json!({"elicitations": []})));
    }
}

pub async fn a_resource_that_is_missing_is_told_from_other_errors(scene: Scene) {
    let (_site, client) = scene.client().await;
    let missing = failure(client.read_resource("test://nothing")).await;
    assert!(missing.is_resource_not_found(), "{missing:?}");
    let broken = failure(client.read_resource("test://broken")).await;
    assert!(!broken.is_resource_not_found());
    // What has gone wrong inside is nobody else's business.
    assert!(!format!("{broken:?}").contains("hunter2"), "{broken:?}");
}

pub async fn a_prompt_without_its_arguments_is_an_error(scene: Scene) {
    let (_site, client) = scene.client().await;
    let error = failure(client.get_prompt("review", [("times", "2")])).await;
    assert_eq!(error.code().unwrap().0, -32602);
    let error = failure(client.get_prompt("no such prompt", [("", ""); 0])).await;
    assert_eq!(error.code().unwrap().0, -32602);
}

pub async fn the_middleware_may_refuse_a_request(scene: Scene) {
    let (_site, client) = scene.client().await;
    let error = failure(client.call_tool("forbidden", ())).await;
    assert_eq!(error.as_mcp().unwrap().message(), "not you", "{error:?}");
    assert_eq!(said(&client, "add", json!({"a": 1, "b": 1})).await, "2");
}
