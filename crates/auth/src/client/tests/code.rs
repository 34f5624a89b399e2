//! What a user agrees to, and what comes back.

use super::*;

/// Holds AUTHC-01, AUTHC-02, AUTHC-12, AUTHC-16, AUTHC-17, AUTHC-19, AUTHC-22, AUTHC-31, AUTHC-34.
#[tokio::test]
async fn a_first_refusal_leads_to_a_token() {
    let world = World::start(|_, _| None).await;
    let oauth = world.builder().build().unwrap();
    assert_eq!(authorization(&oauth, &world.url()).await, None);
    assert_eq!(refused(&oauth, &world.url(), 401, r#"Bearer scope="a b""#, 0).await.unwrap(), Next::Retry);
    assert_eq!(authorization(&oauth, &world.url()).await.as_deref(), Some("Bearer T1"));
    assert_eq!(authorization(&oauth, "https://elsewhere.example/mcp").await, None, "tokens stay at home");
    let asked = &world.requests("/authorize")[0].query;
    assert_eq!(asked["scope"], "a b");
    assert_eq!(asked["resource"], world.url());
    assert_eq!(asked["code_challenge_method"], "S256");
    let redeemed = &world.requests("/token")[0].form;
    assert_eq!((redeemed["code"].as_str(), redeemed["resource"].as_str()), ("C", world.url().as_str()));
    assert_eq!(redeemed["redirect_uri"], asked["redirect_uri"]);
    assert_eq!(redeemed["code_verifier"].len(), 43);
    let registered: Value = serde_json::from_str(&world.requests("/register")[0].body).unwrap();
    assert_eq!(registered["application_type"], "native");
    assert_eq!(registered["grant_types"], json!(["authorization_code", "refresh_token"]));
    assert_eq!(registered["redirect_uris"], json!([asked["redirect_uri"]]));
}

/// Holds AUTHC-18.
#[tokio::test]
async fn defence_21_without_s256_nobody_is_asked() {
    for methods in [Value::Null, json!(["plain"]), json!([])] {
        let world = World::start(move |base, seen| {
            (seen.path == "/.well-known/oauth-authorization-server")
                .then(|| ok(&with(server(base), "code_challenge_methods_supported", methods.clone())))?
        })
        .await;
        assert_stopped(&world, world.builder().build().unwrap().login().await, "S256");
        assert_eq!(world.count("/authorize") + world.count("/register"), 0);
    }
}

/// Answers an authorization with this issuer, and says or does not say that there always is one.
async fn world_of_issuer(iss: Option<&'static str>, is_advertised: bool, error: &'static str) -> Arc<World> {
    World::start(move |base, seen| match seen.path.as_str() {
        "/.well-known/oauth-authorization-server" => {
            ok(&with(server(base), "authorization_response_iss_parameter_supported", json!(is_advertised)))
        }
        "/authorize" => {
            let iss = iss.map(|iss| format!("&iss={}", form::encode(&iss.replace("BASE", base)))).unwrap_or_default();
            let (redirect, state) = (&seen.query["redirect_uri"], &seen.query["state"]);
            moved(&format!("{redirect}?code=C&state={state}{iss}{error}"))
        }
        _ => None,
    })
    .await
}

/// Holds AUTHC-23, AUTHC-24, AUTHC-25, AUTHC-26.
#[tokio::test]
async fn defence_21_codes_of_another_issuer_are_not_redeemed() {
    for (iss, is_advertised, why) in [
        (Some("https://evil.example"), true, "another issuer"),
        (Some("https://evil.example"), false, "another issuer"),
        (Some("BASE/"), true, "another issuer"),
        (Some(""), false, "another issuer"),
        (None, true, "does not say"),
    ] {
        let world = world_of_issuer(iss, is_advertised, "").await;
        assert_stopped(&world, world.builder().build().unwrap().login().await, why);
        // What such a redirect says of an error is not shown either.
        let world = world_of_issuer(iss, is_advertised, "&error=access_denied&error_description=call+us").await;
        assert_stopped(&world, world.builder().build().unwrap().login().await, why);
    }
    for (iss, is_advertised) in [(Some("BASE"), true), (Some("BASE"), false), (None, false)] {
        let world = world_of_issuer(iss, is_advertised, "").await;
        world.builder().build().unwrap().login().await.unwrap();
    }
    let world = world_of_issuer(Some("BASE"), true, "&error=access_denied&error_description=no").await;
    let error = world.builder().build().unwrap().login().await.unwrap_err();
    assert_eq!(error.oauth_error(), Some("access_denied"));
}

/// Holds AUTHC-21, AUTHEMA-10.
#[tokio::test]
async fn an_answer_with_another_state_counts_for_nothing() {
    let world = World::start(|_, seen| {
        (seen.path == "/authorize").then(|| moved(&format!("{}?code=C&state=other", seen.query["redirect_uri"])))?
    })
    .await;
    let oauth = world.builder().login_timeout(Duration::from_millis(300)).build().unwrap();
    assert!(oauth.login().await.unwrap_err().is_timeout());
    assert_eq!(world.count("/token"), 0);
    // The same, caught by somebody else.
    let caught = Browser::new(|_| async { Ok(Visit::Returned("https://app.example/cb?code=C&state=other".into())) });
    let oauth = world.builder().browser(caught).redirect_uri("https://app.example/cb").build().unwrap();
    assert_stopped(&world, oauth.login().await, "does not belong");
}

#[tokio::test]
async fn a_redirect_can_be_caught_by_somebody_else() {
    let world = World::start(|_, _| None).await;
    let caught = Browser::new(|url| async move { Ok(Visit::Returned(visit(&url).await?.unwrap())) });
    let oauth = world.builder().browser(caught).redirect_uri("https://app.example/cb?x=1").build().unwrap();
    // The server above adds a query of its own, so the separator is wrong: that is no redirect to this URI.
    assert!(oauth.login().await.unwrap_err().is_refused());
    let caught = Browser::new(|url| async move { Ok(Visit::Returned(visit(&url).await?.unwrap())) });
    let oauth = world.builder().browser(caught).redirect_uri("https://app.example/cb").build().unwrap();
    oauth.login().await.unwrap();
    let registered: Value = serde_json::from_str(&world.requests("/register")[0].body).unwrap();
    assert_eq!(registered["application_type"], "web");
}
