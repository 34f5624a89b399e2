//! Who is let in, and what handlers are told of them.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use turbomcp::auth::server::{
    Algorithm, Anonymous, ApiKey, ApiKeyConfig, ApiKeys, AuthConfig, AuthProviderConfig, AuthorizationConfig,
    CredentialHeaders, DpopConfig, DpopNonces, DpopTokens, Holder, IntrospectionConfig, JwtConfig, JwtKeys,
    VerifyingKey,
};
use turbomcp::auth::{AuthManager, Reach, Secret};
use turbomcp::transport::proofs::{BoxError, ProofStore, SharedProofs};
use turbomcp_tests::{Request, Site};

use crate::issuer::{Issuer, RESOURCE};
use crate::keys::{Key, RSA_PUBLIC, now, sha256};
use crate::site::{answer, auth, bearer, builder, call, jwt, open, status, who};

/// Holds AUTHS-01, AUTHS-07.
#[tokio::test]
async fn a_token_says_who_is_calling_and_a_handler_is_told() {
    let issuer = Issuer::start().await;
    let site = open(auth(&issuer).build().unwrap()).await;
    let expected = json!({
        "subject": "ada", "issuer": issuer.url, "tenant": "acme", "scopes": ["notes.read"], "roles": ["editor"],
        "permissions": ["database:read"], "client": "host",
    });
    let token = issuer.token();
    for _ in 0..3 {
        assert_eq!(answer(&site, bearer(&token)).await, expected);
    }
    assert_eq!(issuer.fetched(), 1, "what was verified is remembered, and so are keys");
    for changes in [
        json!({"aud": ["x", RESOURCE]}),
        json!({"nbf": now(), "iat": null}),
        json!({"exp": now() - 10}),
        json!({"exp": now() as f64 + 0.5}),
        json!({"scope": null, "scp": ["notes.read"]}),
        json!({"cnf": null}),
    ] {
        let token = issuer.key.token(&issuer.but(changes.clone()));
        assert_eq!(answer(&site, bearer(&token)).await["subject"], "ada", "{changes}");
    }
    for typ in [json!("at+jwt"), json!("AT+JWT"), json!("application/at+jwt"), json!("JWT"), Value::Null] {
        let mut head = json!({"alg": "ES256", "kid": "k1", "typ": typ});
        if typ.is_null() {
            head.as_object_mut().unwrap().remove("typ");
        }
        let token = issuer.key.sign(&head, &issuer.claims().to_string());
        assert_eq!(status(&site, bearer(&token)).await, 200, "{head}");
    }
    // The names of schemes have no case.
    assert_eq!(status(&site, who().header("Authorization", format!("bEARER {token}"))).await, 200);
}

#[tokio::test]
async fn claims_are_where_they_were_said_to_be() {
    let issuer = Issuer::start().await;
    let config = jwt(&issuer).roles_claim("/realm/roles").permissions_claim("may").tenant_claim("org");
    let site = open(AuthManager::builder().jwt(config).build().unwrap()).await;
    let changes = json!({"realm": {"roles": ["owner"]}, "may": ["database:write"], "org": "globex"});
    let told = answer(&site, bearer(&issuer.key.token(&issuer.but(changes)))).await;
    assert_eq!(
        (&told["roles"], &told["permissions"], &told["tenant"]),
        (&json!(["owner"]), &json!(["database:write"]), &json!("globex"))
    );
}

