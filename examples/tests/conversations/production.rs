//! The examples that put a whole stack around their handlers.

use std::process::Command;

use serde_json::json;

use crate::child::{ERAS, Era, Example, path_of};
use crate::http::Server;

#[test]
fn production_server_keeps_to_its_stack() {
    let made = Command::new(path_of("auth_api_key")).args(["new", "ada"]).output().unwrap();
    let made = String::from_utf8(made.stdout).unwrap();
    let find = |name: &str| made.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
    let (key, id, sha256) = (find("key: "), find("id: "), find("sha256: "));
    let mut rates = Server::start_by("production_server", "/mcp", Era::Modern, |command, address| {
        command.args([&address.to_string(), "ada", &id, &sha256]);
    });
    let call = rates.message("rate", json!({"currency": "CHF"}));
    let refused = rates.post(&call, &[]);
    assert_eq!((refused.status, &*refused.headers["x-frame-options"]), (401, "DENY"));
    rates.headers.push(("x-api-key", key));
    for _ in 0..3 {
        assert_eq!(rates.text("rate", json!({"currency": "CHF"}), &[]), "1.07");
    }
    let call = rates.message("books", json!({"year": 1999}));
    let failed = rates.post(&call, &[("x-forwarded-for", "203.0.113.1")]);
    assert!(!failed.body.contains("/var/lib"), "{}", failed.body);
    // Others are counted apart from whoever sends too much.
    let call = rates.message("rate", json!({"currency": "USD"}));
    let from = |address: &str| rates.post(&call, &[("x-forwarded-for", address)]).status;
    let statuses: Vec<_> = (0..60).map(|_| from("203.0.113.2")).collect();
    assert!(statuses[..20].iter().all(|status| *status == 200), "{statuses:?}");
    assert!(statuses.contains(&429), "{statuses:?}");
    assert_eq!(from("203.0.113.3"), 200);
}

#[test]
fn dev_server_writes_what_is_asked_of_it() {
    for era in ERAS {
        let mut calculator = Example::start("dev_server", era);
        assert_eq!(calculator.text("add", json!({"a": 40, "b": 2})), "42");
        calculator.end_input();
        let (status, _, written) = calculator.wait();
        assert_eq!(status.code(), Some(0));
        let line = written.lines().find(|line| line.contains("turbomcp::audit") && line.contains("tools/call"));
        let line = line.unwrap_or_else(|| panic!("{written}"));
        assert!(line.contains("AUDIT") && line.contains("success"), "{line}");
        assert!(line.contains(r#""a":40"#) || line.contains(r#"\"a\":40"#), "{line}");
    }
}
