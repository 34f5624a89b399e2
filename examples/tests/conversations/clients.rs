//! The examples of clients, each run to its end.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::child::path_of;

/// Runs an example with this input and returns what it prints.
fn run(name: &str, input: &str) -> String {
    // The server that one of them starts.
    path_of("hello_stdio");
    let mut command = Command::new(path_of(name));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{name}: {}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn client_stdio_starts_a_server_and_calls_its_tool() {
    let printed = run("client_stdio", "");
    assert!(printed.contains("hello speaks 2026-07-28") && printed.contains("Hello, Ada!"), "{printed}");
}

#[test]
fn client_http_hears_of_progress_and_changes() {
    let printed = run("client_http", "");
    for expected in ["40 degrees", "100 degrees", "boiling", "changed: Some(Tools)"] {
        assert!(printed.contains(expected), "{printed}");
    }
}

#[test]
fn websocket_opens_a_connection_for_a_desk() {
    assert_eq!(run("websocket", "").trim(), "Some(\"7\")");
}

#[test]
fn client_group_goes_on_without_the_server_that_is_dead() {
    let printed = run("client_group", "");
    for expected in ["here: up", "there: up", "nowhere: Down", "there__add", "42"] {
        assert!(printed.contains(expected), "{printed}");
    }
}

#[test]
fn client_resilience_gets_its_answer_from_a_server_that_fails_at_first() {
    let printed = run("client_resilience", "");
    assert_eq!(printed, "42, after 2 retries\nHealthy\n5 messages received\n");
}

#[test]
fn client_handlers_ask_the_user_in_both_eras() {
    let printed = run("client_handlers", "Ada\n\n");
    for expected in ["2026-07-28: Hello, Ada!", "2025-11-25: Hello, whoever you are!"] {
        assert!(printed.contains(expected), "{printed}");
    }
}

#[test]
fn auth_scopes_answers_each_caller_as_it_may() {
    let printed = run("auth_scopes", "");
    let lines: Vec<_> = printed.lines().map(str::trim).collect();
    assert_eq!(lines.len(), 20, "{printed}");
    for (line, expected) in lines.iter().zip([
        "nobody sees read, erase, count",
        "credentials are required",
        "credentials are required",
        "unknown tool `audit`",
        "count: 1 note of nobody",
        "eve sees read, erase, count",
        "more scopes are needed",
        "more scopes are needed",
        "unknown tool `audit`",
        "count: 1 note of eve",
        "ada sees read, erase, count",
        "read: note 7",
        "Permission denied: editor or owner",
        "unknown tool `audit`",
        "count: 1 note of ada",
        "grace sees read, erase, audit, count",
        "read: note 7",
        "erase: grace <grace@example.com> erased note 7",
        "audit: nothing was erased",
        "Permission denied: database:read",
    ]) {
        assert!(line.contains(expected), "{line:?} is not {expected:?}");
    }
}

#[test]
fn custom_transport_carries_both_eras() {
    let printed = run("custom_transport", "");
    assert_eq!(printed, "2026-07-28: Hello, Ada!\n2025-11-25: Hello, Ada!\n");
}
