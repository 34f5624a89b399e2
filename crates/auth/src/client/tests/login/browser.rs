//! A user agrees in a browser.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;

#[tokio::test]
async fn f91_a_user_logs_in_by_a_browser() {
    let world = World::start(|_, _| None).await;
    let config = OAuth2Config {
        additional_params: HashMap::from([("prompt".into(), "login".into()), ("access_type".into(), "offline".into())]),
        mcp_resource_uri: Some("https://calendar.example/mcp".into()),
        ..notes()
    };
    let provider = world.provider(config).build().await.unwrap();
    assert_eq!((provider.name(), provider.issuer()), ("world", world.base.as_str()));
    let request = LoginRequest::default().user("ada").param("prompt", "consent").return_to("/notes?x=1");
    let begun = provider.start(request).await.unwrap();
    assert!(begun.url().starts_with(&format!("{}/authorize?", world.base)));
    let asked = query(begun.url());
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "notes"),
        ("redirect_uri", "https://notes.example/callback"),
        ("scope", "a b"),
        ("resource", "https://calendar.example/mcp"),
        ("access_type", "offline"),
        ("prompt", "consent"),
        // F90: there is no way without.
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(asked[name], value, "{name}");
    }
    assert_eq!(begun.url().matches("prompt=").count(), 1, "{}", begun.url());
    assert!(!asked.contains_key("nonce") && !begun.url().contains("s3cret"));

    let (callback, headers) = back(&begun, &agreed(&world));
    let login = provider.finish(&callback, &headers).await.unwrap();
    assert_eq!((login.user(), login.return_to(), login.access().token().expose()), ("ada", Some("/notes?x=1"), "T1"));
    assert_eq!(login.access().scopes(), ["a", "b"]);
    assert!(login.id_token().is_none() && login.access().expires_at().is_some());
    let redeemed = &world.requests("/token")[0];
    for (name, value) in [
        ("grant_type", "authorization_code"),
        ("code", "C"),
        ("redirect_uri", "https://notes.example/callback"),
        ("resource", "https://calendar.example/mcp"),
    ] {
        assert_eq!(redeemed.form[name], value, "{name}");
    }
    let verifier = ring::digest::digest(&ring::digest::SHA256, redeemed.form["code_verifier"].as_bytes());
    assert_eq!(URL_SAFE_NO_PAD.encode(verifier), asked["code_challenge"]);
    // `notes:s3cret`
    assert_eq!(redeemed.headers["authorization"], "Basic bm90ZXM6czNjcmV0");
    let shown = format!("{login:?} {begun:?} {provider:?} {:?}", provider.access("ada").await.unwrap());
    for secret in ["T1", "s3cret", "code_challenge", &asked["state"]] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

#[tokio::test]
async fn a_login_belongs_to_one_browser() {
    let world = World::start(|_, _| None).await;
    let provider = world.provider(notes()).build().await.unwrap();
    let mine = provider.start(LoginRequest::default()).await.unwrap();
    let (callback, _) = back(&mine, &agreed(&world));
    let attributes = mine.set_cookie().split_once(';').unwrap().1;
    assert_eq!(attributes, " Path=/; Max-Age=600; HttpOnly; SameSite=Lax; Secure");
    assert!(mine.set_cookie().starts_with("__Host-turbomcp-login-"));
    let name = mine.set_cookie().split('=').next().unwrap().to_owned();
    // Each is another attempt, because each ends the login.
    for forged in [HeaderMap::new(), with_cookie(&format!("{name}=")), with_cookie(&format!("{name}=guessed"))] {
        let mine = provider.start(LoginRequest::default()).await.unwrap();
        let (callback, headers) = back(&mine, &agreed(&world));
        let error = provider.finish(&callback, &forged).await.unwrap_err();
        assert!(error.is_refused() && error.to_string().contains("another browser"), "{error}");
        let error = provider.finish(&callback, &headers).await.unwrap_err();
        assert!(error.to_string().contains("it is over"), "{error}");
    }
    // The value of a cookie of another login, by the name of this one.
    let other = provider.start(LoginRequest::default()).await.unwrap();
    let value = other.set_cookie().split(['=', ';']).nth(1).unwrap();
    let error = provider.finish(&callback, &with_cookie(&format!("{name}={value}"))).await.unwrap_err();
    assert!(error.to_string().contains("another browser"), "{error}");
    assert_eq!(world.count("/token"), 0);
    // Two at once in one browser are no obstacle to each other.
    let both = [provider.start(LoginRequest::default()).await.unwrap(), other];
    let cookies: Vec<_> = both.iter().map(|begun| begun.set_cookie().split(';').next().unwrap()).collect();
    for begun in &both {
        let (callback, _) = back(begun, &agreed(&world));
        let login = provider.finish(&callback, &with_cookie(&cookies.join("; "))).await.unwrap();
        let name = begun.set_cookie().split('=').next().unwrap();
        assert!(login.clear_cookie().starts_with(&format!("{name}=; Path=/; Max-Age=0;")), "{}", login.clear_cookie());
    }
    assert_eq!(world.count("/token"), 2);
}

