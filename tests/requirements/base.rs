//! BASE: messages, ids, errors, `_meta`.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use turbomcp::ErrorCode;
use turbomcp_tests::{Client, fixture, initialize_params, modern};

use crate::{everything, requests, sweep};

/// What a text that is not JSON, or not a message, is answered with.
async fn code_of(client: &mut Client, text: &str) -> Value {
    client.send_text(text.as_bytes()).await;
    client.next().await["error"]["code"].clone()
}

#[tokio::test]
async fn base_01_only_json_rpc_2_objects_are_messages() {
    let mut client = Client::connect(&fixture::server());
    for text in [
        r#"{"id":1,"method":"ping"}"#,
        r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#,
        r#"{"jsonrpc":2.0,"id":1,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":1}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":""}}"#,
        r#""ping""#,
        "1",
        "null",
        "true",
    ] {
        assert_eq!(code_of(&mut client, text).await, -32600, "{text}");
    }
    assert!(sweep().await.iter().all(|(_, answer)| answer["jsonrpc"] == "2.0"));
}

/// Invalid UTF-8 on the way out would fail the client, which reads text.
#[tokio::test]
async fn base_02_messages_are_utf_8_in_both_directions() {
    let mut client = Client::connect(&fixture::server());
    for bytes in
        [&b"\xff\xfe"[..], b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"x\":\"\xc3\x28\"}", b"\xed\xa0\x80"]
    {
        client.send_text(bytes).await;
        assert_eq!(client.next().await["error"]["code"], -32700);
    }
    let text = "ä\u{1f600}\u{2028}\u{0}\u{7f}\u{fffd}";
    assert_eq!(client.tool("echo", json!({"text": text})).await["result"]["content"][0]["text"], text);
}

#[tokio::test]
async fn base_05_ids_are_strings_or_integers_and_come_back_as_they_were() {
    let mut client = Client::connect(&fixture::server());
    for id in [json!(0), json!(-7), json!(i64::MAX), json!(i64::MIN), json!(""), json!("1"), json!("ä\"\n")] {
        client.send(&modern(id.clone(), "tools/list", json!({}), json!({}))).await;
        assert_eq!(client.next().await["id"], id);
    }
    for id in ["1.5", "1e3", "true", "[1]", "{}", "99999999999999999999"] {
        let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
        assert_eq!(code_of(&mut client, &text).await, -32600, "{id}");
    }
}

