//! The server that load and fault tests rely on does what they count on.

use serde_json::{Value, json};

use crate::child::{ERAS, Era, Example, text_of};

/// Sends a call with a progress token, and returns its id.
fn follow(stress: &mut Example, tool: &str, arguments: Value) -> i64 {
    stress.send("tools/call", json!({"name": tool, "arguments": arguments, "_meta": {"progressToken": "p"}}))
}

/// Takes the notifications before an answer, and the answer.
fn until_answered(stress: &mut Example, id: i64) -> (Vec<Value>, Value) {
    let mut before = Vec::new();
    loop {
        let message = stress.next();
        if message["id"] == id {
            return (before, message);
        }
        before.push(message);
    }
}

#[test]
fn stress_server_counts_slow_calls_by_how_they_end() {
    for era in ERAS {
        let mut stress = Example::start("stress_server", era);
        assert_eq!(stress.text("slow", json!({"ms": 5})), "done");
        let id = stress.send("tools/call", json!({"name": "slow", "arguments": {"ms": 60_000}}));
        stress.write(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}}));
        // The cancelled call hears of it in its own time.
        while stress.text("stats", json!({})) != r#"{"cancelled":1,"finished":1,"started":2}"# {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        stress.end();
    }
}

#[test]
fn stress_server_reports_progress_slowly_and_in_floods() {
    for era in ERAS {
        let mut stress = Example::start("stress_server", era);
        let id = follow(&mut stress, "slow", json!({"ms": 220}));
        let (reports, answer) = until_answered(&mut stress, id);
        assert_eq!((reports.len(), text_of(&answer["result"])), (4, "done".to_owned()));
        let id = follow(&mut stress, "flood", json!({"count": 5000}));
        let (reports, _) = until_answered(&mut stress, id);
        assert_eq!(reports.len(), 5000);
        assert!(reports.iter().all(|report| report["params"]["progressToken"] == "p"));
        stress.end();
    }
}

#[test]
fn stress_server_survives_a_panic_and_sends_what_is_big() {
    for era in ERAS {
        let mut stress = Example::start("stress_server", era);
        assert_eq!(stress.refused("tools/call", json!({"name": "boom"})), -32603);
        assert_eq!(stress.text("big", json!({"bytes": 3_000_000})).len(), 3_000_000);
        assert_eq!(stress.text("echo", json!({"text": "ä\n"})), "ä\n");
        stress.end();
    }
}

#[test]
fn stress_server_announces_as_many_changes_as_asked() {
    for era in ERAS {
        let mut stress = Example::start("stress_server", era);
        if era == Era::Modern {
            stress.send("subscriptions/listen", json!({"notifications": {"toolsListChanged": true}}));
            assert_eq!(stress.next()["method"], "notifications/subscriptions/acknowledged");
        }
        let id = stress.send("tools/call", json!({"name": "poke", "arguments": {"count": 101}}));
        let mut changes = 0;
        let mut is_answered = false;
        while changes < 101 || !is_answered {
            let message = stress.next();
            changes += usize::from(message["method"] == "notifications/tools/list_changed");
            is_answered |= message["id"] == id;
        }
        drop(stress);
    }
}

#[test]
fn stress_server_offers_something_of_every_kind() {
    for era in ERAS {
        let mut stress = Example::start("stress_server", era);
        let arguments = json!({"region": "eu", "count": 3, "flag": true});
        assert_eq!(serde_json::from_str::<Value>(&stress.text("param", arguments.clone())).unwrap(), arguments);
        let tools = stress.ask("tools/list", json!({}));
        let param = tools["tools"].as_array().unwrap().iter().find(|tool| tool["name"] == "param").unwrap();
        for (argument, header) in [("region", "Region"), ("count", "Count"), ("flag", "Flag")] {
            assert_eq!(param["inputSchema"]["properties"][argument]["x-mcp-header"], header);
        }
        let prompt = stress.ask("prompts/get", json!({"name": "greet", "arguments": {"name": "Ada"}}));
        assert_eq!(prompt["messages"][0]["content"]["text"], "Greet Ada.");
        for (uri, text) in [("fixture://static/hello", "hello"), ("fixture://item/a%20b", "item:a b")] {
            assert_eq!(stress.ask("resources/read", json!({"uri": uri}))["contents"][0]["text"], text);
        }
        stress.end();
    }
}