#[tokio::test]
async fn a_login_is_finished_once_and_only_where_it_was_begun() {
    let world = World::start(|_, _| None).await;
    let provider = world.provider(notes()).build().await.unwrap();
    let other = world.provider(notes()).build().await.unwrap();
    let begun = provider.start(LoginRequest::default()).await.unwrap();
    let (callback, headers) = back(&begun, &agreed(&world));
    assert!(other.finish(&callback, &headers).await.unwrap_err().is_refused(), "another provider has begun it");
    provider.finish(&callback, &headers).await.unwrap();
    assert!(provider.finish(&callback, &headers).await.unwrap_err().is_refused(), "it is over");
    let state = &query(begun.url())["state"];
    for bad in ["", "code=C", "state=", "state=guessed&code=C", &format!("state={state}&state={state}&code=C")] {
        assert!(provider.finish(&coming(bad), &headers).await.unwrap_err().is_refused(), "{bad}");
    }
    assert_eq!(world.count("/token"), 1);
}

#[tokio::test]
async fn old_logins_are_over() {
    let world = World::start(|_, _| None).await;
    let provider = world.provider(notes()).login_timeout(Duration::from_millis(1)).build().await.unwrap();
    let begun = provider.start(LoginRequest::default()).await.unwrap();
    let (callback, headers) = back(&begun, &agreed(&world));
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert!(provider.finish(&callback, &headers).await.unwrap_err().to_string().contains("over"));
    let provider = world.provider(notes()).max_logins(1).build().await.unwrap();
    let (first, second) = (
        provider.start(LoginRequest::default()).await.unwrap(),
        provider.start(LoginRequest::default()).await.unwrap(),
    );
    let (callback, headers) = back(&first, &agreed(&world));
    assert!(provider.finish(&callback, &headers).await.unwrap_err().is_refused(), "there was room for one");
    let (callback, headers) = back(&second, &agreed(&world));
    provider.finish(&callback, &headers).await.unwrap();
}

#[tokio::test]
async fn a_code_of_another_issuer_is_not_redeemed_and_a_refusal_is_told() {
    let world = World::start(|_, _| None).await;
    let provider = world.provider(notes()).build().await.unwrap();
    for (answer, why) in [
        ("code=C&iss=https%3A%2F%2Fevil.example".to_owned(), "another issuer"),
        ("code=C".to_owned(), "does not say"),
        (format!("iss={}", form::encode(&world.base)), "neither a code nor an error"),
    ] {
        let begun = provider.start(LoginRequest::default()).await.unwrap();
        let (callback, headers) = back(&begun, &answer);
        let error = provider.finish(&callback, &headers).await.unwrap_err();
        assert!(error.is_refused() && error.to_string().contains(why), "{error}");
    }
    let begun = provider.start(LoginRequest::default()).await.unwrap();
    let (callback, headers) = back(&begun, &format!("error=access_denied&iss={}", form::encode(&world.base)));
    let error = provider.finish(&callback, &headers).await.unwrap_err();
    assert_eq!(error.oauth_error(), Some("access_denied"));
    assert_eq!(world.count("/token"), 0);
}

#[tokio::test]
async fn a_login_asks_for_what_it_says_itself() {
    let world = World::start(|_, _| None).await;
    let config = OAuth2Config {
        auto_resource_indicators: false,
        mcp_resource_uri: Some("https://calendar.example/mcp".into()),
        redirect_uri: "http://127.0.0.1:8080/callback".into(),
        ..notes()
    };
    let provider = world.provider(config).build().await.unwrap();
    let begun = provider.start(LoginRequest::default()).await.unwrap();
    assert!(!query(begun.url()).contains_key("resource"), "F94: only who asks for it names it");
    let cookie = begun.set_cookie();
    assert!(cookie.starts_with("turbomcp-login-") && !cookie.contains("Secure"), "there is no TLS: {cookie}");
    let request = LoginRequest::default().scopes(["c"]).resource("https://other.example");
    let login = logged_in(&world, &provider, request).await;
    assert_eq!(login.access().scopes(), ["c"]);
    assert_eq!(world.requests("/token")[0].form["resource"], "https://other.example");
    assert_eq!(login.user().len(), 43, "the provider does not say who it is");
    for bad in [
        LoginRequest::default().user(""),
        LoginRequest::default().scopes(["a b"]),
        LoginRequest::default().resource("calendar"),
        LoginRequest::default().param("state", "x"),
        LoginRequest::default().return_to("https://evil.example"),
        LoginRequest::default().return_to("//evil.example"),
        LoginRequest::default().return_to("/\\evil.example"),
        LoginRequest::default().return_to("/a\r\nSet-Cookie: b=c"),
        LoginRequest::default().return_to(""),
    ] {
        assert!(provider.start(bad.clone()).await.unwrap_err().is_usage(), "{bad:?}");
    }
}
