//! ELIC, ROOT: asking the user.

use serde_json::{Value, json};
use turbomcp::types::{ElicitRequestUrlParams, UrlElicitationRequiredData};
use turbomcp::{Context, ErrorCode, McpError, McpResult};
use turbomcp_tests::{Client, fixture};

use crate::everything;

/// Asks by a tool in every revision that knows the question; returns its params, each with the version.
async fn asked(tool: &str) -> Vec<(&'static str, Value)> {
    let mut all = Vec::new();
    for version in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        let mut client = Client::legacy(&fixture::server(), version, everything()).await;
        let mut asked = client.legacy_tool(tool, json!({"question": "?"})).await;
        if asked.get("method").is_some() {
            all.push((version, asked["params"].take()));
        }
    }
    let params = json!({"name": tool, "arguments": {"question": "?"}});
    let answer = Client::connect(&fixture::server()).modern("tools/call", params, everything()).await;
    let request = answer["result"]["inputRequests"].as_object().unwrap().values().next().unwrap();
    all.push(("2026-07-28", request["params"].clone()));
    all
}

/// Holds ELIC-09.
#[tokio::test]
async fn elic_07_a_form_has_a_message_and_a_flat_schema() {
    let forms = asked("ask").await;
    assert_eq!(
        forms.iter().map(|(version, _)| *version).collect::<Vec<_>>(),
        ["2025-06-18", "2025-11-25", "2026-07-28"]
    );
    for (version, params) in forms {
        assert_eq!(params["message"], "What is your name?", "{version}");
        let schema = &params["requestedSchema"];
        assert_eq!((&schema["type"], &schema["required"]), (&json!("object"), &json!(["name"])));
        for (name, kind) in [("name", "string"), ("age", "integer")] {
            assert_eq!(schema["properties"][name]["type"], kind, "{version}");
        }
        assert_eq!(params.get("mode").is_some(), version != "2025-06-18");
    }
}

#[tokio::test]
async fn elic_11_a_url_is_sent_with_a_message_and_its_mode() {
    let visits = asked("visit").await;
    assert_eq!(visits.iter().map(|(version, _)| *version).collect::<Vec<_>>(), ["2025-11-25", "2026-07-28"]);
    for (version, params) in visits {
        assert_eq!((&params["mode"], &params["message"]), (&json!("url"), &json!("Please sign in.")));
        assert_eq!(params["url"], "https://example.com/sign-in");
        assert_eq!(params.get("elicitationId").is_some(), version == "2025-11-25", "{params}");
    }
}

#[tokio::test]
async fn elic_16_a_url_that_has_to_come_first_is_an_error_of_one_revision() {
    let handler = |_: serde_json::Map<String, Value>, _: Context| async move {
        let visit = ElicitRequestUrlParams::new("Sign in.", "https://example.com/").with_elicitation_id("e-1");
        let data = serde_json::to_value(UrlElicitationRequiredData::new(vec![visit]))?;
        let error = McpError::new(ErrorCode::URL_ELICITATION_REQUIRED, "sign in first").with_data(data);
        McpResult::<String>::Err(error)
    };
    let server = fixture::builder().tool("locked", handler).unwrap().build();
    let mut client = Client::legacy(&server, "2025-11-25", everything()).await;
    let error = client.legacy_tool("locked", json!({})).await["error"].take();
    assert_eq!(error["code"], -32042);
    let visit = &error["data"]["elicitations"][0];
    assert_eq!((&visit["elicitationId"], &visit["mode"]), (&json!("e-1"), &json!("url")));
    for version in ["2024-11-05", "2025-06-18"] {
        let mut client = Client::legacy(&server, version, everything()).await;
        assert_eq!(client.legacy_tool("locked", json!({})).await["error"]["code"], -32602, "{version}");
    }
    assert_eq!(Client::connect(&server).tool("locked", json!({})).await["error"]["code"], -32602);
    // No tool of this server says so otherwise.
    for (_, answer) in crate::sweep().await {
        assert_ne!(answer["error"]["code"], -32042);
    }
}

