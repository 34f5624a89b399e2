//! Where a server can make the client look.

use super::*;

#[tokio::test]
async fn defence_21_redirects_to_another_origin_are_not_followed() {
    let other = World::start(|base, _| ok(&server(base))).await;
    let elsewhere = other.base.clone();
    let world = World::start(move |_, seen| {
        let path = "/.well-known/oauth-authorization-server";
        (seen.path == path).then(|| moved(&format!("{elsewhere}/metadata")))?
    })
    .await;
    assert_stopped(&world, world.builder().build().unwrap().login().await, "another origin");
    assert_eq!(lock(&other.seen).len(), 0, "nobody asked the other origin");
    let world = World::start(|_, seen| match seen.path.as_str() {
        "/.well-known/oauth-authorization-server" => moved("/moved"),
        _ => None,
    })
    .await;
    assert!(world.builder().build().unwrap().login().await.is_err(), "there is nothing where it was moved to");
    assert_eq!(world.count("/moved"), 1, "redirects at home are followed");
    let world = World::start(|_, seen| (seen.path == "/token").then(|| moved("/elsewhere"))?).await;
    assert!(world.builder().build().unwrap().login().await.unwrap_err().is_refused());
    assert_eq!(world.count("/elsewhere"), 0, "what is posted is never redirected");
}

#[tokio::test]
async fn defence_21_metadata_that_are_too_long_are_not_read() {
    let world = World::start(|base, seen| {
        let path = "/.well-known/oauth-protected-resource/mcp";
        (seen.path == path).then(|| ok(&with(resource(base), "padding", json!("x".repeat(300_000)))))?
    })
    .await;
    assert_stopped(&world, world.builder().build().unwrap().login().await, "more than");
}

#[tokio::test]
async fn defence_21_metadata_that_do_not_come_do_not_hold_up_for_long() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let oauth = OAuthClient::builder(url).request_timeout(Duration::from_millis(200)).build().unwrap();
    assert!(oauth.login().await.unwrap_err().is_timeout());
}

/// Holds AUTHCC-07, SEC-06, SEC-10.
#[tokio::test]
async fn defence_21_endpoints_on_other_machines_are_https() {
    for (member, endpoint) in [
        ("token_endpoint", "http://evil.example/token"),
        ("authorization_endpoint", "javascript:alert(1)"),
        ("authorization_endpoint", "file:///bin/sh"),
        ("authorization_endpoint", "data:text/html,x"),
        ("authorization_endpoint", "vbscript:x"),
        ("authorization_endpoint", "http://login.example/authorize"),
        ("registration_endpoint", "http://169.254.169.254/latest"),
        ("registration_endpoint", "https://169.254.169.254/latest"),
    ] {
        let world = World::start(move |base, seen| {
            (seen.path == "/.well-known/oauth-authorization-server")
                .then(|| ok(&with(server(base), member, json!(endpoint))))?
        })
        .await;
        assert_stopped(&world, world.builder().build().unwrap().login().await, "");
        assert_eq!(world.count("/authorize"), 0);
    }
}

#[tokio::test]
async fn defence_21_what_a_public_server_names_is_not_looked_for_inside() {
    let oauth = OAuthClient::builder("https://notes.example/mcp").build().unwrap();
    for inside in ["http://127.0.0.1:1/x", "https://10.0.0.1/x", "https://localhost/x", "http://notes.example/x"] {
        let challenge = format!("Bearer resource_metadata=\"{inside}\"");
        let error = refused(&oauth, "https://notes.example/mcp", 401, &challenge, 0).await.unwrap_err();
        assert!(error.downcast_ref::<Error>().unwrap().is_refused(), "{inside}: {error}");
    }
}
