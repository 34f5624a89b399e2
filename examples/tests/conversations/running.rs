//! What happens while a request runs, and what is announced, in both eras.

use serde_json::{Value, json};

use crate::child::{ERAS, Era, Example, text_of};

#[test]
fn progress_and_cancel_reports_each_step() {
    for era in ERAS {
        let mut baker = Example::start("progress_and_cancel", era);
        let params = json!({"name": "bake", "arguments": {"loaves": 3}, "_meta": {"progressToken": "bread"}});
        let id = baker.send("tools/call", params);
        for loaf in 1..=3 {
            let message = baker.next();
            let expected =
                json!({"progressToken": "bread", "progress": loaf, "total": 3, "message": format!("loaf {loaf}")});
            assert_eq!((&message["method"], &message["params"]), (&json!("notifications/progress"), &expected));
        }
        let answer = baker.next();
        assert_eq!(answer["id"], id);
        assert_eq!(text_of(&answer["result"]), "baked: 3");
        assert_eq!(baker.text("bake", json!({"loaves": 1})), "baked: 1");
        baker.end();
    }
}

#[test]
fn progress_and_cancel_stops_what_nobody_waits_for() {
    for era in ERAS {
        let mut baker = Example::start("progress_and_cancel", era);
        let id = baker.send("tools/call", json!({"name": "rise", "arguments": {"minutes": 60}}));
        let cancelled = json!({"requestId": id, "reason": "hungry"});
        baker.write(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": cancelled}));
        // The task hears of it in its own time; the cancelled request itself is never answered.
        while baker.text("thrown_away", json!({})) != "1" {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        baker.end();
    }
}

/// Makes the client hear of changes: in the modern era by a subscription, whose id is returned.
fn listen(example: &mut Example, era: Era, notifications: Value) -> Option<i64> {
    (era == Era::Modern).then(|| {
        let id = example.send("subscriptions/listen", json!({"notifications": notifications}));
        let acknowledged = example.next();
        assert_eq!(acknowledged["method"], "notifications/subscriptions/acknowledged");
        assert_eq!(acknowledged["params"]["notifications"], notifications);
        id
    })
}

/// Sends a call and takes its answer and the notification that comes with it, in either order.
fn call_and_hear(example: &mut Example, tool: &str, arguments: Value, subscription: Option<i64>) -> (String, Value) {
    let id = example.send("tools/call", json!({"name": tool, "arguments": arguments}));
    let (first, second) = (example.next(), example.next());
    let (answer, heard) = if first["id"] == id { (first, second) } else { (second, first) };
    assert_eq!(answer["id"], id, "{answer}");
    assert_ne!(answer["result"]["isError"], true, "{answer}");
    let marked = heard["params"]["_meta"].get("io.modelcontextprotocol/subscriptionId");
    assert_eq!(marked.and_then(Value::as_i64), subscription, "{heard}");
    (text_of(&answer["result"]), heard)
}

#[test]
fn resources_announces_what_a_client_subscribed_to() {
    for era in ERAS {
        let mut notebook = Example::start("resources", era);
        let subscription = listen(&mut notebook, era, json!({"resourceSubscriptions": ["notes://0"]}));
        if era == Era::Legacy {
            notebook.ask("resources/subscribe", json!({"uri": "notes://0"}));
        }
        let (_, heard) = call_and_hear(&mut notebook, "write", json!({"number": 0, "text": "milk"}), subscription);
        assert_eq!(
            (&heard["method"], &heard["params"]["uri"]),
            (&json!("notifications/resources/updated"), &json!("notes://0"))
        );
        // Nobody subscribed to this one, so its answer is all there is.
        notebook.text("write", json!({"number": 1, "text": "bread"}));
        assert_eq!(notebook.ask("resources/read", json!({"uri": "notes://0"}))["contents"][0]["text"], "milk");
    }
}

#[test]
fn dynamic_tools_come_and_go_and_are_announced() {
    for era in ERAS {
        let mut translator = Example::start("dynamic_tools", era);
        let names = |example: &mut Example| -> Vec<String> {
            let tools = example.ask("tools/list", json!({}))["tools"].take();
            tools.as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(names(&mut translator), ["learn", "forget"]);
        let subscription = listen(&mut translator, era, json!({"toolsListChanged": true}));
        let latin = json!({"language": "latin"});
        let (text, heard) = call_and_hear(&mut translator, "learn", latin.clone(), subscription);
        assert_eq!((text.as_str(), &heard["method"]), ("call into_latin", &json!("notifications/tools/list_changed")));
        assert_eq!(names(&mut translator), ["learn", "forget", "into_latin"]);
        assert_eq!(translator.text("into_latin", json!({"text": "bread"})), "bread, in latin");

        let again = translator.call("learn", latin.clone());
        assert!(again["isError"] == true && text_of(&again).contains("into_latin"), "{again}");
        let (text, _) = call_and_hear(&mut translator, "forget", latin.clone(), subscription);
        assert_eq!(text, "forgotten");
        assert_eq!(names(&mut translator), ["learn", "forget"]);
        assert_eq!(translator.refused("tools/call", json!({"name": "into_latin", "arguments": {"text": "x"}})), -32602);
        let missing = translator.call("forget", latin);
        assert!(missing["isError"] == true && text_of(&missing).contains("never learned"), "{missing}");
    }
}
