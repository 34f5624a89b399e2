//! Answers that are wrong, doubled, unknown or too large.

use serde_json::{Value, json};
use turbomcp::client::Era;

use super::{ERAS, against, builder};
use crate::peer::{connected, failure, soon, text};

/// Holds BASE-09: only the exact id counts.
#[tokio::test(start_paused = true)]
async fn base_09_answers_with_other_ids_are_dropped() {
    for era in ERAS {
        let error = against(era, |mut peer, request| async move {
            let id = request["id"].as_u64().unwrap();
            let same = id.to_string();
            for wrong in
                [json!(id + 1), json!(same), json!(-1), json!(0), json!("x"), json!(id as f64 + 0.5), Value::Null]
            {
                peer.send(json!({"jsonrpc": "2.0", "id": wrong, "result": text("wrong")})).await;
            }
            peer
        })
        .await
        .unwrap_err();
        assert!(error.is_timeout(), "{error}");
    }
}

#[tokio::test]
async fn duplicate_answers_are_ignored() {
    for era in ERAS {
        let result = against(era, |mut peer, request| async move {
            peer.answer(&request, text("first")).await;
            peer.answer(&request, text("second")).await;
            peer
        })
        .await;
        assert_eq!(result.unwrap(), "first");
    }
}

#[tokio::test]
async fn answers_in_any_order_reach_their_callers() {
    let (client, mut peer) = connected(builder(), Era::Modern).await;
    let calls: Vec<_> = (0..10).map(|n| tokio::spawn(client.call_tool(format!("t{n}"), ()).into_future())).collect();
    let mut requests = Vec::new();
    for _ in 0..10 {
        requests.push(peer.expect("tools/call").await);
    }
    for request in requests.iter().rev() {
        peer.answer(request, text(request["params"]["name"].as_str().unwrap())).await;
    }
    for (n, call) in calls.into_iter().enumerate() {
        assert_eq!(soon(call).await.unwrap().unwrap().content[0].as_text().unwrap(), format!("t{n}"));
    }
}

#[tokio::test]
async fn garbage_between_messages_is_skipped() {
    for era in ERAS {
        let result = against(era, |mut peer, request| async move {
            for line in ["Server started on port 3000", "", "{", "[]", "null", "{}", "\"x\"", "{\"jsonrpc\":\"2.0\"}"] {
                peer.send_text(line).await;
            }
            peer.send_raw(b"\xff\xfe\x00\n\r\n   \n").await;
            peer.send_text(&format!("{}\r", json!({"jsonrpc": "2.0", "id": request["id"], "result": text("ok")})))
                .await;
            peer
        })
        .await;
        assert_eq!(result.unwrap(), "ok");
    }
}

#[tokio::test]
async fn an_answer_in_single_bytes_is_read() {
    let result = against(Era::Modern, |mut peer, request| async move {
        let line = format!("{}\n", json!({"jsonrpc": "2.0", "id": request["id"], "result": text("ok")}));
        for byte in line.as_bytes() {
            peer.send_raw(&[*byte]).await;
            tokio::task::yield_now().await;
        }
        peer
    })
    .await;
    assert_eq!(result.unwrap(), "ok");
}

