//! How a process ends, and what it may write, over its real standard streams.

use serde_json::json;

use crate::child::{ERAS, Era, Example, text_of};

#[test]
fn stdio_ends_with_its_input_and_status_0() {
    for era in ERAS {
        let mut hello = Example::start("hello_stdio", era);
        assert_eq!(hello.text("hello", json!({"name": "Ada"})), "Hello, Ada!");
        hello.end_input();
        let (status, rest, _) = hello.wait();
        assert_eq!((status.code(), rest.len()), (Some(0), 0));
    }
}

#[test]
fn stdio_ends_at_once_if_there_is_no_input_at_all() {
    let mut hello = Example::start("hello_stdio", Era::Modern);
    hello.end_input();
    let (status, rest, _) = hello.wait();
    assert_eq!((status.code(), rest.len()), (Some(0), 0));
}

#[test]
fn stdio_answers_what_it_has_read_before_it_ends() {
    for era in ERAS {
        let mut baker = Example::start("progress_and_cancel", era);
        baker.send("tools/call", json!({"name": "bake", "arguments": {"loaves": 5}}));
        baker.end_input();
        let (status, rest, _) = baker.wait();
        assert_eq!((status.code(), rest.len()), (Some(0), 1));
        assert_eq!(text_of(&rest[0]["result"]), "baked: 5");
    }
}

#[test]
fn stdio_does_not_wait_for_ever_for_what_it_has_read() {
    let mut baker = Example::start("progress_and_cancel", Era::Modern);
    baker.send("tools/call", json!({"name": "rise", "arguments": {"minutes": 60}}));
    baker.end_input();
    let (status, _, _) = baker.wait();
    assert_eq!(status.code(), Some(0));
}

#[cfg(unix)]
#[test]
fn stdio_ends_with_status_0_when_it_is_asked_to_and_finishes_what_it_has_begun() {
    for era in ERAS {
        let mut baker = Example::start("progress_and_cancel", era);
        let params = json!({"name": "bake", "arguments": {"loaves": 20}, "_meta": {"progressToken": 1}});
        let id = baker.send("tools/call", params);
        // The first progress shows that the request has begun.
        assert_eq!(baker.next()["method"], "notifications/progress");
        baker.terminate();
        let (status, rest, _) = baker.wait();
        let answer = rest.last().unwrap();
        assert_eq!((status.code(), &answer["id"]), (Some(0), &json!(id)));
        assert_eq!(text_of(&answer["result"]), "baked: 20");
    }
}

#[cfg(unix)]
#[test]
fn stdio_ends_when_it_is_asked_to_while_its_input_stays_open() {
    let mut hello = Example::start("hello_stdio", Era::Modern);
    hello.text("hello", json!({"name": "Ada"}));
    hello.terminate();
    let (status, rest, _) = hello.wait();
    assert_eq!((status.code(), rest.len()), (Some(0), 0));
}

/// The client takes every line of standard output for a message, so one that is not would fail this.
#[test]
fn stdio_carries_nothing_but_messages_though_a_handler_prints() {
    for era in ERAS {
        let mut hello = Example::start("hello_stdio", era);
        for _ in 0..3 {
            assert_eq!(hello.text("hello", json!({"name": "Ada"})), "Hello, Ada!");
        }
        hello.end_input();
        let (status, rest, errors) = hello.wait();
        assert_eq!((status.code(), rest.len()), (Some(0), 0));
        assert_eq!(errors.matches("somebody greets Ada\n").count(), 3, "{errors}");
    }
}