#[tokio::test]
async fn every_algorithm_is_verified_with_keys_of_its_kind_in_any_form() {
    let issuer = Issuer::start().await;
    let secret = "0123456789abcdef0123456789abcdef";
    let pairs = [
        (Key::p256("a"), Algorithm::ES256, None),
        (Key::p384("b"), Algorithm::ES384, None),
        (Key::ed25519("c"), Algorithm::EdDSA, None),
        (Key::rsa("d", false), Algorithm::RS256, Some(VerifyingKey::from_pem(RSA_PUBLIC).unwrap())),
        (Key::rsa("e", true), Algorithm::PS256, Some(VerifyingKey::from_pem(RSA_PUBLIC).unwrap())),
        (
            Key::secret("f", secret.as_bytes()),
            Algorithm::HS256,
            Some(VerifyingKey::from_secret(&Secret::new(secret)).unwrap()),
        ),
    ];
    for (key, algorithm, written) in &pairs {
        let mut forms = vec![VerifyingKey::from_jwk(&key.jwk()).unwrap()];
        forms.extend(written.clone());
        for form in forms {
            let config = JwtConfig::new(&*issuer.url, RESOURCE).algorithms([*algorithm]).keys([form]);
            let site = open(AuthManager::builder().jwt(config).build().unwrap()).await;
            assert_eq!(status(&site, bearer(&key.token(&issuer.claims()))).await, 200, "{algorithm:?}");
            // Whatever else the key could do.
            for (other, ..) in pairs.iter().filter(|(other, ..)| other.kid != key.kid) {
                assert_eq!(status(&site, bearer(&other.token(&issuer.claims()))).await, 401, "{algorithm:?}");
            }
        }
    }
    assert_eq!(issuer.fetched(), 0);
}

/// Holds AUTHS-11.
#[tokio::test]
async fn a_broader_scope_stands_for_narrower_ones() {
    let issuer = Issuer::start().await;
    let auth = auth(&issuer)
        .implies("notes", ["notes.write", "notes.erase", "notes.some"])
        .implies("notes.some", ["notes.read"]);
    let site = open(auth.build().unwrap()).await;
    let token = issuer.key.token(&issuer.but(json!({"scope": "notes"})));
    assert_eq!(
        answer(&site, Request::modern(&call("write")).header("Authorization", format!("Bearer {token}"))).await,
        "written"
    );
    let narrow = issuer.key.token(&issuer.but(json!({"scope": "notes.some"})));
    let request = |tool| Request::modern(&call(tool)).header("Authorization", format!("Bearer {narrow}"));
    assert_eq!(status(&site, request("who")).await, 200);
    assert_eq!(status(&site, request("write")).await, 403);
}

#[tokio::test]
async fn an_api_key_stands_for_somebody_until_it_is_removed() {
    let keys = ApiKeys::default();
    let holder = || Holder::new("job").tenant("acme").scopes(["a"]).roles(["b"]).permissions(["c"]);
    let (first, entry) = ApiKey::generate("mcp", holder());
    let first_id = entry.id().to_owned();
    keys.add(entry);
    let (second, entry) = ApiKey::generate("mcp", holder());
    keys.add(ApiKey::from_hash(entry.id(), &entry.sha256(), holder()).unwrap());
    let config = || ApiKeyConfig::default().keys(keys.clone());
    let site = open(AuthManager::builder().api_keys(config()).build().unwrap()).await;
    let expected = json!({
        "subject": "job", "issuer": "api-key", "tenant": "acme", "scopes": ["a"], "roles": ["b"], "permissions": ["c"],
        "client": null,
    });
    for key in [&first, &second] {
        assert_eq!(answer(&site, who().header("X-API-Key", key.expose())).await, expected);
    }
    let elsewhere = open(AuthManager::builder().api_keys(config().header("X-Notes-Key")).build().unwrap()).await;
    assert_eq!(status(&elsewhere, who().header("X-Notes-Key", first.expose())).await, 200);
    assert_eq!(status(&elsewhere, who().header("X-API-Key", first.expose())).await, 401);
    let scheme = open(AuthManager::builder().api_keys(config().header("Authorization")).build().unwrap()).await;
    for scheme_name in ["Bearer", "ApiKey"] {
        let request = who().header("Authorization", format!("{scheme_name} {}", first.expose()));
        assert_eq!(status(&scheme, request).await, 200, "{scheme_name}");
    }
    assert!(keys.remove(&first_id) && !keys.remove(&first_id));
    assert_eq!(status(&site, who().header("X-API-Key", first.expose())).await, 401);
    assert_eq!(status(&site, who().header("X-API-Key", second.expose())).await, 200);
}