#[tokio::test]
async fn base_06_an_id_is_never_null() {
    let mut client = Client::connect(&fixture::server());
    client.send_text(br#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#).await;
    let refused = client.next().await;
    assert_eq!((&refused["error"]["code"], refused.get("id")), (&json!(-32600), None));
    let mut legacy = Client::legacy(&fixture::server(), "2025-11-25", everything()).await;
    let asked = legacy.legacy_tool("roots", json!({})).await;
    assert!(asked["id"].is_i64() || asked["id"].is_string(), "{asked}");
}

/// Holds BASE-08.
#[tokio::test]
async fn base_07_the_server_never_uses_an_id_twice() {
    let mut client = Client::legacy(&fixture::server(), "2025-11-25", everything()).await;
    let mut ids = BTreeSet::new();
    for round in 0..3 {
        for n in 0..3 {
            let call = json!({"name": "roots", "arguments": {}});
            client.send(&json!({"jsonrpc": "2.0", "id": round * 3 + n, "method": "tools/call", "params": call})).await;
        }
        let mut asked = Vec::new();
        while asked.len() < 3 {
            asked.push(client.next().await);
        }
        for request in asked {
            assert_eq!(request["method"], "roots/list");
            assert!(ids.insert(request["id"].to_string()), "{request}");
            client.answer(&request, json!({"roots": []})).await;
            assert!(client.next().await.get("result").is_some());
        }
    }
}

/// Holds BASE-13.
#[tokio::test]
async fn base_10_every_result_has_a_type_of_the_core() {
    let mut kinds = BTreeSet::new();
    for (method, answer) in sweep().await {
        if let Some(result) = answer.get("result") {
            let kind = result["resultType"].as_str().unwrap_or_else(|| panic!("{method}: {answer}"));
            assert!(["complete", "input_required"].contains(&kind), "{method}: {answer}");
            kinds.insert(kind.to_owned());
        }
    }
    assert_eq!(kinds.len(), 2);
}

#[tokio::test]
async fn base_14_an_error_names_its_request_unless_the_id_could_not_be_read() {
    let mut client = Client::connect(&fixture::server());
    for (text, id) in [
        (r#"{"jsonrpc":"2.0","id":"a","method":3}"#, Some(json!("a"))),
        (r#"{"jsonrpc":"2.0","id":4,"method":"x","params":[1]}"#, Some(json!(4))),
        (r#"{"jsonrpc":"2.0","id":5,"method":"no/such"}"#, Some(json!(5))),
        (r#"{"jsonrpc":"2.0","id":6"#, None),
        ("[]", None),
    ] {
        client.send_text(text.as_bytes()).await;
        let answer = client.next().await;
        assert!(answer.get("error").is_some());
        assert_eq!(answer.get("id"), id.as_ref(), "{text}: {answer}");
    }
}

/// Holds BASE-17.
#[tokio::test]
async fn base_15_an_error_has_an_integer_code_and_one_short_sentence() {
    let mut errors = 0;
    for (method, answer) in sweep().await {
        let Some(error) = answer.get("error") else { continue };
        errors += 1;
        assert!(error["code"].is_i64(), "{method}: {answer}");
        let message = error["message"].as_str().unwrap();
        assert!(!message.is_empty() && message.len() < 120 && !message.contains('\n'), "{method}: {answer}");
    }
    assert!(errors > 10);
}

#[tokio::test]
async fn base_16_a_response_has_either_a_result_or_an_error() {
    let mut client = Client::legacy(&fixture::server(), "2025-06-18", json!({})).await;
    for (method, params) in requests().into_iter().filter(|(method, _)| *method != "initialize") {
        let answer = client.call(method, params).await;
        assert!(answer.get("result").is_some() != answer.get("error").is_some(), "{method}: {answer}");
    }
}

#[tokio::test]
async fn base_18_a_notification_has_no_id() {
    let server = fixture::server();
    let mut client = Client::legacy(&server, "2025-11-25", json!({})).await;
    let params = json!({"name": "wait", "arguments": {"ms": 1}, "_meta": {"progressToken": 1}});
    assert_eq!(client.call("tools/call", params).await.get("id"), None);
    assert_eq!(client.next().await.get("id"), None);
    assert_eq!(client.next().await["id"], 1);
    assert!(server.remove_tool("add"));
    let changed = client.next().await;
    assert_eq!((changed["method"].as_str(), changed.get("id")), (Some("notifications/tools/list_changed"), None));
}

#[tokio::test]
async fn base_19_a_notification_is_never_answered() {
    for legacy in [false, true] {
        let mut client = Client::connect(&fixture::server());
        if legacy {
            client.initialize("2025-11-25", json!({})).await;
        }
        for (method, params) in [
            ("notifications/no/such", json!({})),
            ("notifications/cancelled", json!({})),
            ("notifications/cancelled", json!({"requestId": []})),
            ("notifications/progress", json!({"progressToken": "x", "progress": "y"})),
            ("notifications/roots/list_changed", json!({})),
            ("tools/call", json!({"name": "panic"})),
            ("initialize", json!({})),
        ] {
            client.notify(method, params).await;
        }
        assert_eq!(client.sync().await, Vec::<Value>::new());
    }
}

/// The client of the tests fails at a request that a modern client is sent.
#[tokio::test]
async fn base_20_the_server_sends_a_modern_client_no_requests() {
    for (_, answer) in sweep().await {
        assert_eq!(answer.get("method"), None, "{answer}");
    }
}

#[tokio::test]
async fn base_22_a_batch_is_answered_only_where_there_are_batches() {
    let ping = |id: Value| json!({"jsonrpc": "2.0", "id": id, "method": "ping"});
    let note = json!({"jsonrpc": "2.0", "method": "notifications/x"});
    let mut client = Client::legacy(&fixture::server(), "2025-03-26", json!({})).await;
    client.send(&json!([ping(json!(1)), note, ping(json!("a")), {"jsonrpc": "2.0", "id": 3}])).await;
    let answers = client.next().await;
    let codes: Vec<_> =
        answers.as_array().unwrap().iter().map(|a| (a["id"].clone(), a.get("error").is_some())).collect();
    assert_eq!(codes, [(json!(1), false), (json!("a"), false), (json!(3), true)]);
    client.send(&json!([note, note])).await;
    assert_eq!(client.sync().await, Vec::<Value>::new());
    client.send_text(b"[]").await;
    assert_eq!(client.next().await["error"]["code"], -32600);
    for version in ["2024-11-05", "2025-06-18", "2025-11-25"] {
        let mut client = Client::legacy(&fixture::server(), version, json!({})).await;
        client.send(&json!([ping(json!(1))])).await;
        assert_eq!(client.next().await["error"]["code"], -32600, "{version}");
    }
    let mut client = Client::connect(&fixture::server());
    client.send(&json!([modern(1, "tools/list", json!({}), json!({}))])).await;
    assert_eq!(client.next().await["error"]["code"], -32600);
}

/// Holds BASE-25, BASE-27, BASE-29, BASE-31.
#[tokio::test]
async fn base_28_codes_are_those_of_the_specification_and_mean_what_it_says() {
    let specified = [-32700, -32600, -32601, -32602, -32603, -32020, -32021, -32022];
    for (method, answer) in sweep().await {
        let Some(code) = answer["error"]["code"].as_i64() else { continue };
        assert!(specified.contains(&code), "{method}: {answer}");
        match code {
            -32020 => panic!("there are no headers: {answer}"),
            -32021 => assert!(answer["error"]["data"]["requiredCapabilities"].is_object(), "{answer}"),
            -32022 => panic!("the version is supported: {answer}"),
            _ => {}
        }
    }
    for code in [ErrorCode::UNAUTHORIZED, ErrorCode::FORBIDDEN, ErrorCode::RATE_LIMITED, ErrorCode::UNAVAILABLE] {
        assert!(!(-32768..=-32000).contains(&code.0), "{code}");
    }
    // What a handler refuses with a code of an older revision is known by another one now.
    let mut client = Client::connect(&fixture::server());
    for code in [-32002, -32042] {
        assert_eq!(client.tool("refuse", json!({"code": code})).await["error"]["code"], -32602);
    }
    let mut legacy = Client::legacy(&fixture::server(), "2025-11-25", json!({})).await;
    let refused = legacy.legacy_tool("ask", json!({})).await;
    assert_eq!(refused["error"]["code"], -32602, "only a modern client knows of -32021: {refused}");
}

#[tokio::test]
async fn base_26_codes_of_older_implementations_mean_nothing() {
    let mut texts = BTreeSet::new();
    for code in [-32000, -32001, -32019, -32099, 7] {
        let mut client = Client::legacy(&fixture::server(), "2025-11-25", everything()).await;
        let asked = client.legacy_tool("roots", json!({})).await;
        let error = json!({"code": code, "message": "no"});
        client.send(&json!({"jsonrpc": "2.0", "id": asked["id"], "error": error})).await;
        let mut answer = client.next().await;
        assert_eq!(answer["error"]["code"].take(), code);
        texts.insert(answer.to_string());
        assert_eq!(client.sync().await, Vec::<Value>::new());
    }
    assert_eq!(texts.len(), 1, "{texts:?}");
}

#[tokio::test]
async fn base_33_a_method_that_is_unknown_or_not_advertised_does_not_exist() {
    let mut client = Client::connect(&fixture::server());
    for method in ["no/such", "", "tools", "Tools/List", "logging/setLevel", "resources/subscribe", "initialize"] {
        assert_eq!(client.modern(method, json!({}), json!({})).await["error"]["code"], -32601, "{method}");
    }
    let empty = turbomcp::McpServer::builder().build();
    let mut client = Client::connect(&empty);
    for (method, params) in requests().into_iter().filter(|(method, _)| *method != "server/discover") {
        assert_eq!(client.modern(method, params, json!({})).await["error"]["code"], -32601, "{method}");
    }
}

#[tokio::test]
async fn base_34_nothing_is_remembered_from_an_earlier_request() {
    let mut client = Client::connect(&fixture::server());
    let call = json!({"name": "roots"});
    let asked = client.modern("tools/call", call.clone(), everything()).await;
    assert_eq!(asked["result"]["resultType"], "input_required");
    assert_eq!(client.modern("tools/call", call, json!({})).await["error"]["code"], -32021);
    let named =
        json!({"name": "who", "_meta": {"io.modelcontextprotocol/clientInfo": {"name": "Ada", "version": "1"}}});
    assert_eq!(client.modern("tools/call", named, json!({})).await["result"]["content"][0]["text"], "Ada");
    assert_eq!(client.tool("who", json!({})).await["result"]["content"][0]["text"], "nobody");
    // Nor is anything taken from the legacy handshake of the same connection.
    client.initialize("2025-11-25", everything()).await;
    assert_eq!(client.tool("roots", json!({})).await["error"]["code"], -32021);
    assert_eq!(client.tool("who", json!({})).await["result"]["content"][0]["text"], "nobody");
}

#[tokio::test]
async fn base_35_unrelated_requests_do_not_hold_each_other_up() {
    let mut client = Client::connect(&fixture::server());
    for (id, ms) in [(1, 400), (2, 5)] {
        let params = json!({"name": "wait", "arguments": {"ms": ms}});
        client.send(&modern(id, "tools/call", params, json!({}))).await;
    }
    client.send(&modern(3, "tools/call", json!({"name": "nothing"}), json!({}))).await;
    let order =
        [client.next().await["id"].clone(), client.next().await["id"].clone(), client.next().await["id"].clone()];
    assert_eq!(order, [3, 2, 1]);
}

#[tokio::test]
async fn base_36_a_round_trip_may_end_on_another_connection() {
    let server = fixture::server();
    let first = Client::connect(&server).modern("tools/call", json!({"name": "roots"}), everything()).await;
    let (key, _) = first["result"]["inputRequests"].as_object().unwrap().iter().next().unwrap();
    let retry = json!({"name": "roots", "requestState": first["result"]["requestState"],
        "inputResponses": {key: {"roots": [{"uri": "file:///a"}]}}});
    let done = Client::connect(&server).modern("tools/call", retry, everything()).await;
    assert_eq!(done["result"]["content"][0]["text"], "file:///a");
}

#[tokio::test]
async fn base_41_a_request_without_required_metadata_is_refused() {
    let version = "io.modelcontextprotocol/protocolVersion";
    let capabilities = "io.modelcontextprotocol/clientCapabilities";
    let mut client = Client::connect(&fixture::server());
    for params in [
        None,
        Some(json!({})),
        Some(json!({"_meta": {}})),
        Some(json!({"_meta": null})),
        Some(json!({"_meta": {capabilities: {}}})),
        Some(json!({"_meta": {version: "2026-07-28"}})),
        Some(json!({"_meta": {version: "2026-07-28", capabilities: null}})),
        Some(json!({"_meta": {version: "2026-07-28", capabilities: []}})),
        Some(json!({"_meta": {version: 20260728, capabilities: {}}})),
    ] {
        let mut request = json!({"jsonrpc": "2.0", "id": 3, "method": "tools/list"});
        if let Some(params) = params {
            request["params"] = params;
        }
        client.send(&request).await;
        let answer = client.next().await;
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(3), &json!(-32602)), "{request}");
    }
}

#[tokio::test]
async fn base_42_a_client_need_not_say_who_it_is() {
    let mut client = Client::connect(&fixture::server());
    assert!(client.modern("tools/list", json!({}), json!({})).await["result"]["tools"].is_array());
}

#[tokio::test]
async fn base_43_a_capability_that_is_missing_is_named() {
    let mut client = Client::connect(&fixture::server());
    for (tool, declared, required) in [
        ("ask", json!({}), json!({"elicitation": {}})),
        ("ask", json!({"elicitation": {"url": {}}}), json!({"elicitation": {}})),
        ("visit", json!({"elicitation": {}}), json!({"elicitation": {"url": {}}})),
        ("visit", json!({"sampling": {}}), json!({"elicitation": {"url": {}}})),
        ("sample", json!({"elicitation": {}}), json!({"sampling": {}})),
        ("roots", json!({"sampling": {}}), json!({"roots": {}})),
    ] {
        let params = json!({"name": tool, "arguments": {"question": "?"}});
        let answer = client.modern("tools/call", params, declared.clone()).await;
        assert_eq!(answer["error"]["code"], -32021, "{tool} {declared}: {answer}");
        assert_eq!(answer["error"]["data"]["requiredCapabilities"], required, "{tool} {declared}: {answer}");
    }
}

#[tokio::test]
async fn base_44_every_result_says_who_the_server_is() {
    for (method, answer) in sweep().await {
        if let Some(result) = answer.get("result") {
            let info = &result["_meta"]["io.modelcontextprotocol/serverInfo"];
            assert_eq!((&info["name"], &info["version"]), (&json!("fixture"), &json!("1.0.0")), "{method}: {answer}");
        }
    }
}

#[tokio::test]
async fn base_45_who_the_client_says_it_is_changes_nothing() {
    let mut client = Client::connect(&fixture::server());
    let mut answers = BTreeSet::new();
    for info in [json!({"name": "a", "version": "1"}), json!({"name": "claude-ai", "version": "0"}), json!(5)] {
        let params = json!({"_meta": {"io.modelcontextprotocol/clientInfo": info}});
        answers.insert(client.modern("tools/list", params, json!({})).await.to_string());
    }
    assert_eq!(answers.len(), 1);
}

/// Holds BASE-51.
#[tokio::test]
async fn base_46_reserved_metadata_without_a_meaning_here_may_be_anything() {
    let mut client = Client::connect(&fixture::server());
    for value in [json!(null), json!(1), json!("x"), json!([]), json!({"a": {}})] {
        let meta =
            json!({"io.modelcontextprotocol/new": value, "dev.mcp/x": value, "traceparent": value, "baggage": value});
        let answer = client.modern("tools/call", json!({"name": "nothing", "_meta": meta}), json!({})).await;
        assert_eq!(answer["result"]["content"][0]["text"], "nothing", "{value}");
        assert_eq!(answer["result"]["_meta"].as_object().unwrap().len(), 1, "nothing of it is sent back: {answer}");
    }
}

/// Holds BASE-48, BASE-50.
#[tokio::test]
async fn base_47_keys_of_metadata_are_well_formed() {
    fn keys(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                if let Some(Value::Object(meta)) = members.get("_meta") {
                    found.extend(meta.keys().cloned());
                }
                members.values().for_each(|member| keys(member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| keys(item, found)),
            _ => {}
        }
    }
    let label = |label: &str| {
        label.starts_with(|c: char| c.is_ascii_alphabetic())
            && label.ends_with(|c: char| c.is_ascii_alphanumeric())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    let mut found = BTreeSet::new();
    sweep().await.iter().for_each(|(_, answer)| keys(answer, &mut found));
    assert!(found.contains("io.modelcontextprotocol/serverInfo"));
    for key in found {
        let (prefix, name) = key.rsplit_once('/').unwrap_or(("", &key));
        assert!(prefix.is_empty() || prefix.split('.').all(label), "{key}");
        let inside = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let ends = |c: char| c.is_ascii_alphanumeric();
        assert!(name.starts_with(ends) && name.ends_with(ends) && name.chars().all(inside), "{key}");
    }
}

#[tokio::test]
async fn base_09_a_result_carries_the_id_of_its_request() {
    let mut client = Client::connect(&fixture::server());
    let answer = client.call("initialize", initialize_params("2025-11-25", json!({}))).await;
    assert_eq!((&answer["id"], answer.get("result").is_some()), (&json!(1), true));
    client.send(&json!({"jsonrpc": "2.0", "id": "two", "method": "ping"})).await;
    assert_eq!(client.next().await, json!({"jsonrpc": "2.0", "id": "two", "result": {}}));
}
