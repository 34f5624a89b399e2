//! Who a provider says that a user is.

use super::*;
use crate::SigningKey;

/// A provider of OpenID Connect, its key, and the ID token that it gives next.
struct OpenId {
    world: Arc<World>,
    key: SigningKey,
    next: Arc<Mutex<Option<String>>>,
}

fn new_key() -> SigningKey {
    SigningKey::from_pkcs8(&SigningKey::generate()).unwrap().with_id("k1")
}

async fn openid() -> OpenId {
    let next = Arc::new(Mutex::new(None::<String>));
    let given = next.clone();
    let key = new_key();
    let [x, y] = key.public_p256().unwrap();
    let jwk = json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "k1", "x": x, "y": y});
    let world = World::start(move |base, seen| match seen.path.as_str() {
        "/.well-known/openid-configuration" => ok(&with(server(base), "jwks_uri", json!(format!("{base}/jwks")))),
        "/jwks" => ok(&json!({"keys": [jwk]})),
        "/token" => {
            let mut token = json!({"access_token": "T", "token_type": "Bearer"});
            if let Some(given) = lock(&given).as_ref() {
                token["id_token"] = json!(given);
            }
            ok(&token)
        }
        _ => None,
    })
    .await;
    OpenId { world, key, next }
}

impl OpenId {
    async fn provider(&self) -> OAuth2Provider {
        self.world.provider(openid_config()).build().await.unwrap()
    }

    /// Logs a user in with an ID token that is signed like this.
    async fn login(
        &self,
        provider: &OAuth2Provider,
        sign: impl FnOnce(Value) -> Option<String>,
    ) -> Result<Login, Error> {
        let begun = provider.start(LoginRequest::default()).await.unwrap();
        let now = dpop::now();
        let claims = json!({
            "iss": self.world.base, "aud": "notes", "sub": "u-1", "exp": now + 300, "iat": now,
            "nonce": query(begun.url())["nonce"], "email": "ada@example.com", "email_verified": true,
        });
        *lock(&self.next) = sign(claims);
        let (callback, headers) = back(&begun, &agreed(&self.world));
        provider.finish(&callback, &headers).await
    }

    /// Logs a user in with an ID token that is good but for what this changes.
    async fn login_with(&self, provider: &OAuth2Provider, change: impl FnOnce(&mut Value)) -> Result<Login, Error> {
        let sign = |mut claims| {
            change(&mut claims);
            Some(self.key.sign(json!({"typ": "JWT"}), &claims).unwrap())
        };
        self.login(provider, sign).await
    }
}

fn openid_config() -> OAuth2Config {
    OAuth2Config { scopes: Vec::new(), ..notes() }
}

#[tokio::test]
async fn an_id_token_says_who_has_logged_in() {
    let openid = openid().await;
    let (world, provider) = (&openid.world, openid.provider().await);
    let begun = provider.start(LoginRequest::default()).await.unwrap();
    assert_eq!(query(begun.url())["scope"], "openid profile email", "F89: what is usual");
    let found = openid.login_with(&provider, |_| {}).await.unwrap();
    let token = found.id_token().unwrap();
    assert_eq!((found.user(), token.subject(), token.issuer()), ("u-1", "u-1", world.base.as_str()));
    assert_eq!(token.verified_email(), Some("ada@example.com"));
    let email: HashMap<String, Value> = token.claims().unwrap();
    assert_eq!(email["aud"], "notes");
    assert!(token.claims::<Vec<u8>>().unwrap_err().is_refused());
    assert!(!format!("{token:?}").contains("ada@"));
    assert!(provider.access("u-1").await.unwrap().is_some());
    let found = openid.login_with(&provider, |claims| claims["email_verified"] = json!(false)).await.unwrap();
    assert_eq!(found.id_token().unwrap().verified_email(), None);
    let many = |claims: &mut Value| {
        claims["aud"] = json!(["notes", "other"]);
        claims["azp"] = json!("notes");
    };
    openid.login_with(&provider, many).await.unwrap();
}

#[tokio::test]
async fn an_id_token_that_is_not_for_this_login_is_refused() {
    let openid = openid().await;
    let provider = openid.provider().await;
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
        let outcome = openid.login_with(&provider, |claims| claims[name] = value.clone()).await;
        let error = outcome.err().unwrap_or_else(|| panic!("{name}: {value}"));
        assert!(error.is_refused() && error.to_string().contains(why), "{name}: {value}: {error}");
    }
    let error = openid.login(&provider, |_| None).await.unwrap_err();
    assert!(error.to_string().contains("does not say who"), "{error}");
    assert!(provider.access("u-1").await.unwrap().is_none(), "nothing was kept");
}

#[tokio::test]
async fn an_id_token_that_the_provider_has_not_signed_is_refused() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let openid = openid().await;
    let provider = openid.provider().await;
    let plain = |header: Value, claims: &Value| {
        format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()))
    };
    let [x, y] = openid.key.public_p256().unwrap();
    let by_public_key = |claims: &Value| {
        let signed = plain(json!({"alg": "HS256", "kid": "k1"}), claims);
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, format!("{x}{y}").as_bytes());
        let signature = URL_SAFE_NO_PAD.encode(ring::hmac::sign(&key, signed.as_bytes()));
        format!("{signed}.{signature}")
    };
    type Sign<'a> = &'a dyn Fn(Value) -> String;
    let cases: [(Sign<'_>, &str); 8] = [
        (&|claims| new_key().sign(json!({}), &claims).unwrap(), "not valid"),
        (&|claims| new_key().with_id("k2").sign(json!({}), &claims).unwrap(), "of somebody else"),
        (&|claims| openid.key.sign(json!({"typ": "at+jwt"}), &claims).unwrap(), "another type"),
        (&|claims| openid.key.sign(json!({"crit": ["x"]}), &claims).unwrap(), "not signed as it must be"),
        (&|claims| format!("{}.", plain(json!({"alg": "none"}), &claims)), "not signed as it must be"),
        (&|claims| by_public_key(&claims), "not signed as it must be"),
        (&|claims| plain(json!({"alg": "ES256"}), &claims), "no signed JWT"),
        (&|_| "x".repeat(20_000), "no signed JWT"),
    ];
    for (sign, why) in cases {
        let error = openid.login(&provider, |claims| Some(sign(claims))).await.unwrap_err();
        assert!(error.is_refused() && error.to_string().contains(why), "{error} for {why}");
    }
    openid.login_with(&provider, |_| {}).await.unwrap();
    assert_eq!(openid.world.count("/jwks"), 1, "strangers do not have keys fetched again and again");
}

#[tokio::test]
async fn without_the_keys_of_the_provider_nobody_logs_in() {
    let world = World::start(|base, seen| match seen.path.as_str() {
        "/.well-known/openid-configuration" => ok(&with(server(base), "jwks_uri", json!(format!("{base}/jwks")))),
        "/jwks" => Some(("503 Service Unavailable".into(), String::new())),
        "/token" => {
            let token = new_key().sign(json!({}), &json!({"sub": "u-1"})).unwrap();
            ok(&json!({"access_token": "T", "id_token": token}))
        }
        _ => None,
    })
    .await;
    let provider = world.provider(openid_config()).build().await.unwrap();
    let (callback, headers) = back(&provider.start(LoginRequest::default()).await.unwrap(), &agreed(&world));
    assert!(provider.finish(&callback, &headers).await.unwrap_err().is_connect());
}
