//! What a security level and a key insist on.

use super::*;
use crate::client::login::{DpopConfig, SecurityLevel};

const PUSHED: &str = r#"{"request_uri": "urn:pushed:1", "expires_in": 60}"#;

/// A provider to which requests are pushed, and which gives tokens of a kind.
async fn pushing(kind: &'static str, dpop: bool) -> Arc<World> {
    World::start(move |base, seen| match seen.path.as_str() {
        "/.well-known/oauth-authorization-server" => {
            let mut metadata =
                with(server(base), "pushed_authorization_request_endpoint", json!(format!("{base}/par")));
            if dpop {
                metadata["dpop_signing_alg_values_supported"] = json!(["ES256"]);
            }
            ok(&metadata)
        }
        "/par" => Some(("201 Created".into(), PUSHED.into())),
        "/token" => ok(&json!({"access_token": "T", "token_type": kind, "expires_in": 60, "refresh_token": "R"})),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn f87_an_enhanced_login_tells_the_browser_nothing() {
    let world = pushing("Bearer", false).await;
    let config = OAuth2Config { security_level: SecurityLevel::Enhanced, ..notes() };
    let provider = world.provider(config).build().await.unwrap();
    let begun = provider.start(LoginRequest::default()).await.unwrap();
    let asked = query(begun.url());
    assert_eq!(
        asked,
        HashMap::from(
            [("client_id", "notes"), ("request_uri", "urn:pushed:1")]
                .map(|(name, value)| { (name.to_owned(), value.to_owned()) })
        )
    );
    let pushed = &world.requests("/par")[0];
    assert_eq!((pushed.form["code_challenge_method"].as_str(), pushed.form["scope"].as_str()), ("S256", "a b"));
    assert_eq!(pushed.headers["authorization"], "Basic bm90ZXM6czNjcmV0");
    let state = &pushed.form["state"];
    let cookie = with_cookie(begun.set_cookie().split(';').next().unwrap());
    let callback = coming(&format!("state={state}&{}", agreed(&world)));
    assert_eq!(provider.finish(&callback, &cookie).await.unwrap().access().token().expose(), "T");
    // A plain one is pushed where the provider requires it.
    let world = World::publishing(json!({
        "require_pushed_authorization_requests": true, "pushed_authorization_request_endpoint": "BASE/par",
    }))
    .await;
    let provider = world.provider(notes()).build().await.unwrap();
    assert!(provider.start(LoginRequest::default()).await.is_err(), "there is nothing at that endpoint");
    assert_eq!(world.count("/par"), 1);
}

#[tokio::test]
async fn f87_an_enhanced_login_needs_the_name_of_the_issuer() {
    let par = "pushed_authorization_request_endpoint";
    let world =
        World::publishing(json!({par: "BASE/par", "authorization_response_iss_parameter_supported": false})).await;
    let config = OAuth2Config { security_level: SecurityLevel::Enhanced, ..notes() };
    let error = world.provider(config).build().await.unwrap_err();
    assert!(error.is_usage() && error.to_string().contains("redirects"), "{error}");
}

#[tokio::test]
async fn f87_the_maximum_binds_tokens_to_a_key() {
    let config = OAuth2Config { security_level: SecurityLevel::Maximum, ..notes() };
    let world = pushing("Bearer", false).await;
    assert!(world.provider(config.clone()).build().await.unwrap_err().to_string().contains("ES256"));
    for (kind, is_good) in [("DPoP", true), ("Bearer", false)] {
        let world = pushing(kind, true).await;
        let provider = world.provider(config.clone()).build().await.unwrap();
        let begun = provider.start(LoginRequest::default().user("ada")).await.unwrap();
        let pushed = &world.requests("/par")[0];
        assert_eq!(pushed.form["dpop_jkt"].len(), 43);
        let cookie = with_cookie(begun.set_cookie().split(';').next().unwrap());
        let callback = coming(&format!("state={}&{}", pushed.form["state"], agreed(&world)));
        let login = provider.finish(&callback, &cookie).await;
        assert!(world.requests("/token")[0].headers.contains_key("dpop"));
        if !is_good {
            assert!(login.unwrap_err().is_refused());
            assert!(provider.access("ada").await.unwrap().is_none(), "nothing was kept");
            continue;
        }
        let url = "https://api.example/x?y=1";
        for access in [login.unwrap().access().clone(), provider.access("ada").await.unwrap().unwrap()] {
            assert!(access.is_bound());
            let headers = access.headers(&Method::GET, url).unwrap();
            assert_eq!(headers["authorization"], "DPoP T");
            assert!(headers["authorization"].is_sensitive() && headers.contains_key("dpop"));
            let mut answer = HeaderMap::new();
            let nonce = crate::random::text();
            answer.insert("dpop-nonce", nonce.parse().unwrap());
            assert!(access.answered(url, &answer), "it is worth another try");
            assert!(!access.answered(url, &answer));
            let proof = access.headers(&Method::GET, url).unwrap()["dpop"].to_str().unwrap().to_owned();
            assert_eq!(claims(&proof)["nonce"], json!(nonce));
            assert!(access.headers(&Method::GET, "http://api.example/").unwrap_err().is_usage());
        }
    }
}

#[tokio::test]
async fn f87_a_key_is_used_where_it_is_wanted() {
    for (binding, is_offered, is_used) in
        [(Dpop::Never, true, false), (Dpop::WhenAsked, true, true), (Dpop::WhenAsked, false, false)]
    {
        let world = pushing("Bearer", is_offered).await;
        let config = OAuth2Config { dpop_config: Some(DpopConfig { binding }), ..notes() };
        let provider = world.provider(config).build().await.unwrap();
        let login = logged_in(&world, &provider, LoginRequest::default()).await;
        assert_eq!(world.requests("/token")[0].headers.contains_key("dpop"), is_used, "{binding:?}");
        let headers = login.access().headers(&Method::GET, "https://api.example/").unwrap();
        assert_eq!((&headers["authorization"], headers.contains_key("dpop")), (&"Bearer T".parse().unwrap(), false));
    }
}

#[tokio::test]
async fn a_server_authenticates_by_a_key() {
    let world = World::start(|_, _| None).await;
    let key = Arc::new(crate::SigningKey::from_pkcs8(&crate::SigningKey::generate()).unwrap());
    let both = OAuth2Config { client_key: Some(key.clone()), ..notes() };
    assert!(world.provider(both.clone()).build().await.unwrap_err().to_string().contains("not both"));
    let config = OAuth2Config { client_secret: "".into(), flow_type: OAuth2FlowType::ClientCredentials, ..both };
    world.provider(config).build().await.unwrap().service().await.unwrap();
    let assertion = world.requests("/token")[0].form["client_assertion"].clone();
    assert_eq!(claims(&assertion)["sub"], json!("notes"));
    // A public client says its name and proves nothing but the challenge.
    let public = OAuth2Config { client_secret: "".into(), ..notes() };
    let provider = world.provider(public).build().await.unwrap();
    logged_in(&world, &provider, LoginRequest::default()).await;
    let redeemed = &world.requests("/token")[1];
    assert_eq!(redeemed.form["client_id"], "notes");
    assert!(!redeemed.headers.contains_key("authorization") && !redeemed.form.contains_key("client_assertion"));
}

fn claims(token: &str) -> Value {
    use base64::Engine as _;
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}
