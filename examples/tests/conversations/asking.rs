//! Questions to the client, in both eras.

use serde_json::json;

use crate::child::{ERAS, Era, Example};

const ELICIT: &str = "elicitation/create";

#[test]
fn elicitation_asks_with_a_form_and_takes_every_answer() {
    for era in ERAS {
        let mut restaurant = Example::start_with("elicitation", era, json!({"elicitation": {}}));
        let filled = json!({"action": "accept", "content": {"guests": 4, "place": "out"}});
        let (asked, text) = restaurant.answer("book", ELICIT, &filled);
        assert_eq!(asked["message"], "How many are you, and where would you like to sit?");
        assert_eq!(asked["requestedSchema"]["required"], json!(["guests", "place"]));
        assert_eq!(asked["requestedSchema"]["properties"]["guests"]["maximum"], 12);
        assert_eq!(text, "A table for 4, outside.");
        let (_, text) = restaurant.answer("book", ELICIT, &json!({"action": "decline"}));
        assert_eq!(text, "No table, then.");
        let (_, text) = restaurant.answer("book", ELICIT, &json!({"action": "cancel"}));
        assert_eq!(text, "Nothing was decided; ask again later.");
        restaurant.end();
    }
}

/// Holds ELIC-11.
#[test]
fn elicitation_asks_to_visit_a_page_with_an_id_where_the_revision_wants_one() {
    for era in ERAS {
        let mut restaurant = Example::start_with("elicitation", era, json!({"elicitation": {"url": {}}}));
        let (first, text) = restaurant.answer("deposit", ELICIT, &json!({"action": "accept"}));
        assert_eq!((&first["mode"], &first["url"]), (&json!("url"), &json!("https://restaurant.example/deposit")));
        assert_eq!(text, "The user is on the page.");
        let (second, text) = restaurant.answer("deposit", ELICIT, &json!({"action": "decline"}));
        assert_eq!(text, "No deposit.");
        if era == Era::Legacy {
            assert!(first["elicitationId"].is_string() && first["elicitationId"] != second["elicitationId"], "{first}");
        } else {
            assert!(first.get("elicitationId").is_none(), "{first}");
        }
        restaurant.end();
    }
}

#[test]
fn elicitation_asks_for_roots_and_then_the_model() {
    for era in ERAS {
        let mut restaurant = Example::start_with("elicitation", era, json!({"roots": {}, "sampling": {}}));
        let roots = json!({"roots": [{"uri": "file:///home/ada/engine"}]});
        let message = json!({"role": "assistant", "content": {"type": "text", "text": "An engine."}, "model": "m"});
        let answers = [("roots/list", roots), ("sampling/createMessage", message)];
        let (asked, text) = restaurant.answers("describe", &answers);
        let question = json!("What may be in file:///home/ada/engine?");
        assert_eq!(asked[1]["messages"][0]["content"]["text"], question);
        assert_eq!(text, "An engine.");
        restaurant.end();
    }
}

#[test]
fn elicitation_takes_no_answer_that_does_not_fit_the_form() {
    for era in ERAS {
        let mut restaurant = Example::start_with("elicitation", era, json!({"elicitation": {}}));
        let crowd = json!({"action": "accept", "content": {"guests": 99, "place": "out"}});
        assert!(restaurant.refused_after("book", ELICIT, &crowd) < 0);
        let (_, text) = restaurant.answer("book", ELICIT, &json!({"action": "cancel"}));
        assert_eq!(text, "Nothing was decided; ask again later.");
    }
}

#[test]
fn elicitation_is_refused_by_a_client_that_cannot_ask_its_user() {
    for (era, code) in [(Era::Legacy, -32602), (Era::Modern, -32021)] {
        let mut restaurant = Example::start("elicitation", era);
        assert_eq!(restaurant.refused("tools/call", json!({"name": "book", "arguments": {}})), code);
        restaurant.end();
    }
}
