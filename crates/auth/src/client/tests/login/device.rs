//! A user enters a code on another device.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// A provider whose user enters the code after so many requests for it, or this happens instead.
async fn elsewhere(polls: usize, end: Option<&'static str>, expires_in: u64) -> Arc<World> {
    let asked = AtomicUsize::new(0);
    World::start(move |base, seen| match seen.path.as_str() {
        "/.well-known/oauth-authorization-server" => {
            ok(&with(server(base), "device_authorization_endpoint", json!(format!("{base}/device"))))
        }
        "/device" => ok(&json!({
            "device_code": "D", "user_code": "AB-CD", "verification_uri": format!("{base}/go"),
            "expires_in": expires_in, "interval": 1,
        })),
        "/token" if asked.fetch_add(1, Ordering::SeqCst) < polls => failed(&json!({"error": "authorization_pending"})),
        "/token" => end.and_then(|error| failed(&json!({"error": error}))),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn f91_a_user_logs_in_by_a_code() {
    let world = elsewhere(1, None, 60).await;
    let config = OAuth2Config {
        additional_params: HashMap::from([("audience".into(), "api".into())]),
        mcp_resource_uri: Some("https://calendar.example/mcp".into()),
        redirect_uri: String::new(),
        ..of(OAuth2FlowType::DeviceCode)
    };
    let provider = world.provider(config).build().await.unwrap();
    assert!(provider.start_device(LoginRequest::default().return_to("/")).await.unwrap_err().is_usage());
    let mut device = provider.start_device(LoginRequest::default().user("ada")).await.unwrap();
    assert_eq!(device.code().user_code, "AB-CD");
    assert_eq!(device.code().verification_uri, format!("{}/go", world.base));
    let asked = &world.requests("/device")[0];
    for (name, value) in [("scope", "a b"), ("audience", "api"), ("resource", "https://calendar.example/mcp")] {
        assert_eq!(asked.form[name], value, "{name}");
    }
    // Whoever gives up waiting may come back.
    assert!(tokio::time::timeout(Duration::from_millis(200), device.wait()).await.is_err());
    let login = device.wait().await.unwrap();
    assert_eq!((login.user(), login.access().token().expose()), ("ada", "T2"));
    assert!(device.wait().await.unwrap_err().is_usage(), "it is over");
    let polls = world.requests("/token");
    assert_eq!(polls.len(), 2);
    assert_eq!(polls[1].form["device_code"], "D");
    assert_eq!(polls[1].form["resource"], "https://calendar.example/mcp");
    assert_eq!(provider.access("ada").await.unwrap().unwrap().token().expose(), "T2");
}

#[tokio::test]
async fn a_code_is_asked_for_where_the_configuration_says() {
    let world = World::start(|base, seen| {
        let code = json!({"device_code": "D", "user_code": "AB-CD", "verification_uri": base, "expires_in": 60});
        (seen.path == "/own/device").then(|| ok(&code))?
    })
    .await;
    let of = |url: String| OAuth2Config { device_authorization_url: url, ..of(OAuth2FlowType::DeviceCode) };
    let provider = world.provider(of(format!("{}/own/device", world.base))).build().await.unwrap();
    let device = provider.start_device(LoginRequest::default()).await.unwrap();
    assert_eq!((device.code().user_code.as_str(), world.count("/own/device")), ("AB-CD", 1));
    let error = world.provider(of(String::new())).build().await.unwrap_err();
    assert!(error.is_usage() && error.to_string().contains("device_authorization_url"), "{error}");
}

#[tokio::test]
async fn a_refusal_and_an_end_are_told() {
    for end in ["access_denied", "expired_token"] {
        let world = elsewhere(0, Some(end), 60).await;
        let provider = world.provider(of(OAuth2FlowType::DeviceCode)).build().await.unwrap();
        let mut device = provider.start_device(LoginRequest::default()).await.unwrap();
        assert_eq!(device.wait().await.unwrap_err().oauth_error(), Some(end));
        assert_eq!(world.count("/token"), 1);
    }
    let world = elsewhere(1000, None, 0).await;
    let provider = world.provider(of(OAuth2FlowType::DeviceCode)).build().await.unwrap();
    let mut device = provider.start_device(LoginRequest::default()).await.unwrap();
    assert!(device.wait().await.unwrap_err().is_timeout(), "nobody has entered it");
}

#[tokio::test]
async fn a_login_that_is_dropped_asks_no_more() {
    let world = elsewhere(0, None, 60).await;
    let provider = world.provider(of(OAuth2FlowType::DeviceCode)).build().await.unwrap();
    drop(provider.start_device(LoginRequest::default().user("ada")).await.unwrap());
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert_eq!(world.count("/token"), 0);
}