#[tokio::test]
async fn the_first_kind_of_credential_decides_and_no_other_is_asked_if_it_is_no_good() {
    let issuer = Issuer::start().await;
    let (key, entry) = ApiKey::generate("mcp", Holder::new("job"));
    let keys = || ApiKeyConfig::default().key(entry.clone());
    let both = |token: &str, key: &str| bearer(token).header("X-API-Key", key);
    let token = issuer.token();
    let tokens_first = open(AuthManager::builder().jwt(jwt(&issuer)).api_keys(keys()).build().unwrap()).await;
    assert_eq!(answer(&tokens_first, both(&token, key.expose())).await["subject"], "ada");
    assert_eq!(status(&tokens_first, both("bad", key.expose())).await, 401);
    assert_eq!(answer(&tokens_first, who().header("X-API-Key", key.expose())).await["subject"], "job");
    let keys_first = AuthManager::builder()
        .jwt(jwt(&issuer))
        .add_provider(AuthProviderConfig::new("keys", keys()).priority(1))
        .build();
    let keys_first = open(keys_first.unwrap()).await;
    assert_eq!(answer(&keys_first, both(&token, key.expose())).await["subject"], "job");
    assert_eq!(status(&keys_first, both(&token, "bad")).await, 401);
    assert_eq!(answer(&keys_first, bearer(&token)).await["subject"], "ada");
}

