//! The examples for operators.

use std::cell::Cell;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

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

#[test]
fn dashboard_shows_a_server_that_calls_itself() {
    let shown = Cell::new(SocketAddr::from(([127, 0, 0, 1], 0)));
    let mut shop = Server::start_by("dashboard", "/mcp", Era::Modern, |command, address| {
        shown.set(TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
        command.arg(address.to_string()).arg(shown.get().to_string());
    });
    let sold = shop.text("order", json!({"titles": ["The Waves"], "wrapped": true}), &[]);
    assert_eq!(sold, "That makes 14.50 euros.");
    let read = |path: &str| {
        let mut stream = TcpStream::connect(shown.get()).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    };
    let page = read("/");
    assert!(page.starts_with("HTTP/1.1 200 OK") && page.contains("<title>Overview · bookshop</title>"), "{page}");
    let calls = read("/calls");
    assert!(calls.contains("<td>modern</td><td>http</td>") && calls.contains("order"), "{calls}");
    #[cfg(unix)]
    assert_eq!(shop.end_by("INT").code(), Some(0));
}
