//! What a client sees when something fails, in both eras.

use serde_json::{Value, json};

use crate::child::{ERAS, Era, Example, text_of};

#[test]
fn errors_of_a_tool_are_text_for_the_model() {
    for era in ERAS {
        let mut office = Example::start("errors", era);
        assert_eq!(office.text("send", json!({"kilograms": 20})), "sent");
        for (tool, arguments, text) in [
            ("send", json!({"kilograms": 21}), "the parcel is too heavy; split it into parcels of at most 20 kg"),
            ("find", json!({"number": "seven"}), "invalid digit found in string"),
            ("find", json!({"number": "0"}), "numbers start at 1"),
            ("find", json!({}), "missing argument `number`"),
        ] {
            let failed = office.call(tool, arguments);
            assert_eq!((&failed["isError"], text_of(&failed).as_str()), (&json!(true), text));
        }
        office.end();
    }
}

#[test]
fn errors_that_the_model_cannot_mend_answer_the_request() {
    for era in ERAS {
        let mut office = Example::start("errors", era);
        let id = office.send("tools/call", json!({"name": "vault", "arguments": {}}));
        let answer = office.next();
        let error = json!({"code": 403, "message": "the vault is closed", "data": {"opens": "9:00"}});
        assert_eq!((&answer["id"], &answer["error"]), (&json!(id), &error));
        assert_eq!(office.ask("resources/read", json!({"uri": "ledger://2026"}))["contents"][0]["text"], "all paid");
        assert_eq!(office.refused("resources/read", json!({"uri": "ledger://2027"})), -32602);
        assert_eq!(office.refused("tools/call", json!({"name": "weigh", "arguments": {}})), -32603);
        assert_eq!(office.text("send", json!({"kilograms": 1})), "sent");
        office.end();
    }
}

#[test]
fn errors_for_the_log_are_not_shown() {
    for era in ERAS {
        let mut office = Example::start("errors", era);
        for (method, params) in [
            ("resources/read", json!({"uri": "ledger://0"})),
            ("tools/call", json!({"name": "count", "arguments": {}})),
        ] {
            office.send(method, params);
            assert_eq!(office.next()["error"], json!({"code": -32603, "message": "internal error"}));
        }
        office.end();
    }
}

#[test]
fn tools_hold_their_arguments_against_what_they_announce() {
    for era in ERAS {
        let mut geometry = Example::start("tools", era);
        let line = json!({"label": "shore", "length": 3});
        assert_eq!(geometry.text("line", line), "---\nshore, 3 Metre, black");
        for (arguments, name) in [
            (json!({"label": "shore", "length": 61}), "length"),
            (json!({"label": "SHORE", "length": 3}), "label"),
            (json!({"label": "", "length": 3}), "label"),
            (json!({"label": "shore", "length": 3, "unit": "mile"}), "unit"),
            (json!({"label": "shore", "length": 3, "color": 7}), "color"),
        ] {
            let refused = geometry.call("line", arguments);
            assert!(refused["isError"] == true && text_of(&refused).contains(name), "{refused}");
        }
        geometry.end();
    }
}

#[test]
fn tools_return_values_content_and_numbers() {
    for era in ERAS {
        let mut geometry = Example::start("tools", era);
        let listed = geometry.ask("tools/list", json!({}))["tools"].take();
        let scale = listed.as_array().unwrap().iter().find(|tool| tool["name"] == "scale").unwrap();
        assert_eq!((&scale["title"], &scale["annotations"]["readOnlyHint"]), (&json!("Scale"), &json!(true)));
        assert_eq!(scale["_meta"]["tags"], json!(["plane"]));
        assert_eq!(scale["outputSchema"]["required"], json!(["width", "height"]));
        let arguments = json!({"rectangle": {"width": 2.0, "height": 3.0}, "factor": 2.0});
        let scaled = geometry.call("scale", arguments);
        assert_eq!(scaled["structuredContent"], json!({"width": 4.0, "height": 6.0}));
        let text: Value = serde_json::from_str(&text_of(&scaled)).unwrap();
        assert_eq!(text, scaled["structuredContent"]);
        let flag = geometry.call("flag", json!({"country": "Japan"}));
        assert_eq!(
            (&flag["content"][1]["type"], &flag["content"][1]["data"]),
            (&json!("image"), &json!("UDUgMiAxIDI1NQoA/w=="))
        );
        assert!(geometry.text("circumference", json!({"radius": 1.0})).starts_with("6.283"));
        geometry.end();
    }
}

#[test]
fn context_tells_who_asks_and_logs_what_the_client_wants_to_hear() {
    for era in ERAS {
        let mut reception = Example::start_with("context", era, json!({"elicitation": {}}));
        let expected = match era {
            Era::Legacy => "test speaks 2025-11-25 and fills in forms",
            Era::Modern => "test speaks 2026-07-28 and fills in forms",
        };
        assert_eq!(reception.text("introduce", json!({})), expected);

        let mut call = json!({"name": "luggage", "arguments": {"pieces": 11}});
        match era {
            Era::Legacy => drop(reception.ask("logging/setLevel", json!({"level": "info"}))),
            Era::Modern => call["_meta"] = json!({"io.modelcontextprotocol/logLevel": "info"}),
        }
        let id = reception.send("tools/call", call);
        let heard = reception.next();
        assert_eq!(heard["method"], "notifications/message");
        assert_eq!(heard["params"], json!({"level": "warning", "data": {"pieces": 11, "room": "none"}}));
        let answer = reception.next();
        assert_eq!((&answer["id"], text_of(&answer["result"]).as_str()), (&json!(id), "took 11"));
        reception.end();
    }
}