#[tokio::test]
async fn the_issuer_of_an_opaque_token_is_asked_once_in_a_while() {
    let issuer = Issuer::start().await;
    let config = IntrospectionConfig::new(format!("{}/introspect", issuer.url), "notes", "secret")
        .issuer("https://id.example")
        .audience(RESOURCE)
        .tenant_claim("org");
    let manager = AuthManager::builder().introspection(config.clone()).build().unwrap();
    let site = open(manager.clone()).await;
    let active = |changes: Value| {
        let mut known = json!({"active": true, "sub": "ada", "aud": RESOURCE, "scope": "notes.read", "org": "acme",
            "exp": now() + 600, "client_id": "host", "roles": ["editor"]});
        known.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        known
    };
    issuer.know("good", active(json!({})));
    let told = answer(&site, bearer("good")).await;
    assert_eq!(
        (&told["subject"], &told["issuer"], &told["client"]),
        (&json!("ada"), &json!("https://id.example"), &json!("host"))
    );
    assert_eq!(
        (&told["scopes"], &told["roles"], &told["tenant"]),
        (&json!(["notes.read"]), &json!(["editor"]), &json!("acme"))
    );
    assert_eq!(status(&site, bearer("good")).await, 200);
    assert_eq!(issuer.asked(), 1);
    // `notes:secret`
    assert_eq!(issuer.asked_by().as_deref(), Some("Basic bm90ZXM6c2VjcmV0"));
    manager.purge();
    assert_eq!(status(&site, bearer("good")).await, 200);
    assert_eq!(issuer.asked(), 2);
    for _ in 0..3 {
        assert_eq!(status(&site, bearer("never-given")).await, 401);
    }
    assert_eq!(issuer.asked(), 3, "a token that is not known is not asked about again at once");
    for (name, changes, why) in [
        ("a1", json!({"active": "true"}), "the token is not active"),
        ("a2", json!({"aud": "https://other.example"}), "the token is for another audience"),
        ("a3", json!({"aud": null}), "the claims of the token are malformed"),
        ("a4", json!({"iss": "https://other.example"}), "the token is of another issuer"),
        ("a5", json!({"exp": now() - 60}), "the token has expired"),
        ("a6", json!({"nbf": now() + 60}), "the token is not valid yet"),
        ("a7", json!({"sub": ""}), "the token names no subject"),
        ("a8", json!({"org": 1}), "the token names no tenant"),
    ] {
        issuer.know(name, active(changes));
        let mut reply = site.client().send(bearer(name)).await;
        assert_eq!((reply.status, &reply.message().await["error"]["message"]), (401, &json!(why)), "{name}");
    }
    // A token that says it is of somebody else is not shown to this issuer.
    let asked = issuer.asked();
    assert_eq!(status(&site, bearer(&issuer.token())).await, 401);
    assert_eq!(issuer.asked(), asked);
    // What it has said is believed for as long as was said.
    let asked = issuer.asked();
    let brief = config.clone().max_age(Duration::from_millis(50));
    let site = open(AuthManager::builder().introspection(brief).build().unwrap()).await;
    for _ in 0..2 {
        assert_eq!(status(&site, bearer("good")).await, 200);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(issuer.asked(), asked + 2);
    // Nobody can say.
    let mut gone = config.clone();
    gone.endpoint = "http://127.0.0.1:1/introspect".to_owned();
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut late = config.clone().timeout(Duration::from_millis(200));
    late.endpoint = format!("http://{}/introspect", silent.local_addr().unwrap());
    let started = std::time::Instant::now();
    for unanswered in [gone, late, config.clone().reach(Reach::Public)] {
        let site = open(AuthManager::builder().introspection(unanswered).build().unwrap()).await;
        let reply = site.client().send(bearer("good")).await;
        assert_eq!((reply.status, reply.header("retry-after")), (503, Some("5")));
    }
    assert!(started.elapsed() < Duration::from_secs(4), "the usual five seconds were not waited for");
    // What it says is read where it is to be found, by clocks that differ.
    issuer.know("late", active(json!({"exp": now() - 60, "realm": {"roles": ["owner"]}, "may": ["database:read"]})));
    let mapped = config.leeway(Duration::from_secs(90)).roles_claim("/realm/roles").permissions_claim("may");
    let site = open(AuthManager::builder().introspection(mapped).build().unwrap()).await;
    let told = answer(&site, bearer("late")).await;
    assert_eq!((&told["roles"], &told["permissions"]), (&json!(["owner"]), &json!(["database:read"])));
}

/// What RFC 9068 calls an access token is one, whatever else it has; and so is what older versions of Keycloak sign.
#[tokio::test]
async fn what_looks_like_an_id_token_and_is_none_is_taken() {
    let issuer = Issuer::start().await;
    let site = open(auth(&issuer).build().unwrap()).await;
    for (typ, claims) in [
        (Some("at+jwt"), json!({"nonce": "x", "at_hash": "x", "c_hash": "x"})),
        (Some("JWT"), json!({"nonce": "x", "typ": "Bearer"})),
        (None, json!({"token_use": "access", "typ": "at+jwt"})),
        (None, json!({"acr": "1", "azp": "host", "sid": "x", "auth_time": 1})),
    ] {
        let mut head = json!({"alg": "ES256", "kid": "k1"});
        if let Some(typ) = typ {
            head["typ"] = json!(typ);
        }
        let token = issuer.key.sign(&head, &issuer.but(claims.clone()).to_string());
        assert_eq!(status(&site, bearer(&token)).await, 200, "{head} {claims}");
    }
    // A second audience is as good as the first.
    let both = JwtConfig::new(&*issuer.url, "https://other.example/mcp").audience(RESOURCE);
    let site = open(AuthManager::builder().jwt(both).build().unwrap()).await;
    assert_eq!(status(&site, bearer(&issuer.token())).await, 200);
}

#[tokio::test]
async fn only_the_types_that_were_set_are_taken() {
    let issuer = Issuer::start().await;
    let site = open(AuthManager::builder().jwt(jwt(&issuer).types(["notes+jwt"])).build().unwrap()).await;
    for (typ, expected) in [("notes+jwt", 200), ("application/Notes+JWT", 200), ("at+jwt", 401), ("JWT", 401)] {
        let head = json!({"alg": "ES256", "kid": "k1", "typ": typ});
        let token = issuer.key.sign(&head, &issuer.claims().to_string());
        assert_eq!(status(&site, bearer(&token)).await, expected, "{typ}");
    }
}

/// Signs a request with a key that a token is bound to.
fn signed(key: &Key, token: &str, jti: &str, nonce: Option<&str>) -> Request {
    signed_at(now(), key, token, jti, nonce)
}

/// Signs a request, as of some moment.
fn signed_at(moment: u64, key: &Key, token: &str, jti: &str, nonce: Option<&str>) -> Request {
    let head = json!({"typ": "dpop+jwt", "alg": key.algorithm(), "jwk": key.jwk()});
    let mut claims = json!({"jti": jti, "htm": "POST", "htu": RESOURCE, "iat": moment, "ath": sha256(token)});
    if let Some(nonce) = nonce {
        claims["nonce"] = json!(nonce);
    }
    let proof = key.sign(&head, &claims.to_string());
    who().header("Authorization", format!("DPoP {token}")).header("DPoP", proof)
}

#[tokio::test]
async fn a_bound_token_is_of_use_only_with_its_key_and_each_proof_once() {
    let issuer = Issuer::start().await;
    let key = Key::p256("holder");
    let token = issuer.key.token(&issuer.but(json!({"cnf": {"jkt": key.thumbprint()}})));
    let site = open(auth(&issuer).dpop(DpopConfig::default()).build().unwrap()).await;
    assert_eq!(answer(&site, signed(&key, &token, "1", None)).await["subject"], "ada");
    let mut replayed = site.client().send(signed(&key, &token, "1", None)).await;
    let challenge = replayed.headers.iter().find(|(_, value)| value.starts_with("DPoP ")).unwrap().1.clone();
    assert!(challenge.starts_with(r#"DPoP error="invalid_dpop_proof""#), "{challenge}");
    assert_eq!(replayed.message().await["error"]["message"], "the DPoP proof was used before");
    assert_eq!(status(&site, signed(&key, &token, "2", None)).await, 200);
    // Another one's `jti` is another proof.
    let other = Key::p256("other");
    let others = issuer.key.token(&issuer.but(json!({"sub": "eve", "cnf": {"jkt": other.thumbprint()}})));
    assert_eq!(status(&site, signed(&other, &others, "1", None)).await, 200);

    let required = DpopConfig::default().tokens(DpopTokens::Required);
    let site = open(auth(&issuer).dpop(required).build().unwrap()).await;
    assert_eq!(status(&site, bearer(&issuer.token())).await, 401);
    assert_eq!(status(&site, signed(&key, &token, "1", None)).await, 200);

    let full = DpopConfig::default().remembered_proofs(1).max_age(Duration::from_secs(600));
    let site = open(auth(&issuer).dpop(full).build().unwrap()).await;
    assert_eq!(status(&site, signed(&key, &token, "1", None)).await, 200);
    let reply = site.client().send(signed(&key, &token, "2", None)).await;
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("60")));
    // Nobody else has to wait for that.
    assert_eq!(status(&site, signed(&other, &others, "1", None)).await, 200);

    // A server that does not understand what a token is bound to does not take it.
    let site = open(auth(&issuer).build().unwrap()).await;
    assert_eq!(status(&site, bearer(&token)).await, 401);
    assert_eq!(status(&site, signed(&key, &token, "1", None)).await, 401);
}

#[tokio::test]
async fn proofs_are_signed_and_as_old_as_the_server_allows() {
    let issuer = Issuer::start().await;
    let (usual, longer) = (Key::p256("holder"), Key::p384("holder"));
    let bound = |key: &Key| issuer.key.token(&issuer.but(json!({"cnf": {"jkt": key.thumbprint()}})));
    let patient = DpopConfig::default().max_age(Duration::from_secs(600));
    for (config, signed_by_longer, after_two_minutes) in [
        (DpopConfig::default(), 401, 401),
        (DpopConfig::default().algorithms([Algorithm::ES256, Algorithm::ES384]), 200, 401),
        (patient, 401, 200),
    ] {
        let site = open(auth(&issuer).dpop(config).build().unwrap()).await;
        let token = bound(&longer);
        assert_eq!(status(&site, signed(&longer, &token, "1", None)).await, signed_by_longer);
        let token = bound(&usual);
        assert_eq!(status(&site, signed(&usual, &token, "1", None)).await, 200);
        assert_eq!(status(&site, signed_at(now() - 120, &usual, &token, "2", None)).await, after_two_minutes);
    }
}

/// Notes proofs for several servers of this process, unless it is out of order.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<(HashSet<String>, bool)>>);

impl ProofStore for Notes {
    async fn note(&self, proof: &str, keep: Duration) -> Result<bool, BoxError> {
        assert!((Duration::from_secs(60)..=Duration::from_secs(180)).contains(&keep), "{keep:?}");
        assert_eq!(proof.len(), 43);
        let mut notes = self.0.lock().unwrap();
        if notes.1 { Err("it is out of order".into()) } else { Ok(notes.0.insert(proof.to_owned())) }
    }
}

#[tokio::test]
async fn a_proof_that_was_used_at_one_replica_is_refused_at_another() {
    let issuer = Issuer::start().await;
    let key = Key::p256("holder");
    let token = issuer.key.token(&issuer.but(json!({"cnf": {"jkt": key.thumbprint()}})));
    let notes = Notes::default();
    let replica = async || {
        let config = DpopConfig::default().shared(SharedProofs::new(notes.clone()));
        open(auth(&issuer).dpop(config).build().unwrap()).await
    };
    let (a, b) = (replica().await, replica().await);
    assert_eq!(status(&a, signed(&key, &token, "1", None)).await, 200);
    let mut replayed = b.client().send(signed(&key, &token, "1", None)).await;
    assert_eq!(replayed.status, 401);
    assert_eq!(replayed.message().await["error"]["message"], "the DPoP proof was used before");
    assert_eq!(status(&b, signed(&key, &token, "2", None)).await, 200);
    // Another one's `jti` is another proof here, too.
    let other = Key::p256("other");
    let others = issuer.key.token(&issuer.but(json!({"sub": "eve", "cnf": {"jkt": other.thumbprint()}})));
    assert_eq!(status(&b, signed(&other, &others, "1", None)).await, 200);
    // Nobody can say any more what was used.
    notes.0.lock().unwrap().1 = true;
    let refused = b.client().send(signed(&key, &token, "3", None)).await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("5")));
    notes.0.lock().unwrap().1 = false;
    assert_eq!(status(&b, signed(&key, &token, "4", None)).await, 200);
}

