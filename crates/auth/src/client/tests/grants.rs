//! Tokens without a browser, and tokens bound to a key.

use super::*;

#[tokio::test]
async fn a_device_code_is_polled_for() {
    let polls = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let world = World::start(move |base, seen| match seen.path.as_str() {
        "/.well-known/oauth-authorization-server" => {
            ok(&with(server(base), "device_authorization_endpoint", json!(format!("{base}/device"))))
        }
        "/device" => ok(&json!({
            "device_code": "D", "user_code": "AB-CD", "verification_uri": format!("{base}/go"),
            "expires_in": 60, "interval": 1,
        })),
        "/token" if polls.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0 => {
            failed(&json!({"error": "authorization_pending"}))
        }
        _ => None,
    })
    .await;
    let shown = Arc::new(Mutex::new(None));
    let show = shown.clone();
    let oauth = world.builder().device_code(move |code| {
        *lock(&show) = Some(code.user_code);
        async { Ok(()) }
    });
    oauth.build().unwrap().login().await.unwrap();
    assert_eq!(lock(&shown).as_deref(), Some("AB-CD"));
    let polls = world.requests("/token");
    assert_eq!(polls.len(), 2);
    assert_eq!(polls[1].form["device_code"], "D");
    assert_eq!(polls[1].method, "POST");
}

/// Holds AUTHCC-02, AUTHCC-03, AUTHCC-04, AUTHCC-06.
#[tokio::test]
async fn a_client_authenticates_by_a_signed_assertion() {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    let body = STANDARD.encode(&*crate::SigningKey::generate());
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
    let key = crate::SigningKey::from_pem(&pem).unwrap();
    let world = World::start(|_, _| None).await;
    let client = PreRegistered::new("service").private_key(key);
    world.builder().client(client).client_credentials().scopes(["x"]).build().unwrap().login().await.unwrap();
    let form = world.requests("/token")[0].form.clone();
    assert_eq!((form["grant_type"].as_str(), form["scope"].as_str()), ("client_credentials", "x"));
    assert!(!form.contains_key("client_id"), "the assertion says who it is");
    let claims = form["client_assertion"].split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    assert_eq!((&claims["iss"], &claims["sub"]), (&json!("service"), &json!("service")));
    assert_eq!(claims["aud"], world.base);
    assert!(world.builder().client_credentials().build().unwrap_err().is_usage(), "nobody to authenticate");
}

#[tokio::test]
async fn a_token_that_is_not_bound_is_refused_where_it_has_to_be() {
    let world = World::start(|_, _| None).await;
    let oauth = world.builder().dpop(Dpop::Always).build().unwrap();
    assert!(oauth.login().await.unwrap_err().is_refused());
    assert!(world.requests("/token")[0].headers.contains_key("dpop"));
    let world = World::start(|_, seen| {
        (seen.path == "/token").then(|| ok(&json!({"access_token": "T", "token_type": "DPoP"})))?
    })
    .await;
    let oauth = world.builder().build().unwrap();
    assert!(oauth.login().await.unwrap_err().is_refused(), "there is no key to use it with");
}

/// Holds AUTHEMA-01, AUTHEMA-02, AUTHEMA-04.
#[tokio::test]
async fn an_identity_provider_grants_only_what_was_asked_for() {
    for (issued, is_good) in [("id-jag", true), ("access_token", false)] {
        let world = World::start(move |_, seen| {
            let kind = format!("urn:ietf:params:oauth:token-type:{issued}");
            let answer = json!({"access_token": "J", "token_type": "N_A", "issued_token_type": kind});
            (seen.path == "/idp").then(|| ok(&answer))?
        })
        .await;
        let at_provider = PreRegistered::new("at-idp").secret("i");
        let provider =
            IdentityProvider::new(format!("{}/idp", world.base), at_provider, || async { Ok(Secret::new("ID")) });
        let client = PreRegistered::new("at-as").secret("s");
        let outcome = world.builder().client(client).enterprise_managed(provider).build().unwrap().login().await;
        let Seen { form: exchanged, headers, .. } = &world.requests("/idp")[0];
        assert_eq!(exchanged["grant_type"], "urn:ietf:params:oauth:grant-type:token-exchange");
        assert_eq!(exchanged["requested_token_type"], "urn:ietf:params:oauth:token-type:id-jag");
        assert_eq!((exchanged["audience"].as_str(), exchanged["resource"].as_str()), (&*world.base, &*world.url()));
        assert_eq!(exchanged["subject_token"], "ID");
        assert_eq!(exchanged["subject_token_type"], "urn:ietf:params:oauth:token-type:id_token");
        // `at-idp:i`
        assert_eq!(headers["authorization"], "Basic YXQtaWRwOmk=");
        if is_good {
            outcome.unwrap();
            let Seen { form: asked, headers, .. } = &world.requests("/token")[0];
            assert_eq!(asked["grant_type"], "urn:ietf:params:oauth:grant-type:jwt-bearer");
            assert_eq!(asked["assertion"], "J");
            // `at-as:s`
            assert_eq!(headers["authorization"], "Basic YXQtYXM6cw==");
        } else {
            assert_stopped(&world, outcome, "another kind");
        }
    }
}

#[tokio::test]
async fn a_refused_assertion_is_not_tried_again() {
    let world =
        World::start(|_, seen| (seen.path == "/token").then(|| failed(&json!({"error": "invalid_grant"})))?).await;
    let oauth = world.builder().client(PreRegistered::new("w")).workload_identity(|_| async { Ok(Secret::new("J")) });
    let error = refused(&oauth.build().unwrap(), &world.url(), 401, "Bearer", 0).await.unwrap_err();
    assert_eq!(error.downcast_ref::<Error>().unwrap().oauth_error(), Some("invalid_grant"));
    assert_eq!((world.count("/token"), world.count("/authorize")), (1, 0));
}
