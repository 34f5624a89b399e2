//! The examples that listen, in both eras.

use std::io::BufRead;

use serde_json::json;

use turbomcp::client::{self, Client, WsConfig};

use crate::child::{ERAS, Era, path_of};
use crate::http::Server;

#[test]
fn hello_http_greets_in_the_language_of_the_request() {
    for era in ERAS {
        let mut hello = Server::start("hello_http", "/mcp", era);
        hello.initialize();
        assert_eq!(hello.text("hello", json!({"name": "Ada"}), &[]), "Hello, Ada!");
        assert_eq!(hello.text("hello", json!({"name": "Ada"}), &[("accept-language", "de-CH")]), "Hallo, Ada!");
        hello.end_session();
        #[cfg(unix)]
        assert_eq!(hello.end_by("TERM").code(), Some(0));
    }
}

#[test]
fn hello_http_ends_a_session_when_it_is_asked_to() {
    let mut hello = Server::start("hello_http", "/mcp", Era::Legacy);
    hello.initialize();
    let call = hello.message("hello", json!({"name": "Ada"}));
    hello.end_session();
    assert_eq!(hello.post(&call, &[]).status, 400);
    assert_eq!(hello.post(&call, &[("mcp-session-id", "none")]).status, 404);
}

#[test]
fn hello_http_answers_only_this_computer() {
    let mut hello = Server::start("hello_http", "/mcp", Era::Modern);
    let call = hello.message("hello", json!({"name": "Ada"}));
    assert_eq!(hello.post(&call, &[("host", "rebound.example.com")]).status, 403);
    assert_eq!(hello.post(&call, &[("origin", "https://elsewhere.example.com")]).status, 403);
    assert_eq!(hello.post(&call, &[("origin", "http://localhost:3000")]).status, 200);
    assert_eq!(hello.request("GET", "/", &[], "").status, 404);
}

#[test]
fn compression_saves_what_a_client_of_it_counts() {
    let archive = Server::start("compression", "/mcp", Era::Modern);
    let url = format!("http://{}/mcp", archive.address());
    let output = std::process::Command::new(path_of("compression")).args(["call", &url]).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let numbers: Vec<usize> = printed.split(' ').filter_map(|word| word.parse().ok()).collect();
    assert!(numbers[0] > 50_000 && (1..numbers[0] / 4).contains(&numbers[1]), "{printed}");
}

#[tokio::test]
async fn websocket_serves_what_http_serves() {
    for era in ERAS {
        let desk = Server::start("websocket", "/mcp", era);
        let client_era = if era == Era::Modern { client::Era::Modern } else { client::Era::Legacy };
        let opened = WsConfig::new().url(format!("ws://{}/ws", desk.address())).header("x-desk", "9");
        let http = format!("http://{}/mcp", desk.address());
        let by_http = Client::builder().era(client_era).connect(http).await.unwrap();
        let by_websocket = Client::builder().era(client_era).connect(opened).await.unwrap();
        assert_eq!(by_http.list_all_tools().await.unwrap(), by_websocket.list_all_tools().await.unwrap());
        for (client, expected) in [(by_http, "none"), (by_websocket.clone(), "9")] {
            assert_eq!(client.call_tool("desk", ()).await.unwrap().content[0].as_text(), Some(expected), "{era:?}");
        }
        let error = Client::connect(format!("ws://{}/elsewhere", desk.address())).await.unwrap_err();
        assert_eq!(error.status(), Some(404));
        #[cfg(unix)]
        assert_eq!(desk.end_by("TERM").code(), Some(0), "with a client that is still connected");
    }
}

#[test]
fn http_settings_say_which_hosts_and_pages_are_answered() {
    for era in ERAS {
        let mut orders = Server::start("http_settings", "/orders", era);
        orders.headers.push(("host", "mcp.example.com".to_owned()));
        orders.initialize();
        let forwarded = [("x-forwarded-for", "203.0.113.7")];
        assert_eq!(orders.text("origin", json!({}), &forwarded), "203.0.113.7 by way of 127.0.0.1");

        let call = orders.message("origin", json!({}));
        let page = orders.post(&call, &[("origin", "https://app.example.com")]);
        assert_eq!((page.status, &page.headers["access-control-allow-origin"][..]), (200, "https://app.example.com"));
        assert!(page.headers["access-control-expose-headers"].contains("mcp-session-id"));
        assert_eq!(orders.post(&call, &[("origin", "https://elsewhere.example.com")]).status, 403);
        assert_eq!(orders.post(&call, &[("host", "127.0.0.1")]).status, 403);

        let asked = [("origin", "https://app.example.com"), ("access-control-request-method", "POST")];
        let preflight = orders.request("OPTIONS", "/orders", &asked, "");
        assert_eq!(preflight.headers["access-control-allow-origin"], "https://app.example.com");
        assert!(preflight.headers["access-control-allow-methods"].contains("POST"));
    }
}

#[test]
fn http_settings_bound_what_a_client_may_send() {
    let mut orders = Server::start("http_settings", "/orders", Era::Modern);
    orders.headers.push(("host", "mcp.example.com".to_owned()));
    let call = orders.message("origin", json!({"padding": "x".repeat(64 << 10)}));
    assert_eq!(orders.post(&call, &[]).status, 413);
    orders.text("origin", json!({}), &[]);
}

#[test]
fn axum_mount_shares_its_state_and_its_layers() {
    for era in ERAS {
        let mut shop = Server::start("axum_mount", "/mcp", era);
        shop.initialize();
        let ada = [("x-user", "ada")];
        assert_eq!(shop.text("order", json!({"article": "tea"}), &ada), "order 1");
        assert_eq!(shop.text("order", json!({"article": "jam"}), &ada), "order 2");
        let page = shop.request("GET", "/orders", &[], "");
        assert_eq!((page.status, &page.body[..]), (200, "tea for ada\njam for ada"));

        let call = shop.message("order", json!({"article": "gin"}));
        let refused = shop.post(&call, &[]);
        assert_eq!((refused.status, &refused.messages()[0]["error"]["message"]), (401, &json!("log in first")));
        shop.end_session();
    }
}

#[cfg(unix)]
#[test]
fn axum_mount_ends_though_a_stream_is_open() {
    let mut shop = Server::start("axum_mount", "/mcp", Era::Modern);
    let listen = shop.message_of("subscriptions/listen", json!({"notifications": {"toolsListChanged": true}}));
    let mut stream = shop.open_post(&listen, &[]);
    let mut line = String::new();
    while !line.contains("acknowledged") {
        line.clear();
        assert_ne!(stream.read_line(&mut line).unwrap(), 0, "the stream ended");
    }
    assert_eq!(shop.end_by("INT").code(), Some(0));
}