/// Sends raw members of a response and returns the error.
async fn response(members: &str) -> turbomcp::client::Error {
    let members = members.to_owned();
    let result = against(Era::Modern, |mut peer, request| async move {
        peer.send_text(&format!(r#"{{"jsonrpc":"2.0","id":{}{members}}}"#, request["id"])).await;
        peer
    });
    result.await.unwrap_err()
}

/// Holds BASE-15, BASE-16.
#[tokio::test]
async fn base_16_a_response_that_is_none_is_a_protocol_error_at_once() {
    for members in [
        "",
        r#","result":{},"error":{"code":1,"message":""}"#,
        r#","error":{}"#,
        r#","error":{"code":"x","message":""}"#,
        r#","error":null"#,
        r#","result":3"#,
        r#","result":null"#,
        r#","result":[]"#,
        r#","result":{}"#,
        r#","result":{"resultType":"complete"}"#,
        r#","result":{"resultType":"complete","content":"x"}"#,
        r#","result":{"resultType":"complete","content":[{"type":"text"}]}"#,
        r#","result":{"resultType":7,"content":[]}"#,
    ] {
        let error = response(members).await;
        assert!(error.is_protocol(), "{members}: {error}");
    }
}

/// Holds BASE-30, BASE-32.
#[tokio::test]
async fn an_error_of_the_server_keeps_its_code_message_and_data() {
    let error = response(r#","error":{"code":-32602,"message":"no such tool","data":{"x":[1]}}"#).await;
    let inner = error.as_mcp().unwrap();
    assert_eq!((inner.code().0, inner.message(), inner.data()), (-32602, "no such tool", Some(&json!({"x": [1]}))));
    assert!(!error.is_timeout() && !error.is_closed() && !error.is_protocol());
    let error = response(r#","error":{"code":-32002,"message":"gone"}"#).await;
    assert!(error.is_resource_not_found());
}

/// Holds BASE-13.
#[tokio::test]
async fn base_12_an_unknown_result_type_is_an_invalid_response() {
    for kind in ["job", "", "Complete", "x"] {
        let error = response(&format!(r#","result":{{"resultType":"{kind}","content":[]}}"#)).await;
        assert!(error.is_protocol() && error.to_string().contains("result type"), "{error}");
    }
}

#[tokio::test]
async fn base_11_a_result_without_a_type_is_complete() {
    let result = against(Era::Modern, |mut peer, request| async move {
        peer.answer(&request, json!({"content": [{"type": "text", "text": "old"}]})).await;
        peer
    });
    assert_eq!(result.await.unwrap(), "old");
}

#[tokio::test(start_paused = true)]
async fn defence_22_an_oversized_answer_is_skipped_and_fails_its_call() {
    let (ours, mut theirs) = crate::peer::pair();
    let transport = ours.max_message_bytes(10_000);
    let connect = tokio::spawn(builder().era(Era::Modern).connect(transport));
    theirs.discover().await;
    let client = soon(connect).await.unwrap().unwrap();
    let call = tokio::spawn(client.call_tool("x", ()).into_future());
    let request = theirs.expect("tools/call").await;
    theirs.answer(&request, text(&"x".repeat(20_000))).await;
    let error = failure(async { call.await.unwrap() }).await;
    assert!(error.is_protocol() && error.to_string().contains("10000 bytes"), "{error:?}");
    // What says only at its end whom it answers is skipped before that is read.
    let call = tokio::spawn(client.call_tool("x", ()).into_future());
    let (request, long) = (theirs.expect("tools/call").await, text(&"x".repeat(20_000)));
    theirs.send_text(&format!(r#"{{"jsonrpc":"2.0","result":{long},"id":{}}}"#, request["id"])).await;
    assert!(failure(async { call.await.unwrap() }).await.is_timeout());
    theirs.expect("notifications/cancelled").await;
    let (result, _) = tokio::join!(client.call_tool("x", ()).into_future(), theirs.serve("tools/call", text("small")));
    assert_eq!(result.unwrap().content[0].as_text(), Some("small"));
}

#[tokio::test]
async fn arguments_that_are_no_object_are_refused_before_anything_is_sent() {
    let (client, peer) = connected(builder(), Era::Modern).await;
    assert!(failure(client.call_tool("x", [1]).into_future()).await.is_usage());
    assert!(failure(client.call_tool("x", "text").into_future()).await.is_usage());
    assert!(failure(client.request::<Value>("x/y", 7).into_future()).await.is_usage());
    client.close().await;
    assert!(peer.drain().await.is_empty());
}

/// A value that is not what the tool has announced.
#[tokio::test]
async fn tool_09_structured_content_that_does_not_fit_its_schema_is_refused() {
    for checked in [true, false] {
        let builder = if checked { builder() } else { builder().unchecked_outputs() };
        let (client, mut peer) = connected(builder, Era::Modern).await;
        let schema = json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]});
        let list = json!({"tools": [{"name": "x", "inputSchema": {"type": "object"}, "outputSchema": schema}]});
        let (tools, _) = tokio::join!(client.list_all_tools(), peer.serve("tools/list", list));
        tools.unwrap();
        for (content, fits) in [(json!({"n": 1}), true), (json!({"n": "one"}), false), (json!(null), false)] {
            let result = json!({"content": [], "structuredContent": content});
            let call = client.call_tool("x", ());
            let (outcome, _) = tokio::join!(call.into_future(), peer.serve("tools/call", result));
            match outcome {
                Ok(_) => assert!(fits || !checked, "{content}"),
                Err(error) => assert!(!fits && checked && error.is_protocol(), "{content}: {error}"),
            }
        }
    }
}

/// Holds BASE-22: batches exist in one revision only.
#[tokio::test(start_paused = true)]
async fn base_22_batches_are_read_where_the_revision_has_them() {
    for (version, answered) in [("2025-03-26", true), ("2025-11-25", false)] {
        let (transport, mut peer) = crate::peer::pair();
        let connect = tokio::spawn(builder().era(Era::Legacy).connect(transport));
        peer.initialize(version).await;
        let client = soon(connect).await.unwrap().unwrap();
        let call = tokio::spawn(client.call_tool("x", ()).into_future());
        let request = peer.expect("tools/call").await;
        let log = json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": 1}});
        peer.send(json!([log, {"jsonrpc": "2.0", "id": request["id"], "result": text("ok")}])).await;
        assert_eq!(soon(call).await.unwrap().is_ok(), answered, "{version}");
    }
}
