//! What is set up, and what is refused.

use super::*;
use crate::client::Reach;
use crate::client::login::{DpopConfig, SecurityLevel};

#[tokio::test]
async fn f87_a_configuration_that_does_not_fit_is_refused() {
    let world = World::start(|_, _| None).await;
    let long = |text: &str| text.to_owned();
    let additional = |name: &str| HashMap::from([(name.to_owned(), "x".to_owned())]);
    for (config, why) in [
        (OAuth2Config::default(), "client id"),
        (OAuth2Config { client_id: "a\nb".into(), ..notes() }, "client id"),
        (OAuth2Config { redirect_uri: String::new(), ..notes() }, "redirect_uri is needed"),
        (OAuth2Config { redirect_uri: "http://notes.example/callback".into(), ..notes() }, "redirect_uri is neither"),
        (OAuth2Config { redirect_uri: "https://notes.example/#x".into(), ..notes() }, "redirect_uri has a fragment"),
        (OAuth2Config { auth_url: "http://id.example/authorize".into(), ..notes() }, "auth_url"),
        (OAuth2Config { token_url: "http://id.example/token".into(), ..notes() }, "token_url"),
        (OAuth2Config { device_authorization_url: long("x"), ..notes() }, "device_authorization_url"),
        (OAuth2Config { revocation_url: "ftp://x".into(), ..notes() }, "revocation_url"),
        (OAuth2Config { issuer: "https://id.example".into(), ..notes() }, "ProviderType::Custom only"),
        (OAuth2Config { mcp_resource_uri: Some("calendar".into()), ..notes() }, "mcp_resource_uri"),
        (OAuth2Config { scopes: vec!["a b".into()], ..notes() }, "no scope"),
        (OAuth2Config { scopes: vec![String::new()], ..notes() }, "no scope"),
        (OAuth2Config { additional_params: additional("state"), ..notes() }, "\"state\""),
        (OAuth2Config { additional_params: additional("scope"), ..notes() }, "\"scope\""),
        (OAuth2Config { additional_params: additional("code_challenge_method"), ..notes() }, "code_challenge"),
        (OAuth2Config { client_secret: "".into(), ..of(OAuth2FlowType::ClientCredentials) }, "client_secret"),
        (of(OAuth2FlowType::DeviceCode), "device codes"),
        (OAuth2Config { security_level: SecurityLevel::Enhanced, ..notes() }, "pushed authorization"),
        (OAuth2Config { dpop_config: Some(DpopConfig::default()), ..notes() }, "ES256"),
    ] {
        let error = world.provider(config).build().await.unwrap_err();
        assert!(error.is_usage() && error.to_string().contains(why), "{error} for want of {why}");
    }
    assert!(world.provider(notes()).max_logins(0).build().await.unwrap_err().is_usage());
    let unnamed = OAuth2Provider::new("", notes(), ProviderType::Oidc(world.base.clone())).await;
    assert!(unnamed.unwrap_err().is_usage());
    let for_resource = OAuth2Config { mcp_resource_uri: Some("https://a.example".into()), ..notes() };
    let error = OAuth2Provider::new("m", for_resource, ProviderType::Microsoft).await.unwrap_err();
    assert!(error.is_usage() && error.to_string().contains("/.default"), "{error}");
    let microsoft = OAuth2Provider::new("m", notes(), ProviderType::Microsoft).await.unwrap();
    let asked = microsoft.start(LoginRequest::default().resource("https://a.example")).await;
    assert!(asked.unwrap_err().to_string().contains("/.default"));
}

#[tokio::test]
async fn f87_only_the_flow_that_is_set_up_is_gone() {
    let world = World::publishing(json!({"device_authorization_endpoint": "BASE/device"})).await;
    let code = world.provider(notes()).build().await.unwrap();
    let job = world.provider(of(OAuth2FlowType::ClientCredentials)).build().await.unwrap();
    let device = world.provider(of(OAuth2FlowType::DeviceCode)).build().await.unwrap();
    for provider in [&job, &device] {
        assert!(provider.start(LoginRequest::default()).await.unwrap_err().is_usage());
        assert!(provider.finish(&coming("x=y"), &HeaderMap::new()).await.unwrap_err().is_usage());
    }
    for provider in [&code, &job] {
        assert!(provider.start_device(LoginRequest::default()).await.unwrap_err().is_usage());
    }
    for provider in [&code, &device] {
        assert!(provider.service().await.unwrap_err().is_usage());
    }
    assert_eq!(world.count("/token") + world.count("/device"), 0);
}

