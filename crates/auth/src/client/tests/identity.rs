//! Who the client is, and to whom it says so.

use super::*;

/// Holds AUTHC-05, AUTHC-14, AUTHC-15, AUTHC-32.
#[tokio::test]
async fn defence_21_credentials_of_one_authorization_server_are_never_shown_to_another() {
    let second = World::start(|base, seen| match seen.path.as_str() {
        "/register" => ok(&json!({"client_id": "second"})),
        "/.well-known/oauth-authorization-server" => ok(&server(base)),
        _ => None,
    })
    .await;
    let has_moved = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let (moved_there, there) = (has_moved.clone(), second.base.clone());
    let first = World::start(move |base, seen| {
        let moved = moved_there.load(std::sync::atomic::Ordering::SeqCst);
        let path = "/.well-known/oauth-protected-resource/mcp";
        (seen.path == path && moved).then(|| ok(&with(resource(base), "authorization_servers", json!([there]))))?
    })
    .await;
    let oauth = first.builder().build().unwrap();
    oauth.login().await.unwrap();
    oauth.answered(Head::new(&Method::POST, &first.url()), &HeaderMap::new());
    has_moved.store(true, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(refused(&oauth, &first.url(), 401, "Bearer", 0).await.unwrap(), Next::Retry);
    assert_eq!(first.count("/token"), 1, "the refresh token is not used for a server that has moved");
    assert_eq!(second.requests("/authorize")[0].query["client_id"], "second");
    assert!(second.requests("/token").iter().all(|seen| seen.form["client_id"] == "second"));

    // A client that was registered beforehand is not taken along.
    has_moved.store(false, std::sync::atomic::Ordering::SeqCst);
    let oauth = first.builder().client(PreRegistered::new("mine").secret("s")).build().unwrap();
    oauth.login().await.unwrap();
    oauth.answered(Head::new(&Method::POST, &first.url()), &HeaderMap::new());
    has_moved.store(true, std::sync::atomic::Ordering::SeqCst);
    let error = refused(&oauth, &first.url(), 401, "Bearer", 0).await.unwrap_err();
    assert!(error.downcast_ref::<Error>().unwrap().is_usage(), "{error}");
    assert!(lock(&second.seen).iter().all(|seen| !format!("{seen:?}").contains("mine")));
}

/// Holds AUTHC-13.
#[tokio::test]
async fn a_refused_registration_says_why() {
    let world = World::start(|_, seen| {
        let error = json!({"error": "invalid_redirect_uri", "error_description": "no loopback here"});
        (seen.path == "/register").then(|| failed(&error))?
    })
    .await;
    let error = world.builder().build().unwrap().login().await.unwrap_err();
    assert_eq!(error.oauth_error(), Some("invalid_redirect_uri"));
    assert!(error.to_string().contains("no loopback here"), "{error}");
}

/// Holds AUTHC-08, AUTHC-09, AUTHC-10, AUTHC-11.
#[tokio::test]
async fn a_document_comes_before_a_registration() {
    let url = "https://app.example/client.json";
    let world = World::start(|base, seen| {
        (seen.path == "/.well-known/oauth-authorization-server")
            .then(|| ok(&with(server(base), "client_id_metadata_document_supported", json!(true))))?
    })
    .await;
    world.builder().client_metadata_url(url).build().unwrap().login().await.unwrap();
    assert_eq!(world.requests("/authorize")[0].query["client_id"], url);
    assert_eq!(world.count("/register"), 0);
    for bad in ["https://app.example", "https://app.example/", "http://127.0.0.1/client.json"] {
        assert!(world.builder().client_metadata_url(bad).build().unwrap_err().is_usage(), "{bad}");
    }
}

#[tokio::test]
async fn nothing_secret_is_shown() {
    let world = World::start(|_, _| None).await;
    let client = PreRegistered::new("c").secret("hunter2");
    assert!(!format!("{client:?}").contains("hunter2"));
    let oauth = world.builder().client(client).build().unwrap();
    oauth.login().await.unwrap();
    assert!(!format!("{oauth:?}").contains("T1"));
    let credentials = oauth.credentials(Head::new(&Method::POST, &world.url())).await.unwrap();
    assert!(!format!("{credentials:?}").contains("T1"), "{credentials:?}");
}
