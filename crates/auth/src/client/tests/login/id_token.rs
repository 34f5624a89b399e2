//! Who a provider says that a user is.

use super::*;

/// What the next ID token says, as the provider changes it.
type Claims = Arc<Mutex<Option<Value>>>;

/// A provider of OpenID Connect, and what its next ID token is to say.
async fn openid() -> (Arc<World>, Claims) {
    let claims = Claims::default();
    let said = claims.clone();
    let key = crate::SigningKey::from_pkcs8(&crate::SigningKey::generate()).unwrap().with_id("k1");
    let [x, y] = key.public_p256().unwrap();
    let jwk = json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "k1", "x": x, "y": y});
    let world = World::start(move |base, seen| match seen.path.as_str() {
        "/.well-known/openid-configuration" => ok(&with(server(base), "jwks_uri", json!(format!("{base}/jwks")))),
        "/jwks" => ok(&json!({"keys": [jwk]})),
        "/token" => {
            let mut token = json!({"access_token": "T", "token_type": "Bearer"});
            if let Some(claims) = lock(&said).as_ref() {
                token["id_token"] = json!(key.sign(json!({"typ": "JWT"}), claims).unwrap());
            }
            ok(&token)
        }
        _ => None,
    })
    .await;
    (world, claims)
}

fn openid_config() -> OAuth2Config {
    OAuth2Config { scopes: Vec::new(), ..notes() }
}

/// Logs a user in with an ID token that is good but for what this changes.
async fn login(
    world: &World,
    claims: &Claims,
    provider: &OAuth2Provider,
    change: impl FnOnce(&mut Value),
) -> Result<Login, Error> {
    let begun = provider.start(LoginRequest::default()).await.unwrap();
    let now = dpop::now();
    let mut good = json!({
        "iss": world.base, "aud": "notes", "sub": "u-1", "exp": now + 300, "iat": now,
        "nonce": query(begun.url())["nonce"], "email": "ada@example.com", "email_verified": true,
    });
    change(&mut good);
    *lock(claims) = Some(good).filter(|claims| !claims.is_null());
    let (callback, headers) = back(&begun, &agreed(world));
    provider.finish(&callback, &headers).await
}

#[tokio::test]
async fn an_id_token_says_who_has_logged_in() {
    let (world, claims) = openid().await;
    let provider = world.provider(openid_config()).build().await.unwrap();
    let begun = provider.start(LoginRequest::default()).await.unwrap();
    assert_eq!(query(begun.url())["scope"], "openid profile email", "F89: what is usual");
    let found = login(&world, &claims, &provider, |_| {}).await.unwrap();
    let token = found.id_token().unwrap();
    assert_eq!((found.user(), token.subject(), token.issuer()), ("u-1", "u-1", world.base.as_str()));
    assert_eq!(token.verified_email(), Some("ada@example.com"));
    let email: HashMap<String, Value> = token.claims().unwrap();
    assert_eq!(email["aud"], "notes");
    assert!(token.claims::<Vec<u8>>().unwrap_err().is_refused());
    assert!(!format!("{token:?}").contains("ada@"));
    assert!(provider.access("u-1").await.unwrap().is_some());
    let found = login(&world, &claims, &provider, |claims| claims["email_verified"] = json!(false)).await.unwrap();
    assert_eq!(found.id_token().unwrap().verified_email(), None);
    let many = |claims: &mut Value| {
        claims["aud"] = json!(["notes", "other"]);
        claims["azp"] = json!("notes");
    };
    login(&world, &claims, &provider, many).await.unwrap();
}

#[tokio::test]
async fn an_id_token_that_is_not_for_this_login_is_refused() {
    let (world, claims) = openid().await;
    let provider = world.provider(openid_config()).build().await.unwrap();
    let now = dpop::now();
    for (name, value, why) in [
        ("iss", json!("https://evil.example"), "another issuer"),
        ("iss", Value::Null, "another issuer"),
        ("aud", json!("other"), "another client"),
        ("aud", json!(["other"]), "another client"),
        ("aud", json!([]), "another client"),
        ("aud", Value::Null, "another client"),
        ("aud", json!(["notes", "other"]), "asked for by another"),
        ("azp", json!("other"), "asked for by another"),
        ("azp", json!(7), "asked for by another"),
        ("exp", json!(now - 61), "expired"),
        ("exp", json!(now.to_string()), "expired"),
        ("exp", Value::Null, "expired"),
        ("iat", json!(now + 120), "future"),
        ("iat", Value::Null, "future"),
        ("nbf", json!(now + 120), "future"),
        ("nonce", json!("of another login"), "another login"),
        ("nonce", Value::Null, "another login"),
        ("sub", json!(""), "no user"),
        ("sub", Value::Null, "no user"),
    ] {
        let outcome = login(&world, &claims, &provider, |claims| claims[name] = value.clone()).await;
        let error = outcome.err().unwrap_or_else(|| panic!("{name}: {value}"));
        assert!(error.is_refused() && error.to_string().contains(why), "{name}: {value}: {error}");
    }
    let error = login(&world, &claims, &provider, |claims| *claims = Value::Null).await.unwrap_err();
    assert!(error.to_string().contains("does not say who"), "{error}");
    assert!(provider.access("u-1").await.unwrap().is_none(), "nothing was kept");
}