#[tokio::test]
async fn elic_17_a_user_may_decline_or_dismiss() {
    for (result, text) in [
        (json!({"action": "accept", "content": {"name": "Ada"}}), "Hello, Ada!"),
        (json!({"action": "decline"}), "Decline"),
        (json!({"action": "cancel"}), "Cancel"),
    ] {
        let mut client = Client::legacy(&fixture::server(), "2025-11-25", everything()).await;
        let asked = client.legacy_tool("ask", json!({})).await;
        client.answer(&asked, result.clone()).await;
        assert_eq!(client.next().await["result"]["content"][0]["text"], text);
        let mut modern = Client::connect(&fixture::server());
        let retry = json!({"name": "ask", "inputResponses": {"user_name": result}});
        assert_eq!(modern.modern("tools/call", retry, everything()).await["result"]["content"][0]["text"], text);
    }
    // The client failed, or answers with what is no answer.
    let mut client = Client::legacy(&fixture::server(), "2025-11-25", everything()).await;
    for answer in [
        json!({"error": {"code": -32603, "message": "no screen"}}),
        json!({"error": {"code": "x"}}),
        json!({"result": {"action": "maybe"}}),
        json!({"result": {}}),
        json!({"result": 5}),
    ] {
        let asked = client.legacy_tool("ask", json!({})).await;
        let mut message = json!({"jsonrpc": "2.0", "id": asked["id"]});
        message.as_object_mut().unwrap().extend(answer.as_object().unwrap().clone());
        client.send(&message).await;
        let answered = client.next().await;
        assert!(answered.get("error").is_some() || answered["result"]["isError"] == true, "{answer}: {answered}");
    }
    assert_eq!(client.sync().await, Vec::<Value>::new());
}

#[tokio::test]
async fn elic_29_what_the_user_enters_is_held_against_the_form() {
    for content in
        [json!({}), json!({"name": 5}), json!({"name": "Ada", "age": "old"}), json!({"name": "Ada", "age": 1.5})]
    {
        let result = json!({"action": "accept", "content": content});
        let mut client = Client::legacy(&fixture::server(), "2025-11-25", everything()).await;
        let asked = client.legacy_tool("ask", json!({})).await;
        client.answer(&asked, result.clone()).await;
        let answer = client.next().await;
        assert!(answer.get("error").is_some(), "{content}: {answer}");
        let retry = json!({"name": "ask", "inputResponses": {"user_name": result}});
        let mut modern = Client::connect(&fixture::server());
        let answer = modern.modern("tools/call", retry, everything()).await;
        assert_eq!(answer["error"]["code"], -32602, "{content}: {answer}");
    }
}

#[tokio::test]
async fn root_06_roots_are_asked_for_only_where_there_are_some() {
    for (version, _) in [("2024-11-05", ()), ("2025-11-25", ())] {
        let mut client = Client::legacy(&fixture::server(), version, json!({"roots": {}})).await;
        let asked = client.legacy_tool("roots", json!({})).await;
        assert_eq!((&asked["method"], asked.get("params")), (&json!("roots/list"), None));
        client.answer(&asked, json!({"roots": [{"uri": "file:///a", "name": "a"}, {"uri": "file:///b"}]})).await;
        assert_eq!(client.next().await["result"]["content"][0]["text"], "file:///a file:///b");
        let asked = client.legacy_tool("roots", json!({})).await;
        let error = json!({"code": -32601, "message": "Roots not supported"});
        client.send(&json!({"jsonrpc": "2.0", "id": asked["id"], "error": error})).await;
        assert_eq!(client.next().await["error"]["code"], -32601);
    }
    let mut client = Client::legacy(&fixture::server(), "2025-11-25", json!({})).await;
    assert_eq!(client.legacy_tool("roots", json!({})).await["error"]["code"], -32602);
}