#[tokio::test]
async fn a_nonce_is_given_with_the_refusal_and_taken_afterwards() {
    let issuer = Issuer::start().await;
    let key = Key::p256("holder");
    let token = issuer.key.token(&issuer.but(json!({"cnf": {"jkt": key.thumbprint()}})));
    let config = DpopConfig::default().nonces(DpopNonces::Required);
    let site = open(auth(&issuer).dpop(config).build().unwrap()).await;
    let first = site.client().send(signed(&key, &token, "1", None)).await;
    assert_eq!(first.status, 401);
    assert!(first.headers.iter().any(|(_, value)| value.starts_with(r#"DPoP error="use_dpop_nonce""#)));
    let nonce = first.header("dpop-nonce").expect("a nonce").to_owned();
    assert_eq!(status(&site, signed(&key, &token, "2", Some("made-up"))).await, 401);
    assert_eq!(status(&site, signed(&key, &token, "3", Some(&nonce))).await, 200);
    assert_eq!(status(&site, signed(&key, &token, "4", Some(&nonce))).await, 200);
}

#[tokio::test]
async fn nobody_in_particular_is_let_in_where_that_is_wanted() {
    let issuer = Issuer::start().await;
    let site = open(
        AuthManager::builder().jwt(jwt(&issuer)).resource(RESOURCE).anonymous(Anonymous::Admitted).build().unwrap(),
    )
    .await;
    assert_eq!(answer(&site, who()).await, "nobody");
    assert_eq!(answer(&site, bearer(&issuer.token())).await["subject"], "ada");
    // Whoever says who they are, and is wrong, is not nobody.
    assert_eq!(status(&site, bearer("bad")).await, 401);
    assert_eq!(status(&site, who().header("Authorization", "Basic YTpi")).await, 401);
    // And nobody has no scopes, but may get some.
    let reply = site.client().send(Request::modern(&call("write"))).await;
    let place = r#"resource_metadata="https://notes.example/.well-known/oauth-protected-resource/mcp""#;
    assert_eq!(reply.status, 401);
    assert_eq!(
        reply.header("www-authenticate").unwrap(),
        format!(r#"Bearer scope="notes.write notes.erase", {place}"#)
    );
    let mut config = AuthConfig::default();
    config.enabled = false;
    let site = open(AuthManager::new(config).unwrap()).await;
    assert_eq!(answer(&site, who()).await, "nobody");
    assert_eq!(answer(&site, bearer("bad")).await, "nobody");
}

/// Holds AUTHS-07: what is not there is not passed on.
#[tokio::test]
async fn handlers_do_not_see_credentials_unless_they_shall() {
    let issuer = Issuer::start().await;
    let (key, entry) = ApiKey::generate("mcp", Holder::new("job").scopes(["notes.read"]));
    let token = issuer.token();
    let keys = ApiKeyConfig::default().key(entry);
    let request = || {
        let request = Request::modern(&call("headers")).header("Authorization", format!("Bearer {token}"));
        request.header("X-API-Key", key.expose()).header("DPoP", "proof-of-mine").header("X-Other", "kept")
    };
    let manager = auth(&issuer).api_keys(keys.clone());
    let seen = answer(&open(manager.build().unwrap()).await, request()).await.to_string();
    assert!(seen.contains("kept"), "{seen}");
    for secret in [&*token, key.expose(), "proof-of-mine", "authorization"] {
        assert!(!seen.contains(secret), "{seen}");
    }
    let mut visible = AuthorizationConfig::default();
    visible.credentials = CredentialHeaders::Visible;
    let manager = AuthManager::builder().jwt(jwt(&issuer)).api_keys(keys).authorization(visible);
    let seen = answer(&open(manager.build().unwrap()).await, request()).await.to_string();
    for secret in [&*token, key.expose(), "proof-of-mine"] {
        assert!(seen.contains(secret), "{seen}");
    }
}

#[tokio::test]
async fn settings_that_would_let_in_too_many_are_refused() {
    let key = || VerifyingKey::from_jwk(&Key::p256("a").jwk()).unwrap();
    let jwt = || JwtConfig::new("https://id.example", RESOURCE);
    let edited = |edit: fn(&mut JwtConfig)| {
        let mut config = jwt();
        edit(&mut config);
        AuthManager::builder().jwt(config)
    };
    let introspection = IntrospectionConfig::new("https://id.example/introspect", "a", "b");
    for (bad, why) in [
        (AuthManager::builder(), "without a provider"),
        (edited(|config| config.audiences.clear()), "needs an audience"),
        (edited(|config| config.audiences = vec![String::new()]), "needs an audience"),
        (edited(|config| config.algorithms.clear()), "needs the algorithms"),
        (edited(|config| config.issuer.clear()), "needs an issuer"),
        (edited(|config| config.leeway = Duration::from_secs(3600)), "leeway"),
        (edited(|config| config.keys = JwtKeys::Fixed(Vec::new())), "needs keys"),
        (edited(|config| config.algorithms = vec![Algorithm::HS256]), "HMAC needs keys of its own"),
        (edited(|config| config.issuer = "http://id.example".to_owned()), "cannot be fetched"),
        (edited(|config| config.keys = JwtKeys::Published("file:///keys".to_owned())), "cannot be fetched"),
        (AuthManager::builder().jwt(jwt().algorithms([Algorithm::RS256]).keys([key()])), "no key is for RS256"),
        (AuthManager::builder().jwt(jwt()).jwt(jwt()), "two providers look at the tokens"),
        (AuthManager::builder().introspection(introspection.clone()), "needs an issuer"),
        (AuthManager::builder().introspection(introspection.clone().issuer("i")), "needs an audience"),
        (
            AuthManager::builder()
                .introspection(introspection.clone().issuer("i").audience("a"))
                .introspection(introspection.issuer("j").audience("a")),
            "which of two introspection providers",
        ),
        (AuthManager::builder().jwt(jwt()).required_scopes(["a b"]), "is no scope"),
        (AuthManager::builder().jwt(jwt()).required_scopes(["a\""]), "is no scope"),
        (AuthManager::builder().jwt(jwt()).scopes_supported(["offline_access"]), "offline_access"),
        (AuthManager::builder().jwt(jwt()).dpop(DpopConfig::default()), "needs the URL of the server"),
        (
            AuthManager::builder()
                .jwt(jwt())
                .resource(RESOURCE)
                .dpop(DpopConfig::default().algorithms([Algorithm::HS256])),
            "private keys",
        ),
        (AuthManager::builder().jwt(jwt()).resource("http://notes.example/mcp"), "the URL of the server"),
        (AuthManager::builder().api_keys(ApiKeyConfig::default().header("a b")), "no name of a header"),
        (AuthManager::builder().api_keys(ApiKeyConfig::default().prefix("")), "prefix"),
    ] {
        let error = bad.build().unwrap_err();
        assert!(error.is_usage() && error.to_string().contains(why), "{error} instead of {why}");
    }
    for (bad, why) in [
        (VerifyingKey::from_secret(&Secret::new("short")), "too short"),
        (VerifyingKey::from_secret(&Secret::new(RSA_PUBLIC)), "no secret"),
        (VerifyingKey::from_pem("x"), "not PEM"),
        (VerifyingKey::from_pem("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"), "no public key"),
        (VerifyingKey::from_jwk(&json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"})), "length of its curve"),
        (VerifyingKey::from_jwk(&json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"})), "too short"),
        (VerifyingKey::from_jwk(&json!({"kty": "EC", "crv": "P-256", "use": "enc"})), "not for signatures"),
    ] {
        let error = bad.unwrap_err();
        assert!(error.is_usage() && error.to_string().contains(why), "{error} instead of {why}");
    }
}

#[tokio::test]
async fn a_configuration_file_says_the_same_as_the_builder() {
    let issuer = Issuer::start().await;
    let (key, entry) = ApiKey::generate("notes", Holder::new("job"));
    let entry = json!({"id": entry.id(), "sha256": entry.sha256(), "expires_at_seconds": now() + 600,
        "holder": {"subject": "job", "scopes": ["notes.read"]}});
    let keys = |header: &str| json!({"header": header, "prefix": "notes", "keys": [entry]});
    let config = json!({
        "resource": RESOURCE,
        "providers": [
            {"name": "off", "provider_type": "api_key", "settings": keys("X-Old-Key"), "enabled": false},
            {"name": "keys", "provider_type": "api_key", "priority": 5, "settings": keys("X-Key")},
            {"name": "id", "provider_type": "jwt", "settings": {
                "issuer": issuer.url, "audiences": [RESOURCE], "algorithms": ["ES256"], "leeway_seconds": 5,
                "keys": {"fixed": [{"jwk": issuer.key.jwk()}]}, "tenant_claim": "org",
            }},
        ],
        "authorization": {"required_scopes": ["notes.read"], "recheck_seconds": 60},
    });
    let config: AuthConfig = serde_json::from_value(config).unwrap();
    let mut confused = config.clone();
    confused.providers[1].name = "id".to_owned();
    let error = AuthManager::new(confused).unwrap_err();
    assert!(error.is_usage() && error.to_string().contains(r#"two providers are called "id""#), "{error}");
    let site: Site = open(AuthManager::new(config).unwrap()).await;
    assert_eq!(answer(&site, who().header("X-Key", key.expose())).await["subject"], "job");
    assert_eq!(status(&site, who().header("X-Old-Key", key.expose())).await, 401, "it is not in use");
    assert_eq!(answer(&site, bearer(&issuer.token())).await["tenant"], "acme");
    let late = issuer.key.token(&issuer.but(json!({"exp": now() - 10})));
    assert_eq!(status(&site, bearer(&late)).await, 401, "the leeway is five seconds");
    let narrow = issuer.key.token(&issuer.but(json!({"scope": "notes.write"})));
    assert_eq!(status(&site, bearer(&narrow)).await, 403, "a scope is required");
    assert_eq!(issuer.fetched(), 0);
    for bad in [
        json!({"provider": []}),
        json!({"providers": [{"name": "x", "provider_type": "magic", "settings": {}}]}),
        json!({"providers": [{"name": "x", "provider_type": "jwt", "settings": {"issuer": "i"}}]}),
        json!({"authorization": {"anonymous": "sometimes"}}),
    ] {
        assert!(serde_json::from_value::<AuthConfig>(bad.clone()).is_err(), "{bad}");
    }
}

#[tokio::test]
async fn a_layer_of_the_application_in_front_may_say_who_it_is() {
    let issuer = Issuer::start().await;
    let router = builder().auth(auth(&issuer).build().unwrap()).build().into_router::<()>();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let ada = turbomcp::Principal::new("from the front");
    let app = router.layer(axum::middleware::map_request(move |mut request: axum::extract::Request| {
        let ada = ada.clone();
        async move {
            if request.headers().contains_key("x-front") {
                request.extensions_mut().insert(ada);
            }
            request
        }
    }));
    let serving = tokio::spawn(async move { axum::serve(listener, app).await });
    let client = turbomcp_tests::Http::at(address);
    let mut reply = client.send(who().header("X-Front", "1")).await;
    assert!(reply.message().await.to_string().contains("from the front"));
    assert_eq!(client.send(who()).await.status, 401);
    assert_eq!(client.send(bearer(&issuer.token())).await.status, 200);
    let mut metadata = client.send(Request::get().path("/.well-known/oauth-protected-resource/mcp")).await;
    assert_eq!(metadata.status, 200);
    assert!(metadata.text().await.contains(RESOURCE));
    serving.abort();
}