#[tokio::test]
async fn f86_endpoints_of_ones_own_take_the_place_of_the_published_ones() {
    let world = World::start(|_, seen| {
        (seen.path == "/own/token").then(|| ok(&json!({"access_token": "OWN", "scope": "a,b"})))?
    })
    .await;
    let config = OAuth2Config {
        auth_url: format!("{}/own/authorize?tenant=1", world.base),
        token_url: format!("{}/own/token", world.base),
        ..notes()
    };
    let custom = OAuth2Provider::new("own", config.clone(), ProviderType::Custom).await.unwrap();
    assert_eq!(custom.issuer(), world.base);
    for provider in [custom, world.provider(config.clone()).build().await.unwrap()] {
        let begun = provider.start(LoginRequest::default()).await.unwrap();
        assert!(begun.url().starts_with(&format!("{}/own/authorize?tenant=1&response_type=code", world.base)));
        assert_eq!(logged_in(&world, &provider, LoginRequest::default()).await.access().token().expose(), "OWN");
    }
    let named = OAuth2Config { issuer: "https://id.example/x".into(), ..config.clone() };
    let named = OAuth2Provider::new("own", named, ProviderType::Custom).await.unwrap();
    let (callback, headers) = back(&named.start(LoginRequest::default()).await.unwrap(), &agreed(&world));
    assert!(named.finish(&callback, &headers).await.unwrap_err().to_string().contains("another issuer"));
    let begun = named.start(LoginRequest::default()).await.unwrap();
    let (callback, headers) = back(&begun, "code=C&iss=https%3A%2F%2Fid.example%2Fx");
    let login = named.finish(&callback, &headers).await.unwrap();
    assert_eq!(login.access().scopes(), ["a", "b"]);
    let without = OAuth2Config { auth_url: String::new(), ..config };
    assert!(OAuth2Provider::new("own", without, ProviderType::Custom).await.unwrap_err().is_usage());
}

#[tokio::test]
async fn f88_providers_are_found_under_their_own_name_only() {
    let world = World::publishing(json!({"issuer": "https://evil.example"})).await;
    assert!(world.provider(notes()).build().await.unwrap_err().is_refused());
    let world = World::publishing(json!({"code_challenge_methods_supported": ["plain"]})).await;
    assert!(world.provider(notes()).build().await.unwrap_err().to_string().contains("S256"));
    let world = World::publishing(json!({"token_endpoint": "http://id.example/token"})).await;
    assert!(world.provider(notes()).build().await.unwrap_err().is_refused());
}

/// Holds SEC-06.
#[tokio::test]
async fn defence_21_a_provider_does_not_lead_inside() {
    let inside = World::start(|_, _| None).await;
    let world = World::publishing(json!({"token_endpoint": format!("{}/token", inside.base)})).await;
    let provider = world.provider(notes()).build().await.unwrap();
    let (callback, headers) = back(&provider.start(LoginRequest::default()).await.unwrap(), &agreed(&world));
    let error = provider.finish(&callback, &headers).await.unwrap_err();
    assert!(error.is_refused() && error.to_string().contains("public Internet"), "{error}");
    assert_eq!(inside.count("/token"), 0);
    let provider = world.provider(notes()).reach(Reach::Private).build().await.unwrap();
    logged_in(&world, &provider, LoginRequest::default()).await;
    assert_eq!(inside.count("/token"), 1);
}

#[tokio::test]
async fn a_silent_provider_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let provider = OAuth2Provider::builder("silent", notes(), ProviderType::Oidc(issuer));
    let error = provider.request_timeout(Duration::from_millis(100)).build().await.unwrap_err();
    assert!(error.is_timeout(), "{error}");
}

#[test]
fn f93_a_configuration_is_read_from_a_file() {
    let config: OAuth2Config = serde_json::from_value(json!({
        "client_id": "notes", "client_secret": "s", "scopes": ["openid"], "flow_type": "device_code",
        "security_level": "maximum", "dpop_config": {"binding": "when_asked"}, "additional_params": {"a": "b"},
    }))
    .unwrap();
    assert_eq!((config.client_id.as_str(), config.client_secret.expose()), ("notes", "s"));
    assert_eq!((config.flow_type, config.security_level), (OAuth2FlowType::DeviceCode, SecurityLevel::Maximum));
    assert_eq!(config.dpop_config, Some(DpopConfig { binding: Dpop::WhenAsked }));
    assert!(config.auto_resource_indicators);
    assert!(!format!("{config:?}").contains("\"s\""));
    for bad in [json!({"pkce_enabled": false}), json!({"flow_type": "implicit"})] {
        assert!(serde_json::from_value::<OAuth2Config>(bad).is_err());
    }
    let kinds = json!(["google", "github", {"keycloak": {"url": "https://k", "realm": "r"}}, {"oidc": "https://i"}]);
    let kinds: Vec<ProviderType> = serde_json::from_value(kinds).unwrap();
    assert_eq!(kinds[0], ProviderType::Google);
}
