//! The example for operators.

use serde_json::{Value, json};

use crate::child::Era;
use crate::http::Server;

/// A folder with a note in it.
fn folder(name: &str) -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("turbomcp-observed-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("shopping"), "milk").unwrap();
    folder
}

fn start(folder: &std::path::Path) -> Server {
    Server::start_by("observed", "/mcp", Era::Modern, |command, address| {
        command.arg(address.to_string()).arg(folder).env_remove("OTEL_EXPORTER_OTLP_ENDPOINT");
    })
}

#[test]
fn observed_says_whether_it_is_well_and_what_it_counts() {
    let folder = folder("well");
    let mut notes = start(&folder);
    assert_eq!(notes.text("read", json!({"title": "shopping"}), &[]), "milk");
    let ready = notes.request("GET", "/health/ready", &[], "");
    let report: Value = serde_json::from_str(&ready.body).unwrap();
    assert_eq!((ready.status, &report["details"][0]["name"]), (200, &json!("folder")), "{report}");
    assert_eq!(notes.request("GET", "/health/live", &[], "").status, 200);
    assert_eq!(notes.request("GET", "/metrics", &[], "").status, 401);
    // metrics:secret
    let metrics = notes.request("GET", "/metrics", &[("authorization", "Basic bWV0cmljczpzZWNyZXQ=")], "").body;
    for line in [
        r#"turbomcp_server_requests_total{method="tools/call",status="success"} 1"#,
        r#"notes_lookups_total{outcome="found"} 1"#,
        r#"notes_length_bytes_bucket{le="100.0"} 1"#,
        r#"turbomcp_server_custom{name="notes_asked_for"} 1"#,
    ] {
        assert!(metrics.lines().any(|known| known == line), "{line}\n{metrics}");
    }
    #[cfg(unix)]
    assert_eq!(notes.end_by("TERM").code(), Some(0));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn f117_observed_ends_when_it_has_not_been_well_for_a_while() {
    let folder = folder("unwell");
    let notes = start(&folder);
    assert_eq!(notes.request("GET", "/health/ready", &[], "").status, 200);
    std::fs::remove_dir_all(folder).unwrap();
    assert_eq!(notes.ended().code(), Some(0));
}
