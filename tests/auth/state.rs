//! What changes while a server runs: keys, revocations, sessions, and an issuer that is not there.

use std::time::Duration;

use serde_json::{Value, json};
use turbomcp::Context;
use turbomcp::auth::server::{AuthorizationConfig, JwksConfig};
use turbomcp::auth::{AuthManager, Reach};
use turbomcp::transport::Principal;
use turbomcp_tests::client::{initialize_params, modern};
use turbomcp_tests::{Request, Site, fixture};

use crate::issuer::Issuer;
use crate::keys::Key;
use crate::site::{answer, auth, bearer, call, jwt, open, status};

fn quick() -> JwksConfig {
    JwksConfig::default().cooldown(Duration::ZERO)
}

/// Has tokens looked at for each request.
fn unremembered() -> AuthorizationConfig {
    let mut config = AuthorizationConfig::default();
    config.remembered_tokens = 0;
    config
}

#[tokio::test]
async fn a_revoked_token_is_refused_from_the_next_request_on() {
    let issuer = Issuer::start().await;
    let manager = auth(&issuer).build().unwrap();
    let site = open(manager.clone()).await;
    let (token, other) = (issuer.token(), issuer.key.token(&issuer.but(json!({"jti": "other"}))));
    assert_eq!(status(&site, bearer(&token)).await, 200);
    manager.revoke(&token);
    manager.purge();
    let mut reply = site.client().send(bearer(&token)).await;
    assert_eq!((reply.status, &reply.message().await["error"]["message"]), (401, &json!("the token was revoked")));
    assert_eq!(status(&site, bearer(&other)).await, 200);
    // One that was never seen.
    let unseen = issuer.key.token(&issuer.but(json!({"jti": "unseen"})));
    manager.revoke(&unseen);
    assert_eq!(status(&site, bearer(&unseen)).await, 401);
}

#[tokio::test]
async fn a_token_is_refused_once_it_has_expired_however_well_it_is_remembered() {
    let issuer = Issuer::start().await;
    let auth = AuthManager::builder().jwt(jwt(&issuer).leeway(Duration::ZERO)).build().unwrap();
    let site = open(auth).await;
    let token = issuer.key.token(&issuer.but(json!({"exp": crate::keys::now() + 2})));
    assert_eq!(status(&site, bearer(&token)).await, 200);
    let lapsed = async {
        while status(&site, bearer(&token)).await == 200 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), lapsed).await.expect("it lapses");
    assert_eq!(status(&site, bearer(&token)).await, 401);
}

#[tokio::test]
async fn keys_rotate_and_one_that_is_gone_signs_no_more() {
    let issuer = Issuer::start().await;
    let config = jwt(&issuer).jwks(quick().max_age(Duration::ZERO));
    let auth = AuthManager::builder().jwt(config).authorization(unremembered()).build().unwrap();
    let site = open(auth).await;
    let old = issuer.token();
    assert_eq!(status(&site, bearer(&old)).await, 200);
    let new = Key::p256("k2");
    issuer.publish(&[&issuer.key, &new]);
    let token = new.token(&issuer.claims());
    assert_eq!(status(&site, bearer(&token)).await, 200, "an unknown key is asked for");
    assert_eq!(status(&site, bearer(&old)).await, 200);
    issuer.publish(&[&new]);
    // A fetch that has begun before may bring the old keys once more.
    let gone = async {
        while status(&site, bearer(&old)).await == 200 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone).await.expect("the old key goes");
    assert_eq!(status(&site, bearer(&token)).await, 200);
}

/// What is remembered of a token holds for a while, and not for as long as the token does.
#[tokio::test]
async fn a_remembered_token_is_looked_at_again_after_a_while() {
    let issuer = Issuer::start().await;
    let mut authorization = AuthorizationConfig::default();
    authorization.recheck = Duration::from_secs(1);
    let config = jwt(&issuer).jwks(quick().max_age(Duration::ZERO));
    let site = open(AuthManager::builder().jwt(config).authorization(authorization).build().unwrap()).await;
    let token = issuer.token();
    assert_eq!(status(&site, bearer(&token)).await, 200);
    issuer.publish(&[&Key::p256("k2")]);
    let gone = async {
        while status(&site, bearer(&token)).await == 200 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone).await.expect("it is looked at again");
}

/// Keys that are kept for a while are fetched again at once for a token that names one that is not there.
#[tokio::test]
async fn a_new_key_is_asked_for_before_the_old_ones_are_of_age() {
    let issuer = Issuer::start().await;
    let site = open(AuthManager::builder().jwt(jwt(&issuer).jwks(quick())).build().unwrap()).await;
    assert_eq!(status(&site, bearer(&issuer.token())).await, 200);
    assert_eq!(issuer.fetched(), 1);
    let new = Key::p256("k2");
    issuer.publish(&[&issuer.key, &new]);
    assert_eq!(status(&site, bearer(&new.token(&issuer.claims()))).await, 200);
    assert_eq!(issuer.fetched(), 2);
}

/// Each key of an issuer is for the tokens that name it.
#[tokio::test]
async fn a_token_is_signed_by_the_key_that_it_names() {
    let issuer = Issuer::start().await;
    let other = Key::p256("k2");
    issuer.publish(&[&issuer.key, &other]);
    let site = open(auth(&issuer).build().unwrap()).await;
    for (named, expected) in [(json!("k2"), 200), (json!("k1"), 401), (Value::Null, 200)] {
        let mut head = json!({"alg": "ES256", "kid": named});
        if named.is_null() {
            head.as_object_mut().unwrap().remove("kid");
        }
        let token = other.sign(&head, &issuer.claims().to_string());
        assert_eq!(status(&site, bearer(&token)).await, expected, "{named}");
    }
}

#[tokio::test]
async fn a_flood_of_unknown_keys_is_not_passed_on_to_the_issuer() {
    let issuer = Issuer::start().await;
    let site = open(auth(&issuer).build().unwrap()).await;
    assert_eq!(status(&site, bearer(&issuer.token())).await, 200);
    let fetched = issuer.fetched();
    for number in 0..50 {
        let head = json!({"alg": "ES256", "kid": format!("made-up-{number}")});
        assert_eq!(status(&site, bearer(&issuer.key.sign(&head, &issuer.claims().to_string()))).await, 401);
    }
    assert_eq!(issuer.fetched(), fetched, "it was asked a moment ago");
    assert_eq!(status(&site, bearer(&issuer.token())).await, 200);
}

#[tokio::test]
async fn keys_outlive_an_issuer_that_is_down_for_a_while() {
    let issuer = Issuer::start().await;
    let open_with = async |jwks: JwksConfig| {
        let config = jwt(&issuer).jwks(jwks);
        open(AuthManager::builder().jwt(config).authorization(unremembered()).build().unwrap()).await
    };
    let patient = open_with(quick().max_age(Duration::ZERO)).await;
    let strict = open_with(quick().max_age(Duration::ZERO).max_stale(Duration::from_secs(1))).await;
    for site in [&patient, &strict] {
        assert_eq!(status(site, bearer(&issuer.token())).await, 200);
    }
    issuer.answer("/jwks", "500 Internal Server Error", "");
    tokio::time::sleep(Duration::from_millis(1100)).await;
    for _ in 0..3 {
        assert_eq!(status(&patient, bearer(&issuer.token())).await, 200);
    }
    let mut reply = strict.client().send(bearer(&issuer.token())).await;
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("5")));
    assert_eq!(reply.header("www-authenticate"), None, "another token would not help");
    let why = "the keys of the issuer cannot be had at the moment";
    assert_eq!(reply.message().await["error"], json!({"code": 503, "message": why}));
}

/// Whatever is wrong with what an issuer publishes, nobody is let in by it, and nothing else is reached.
#[tokio::test]
async fn keys_are_fetched_from_where_they_may_be_and_no_more_than_fit() {
    let metadata = "/.well-known/oauth-authorization-server";
    let elsewhere = Issuer::start().await;
    let published = |url: &str| json!({"issuer": url, "jwks_uri": format!("{url}/jwks")});
    type Spoil = fn(&Issuer, &Issuer);
    let cases: [(&str, Spoil); 9] = [
        ("too many bytes", |issuer, _| {
            issuer.answer("/jwks", "200 OK", format!("{{\"keys\":[],\"x\":\"{}\"}}", "x".repeat(300 << 10)))
        }),
        ("a redirect to a private address", |issuer, _| {
            issuer.answer("/jwks", "302 Found\r\nLocation: http://10.0.0.1/jwks", "")
        }),
        ("a redirect to the metadata of clouds", |issuer, _| {
            issuer.answer("/jwks", "307 Temporary Redirect\r\nLocation: http://169.254.169.254/latest", "");
        }),
        ("a redirect elsewhere on this machine", |issuer, other| {
            issuer.answer("/jwks", &format!("302 Found\r\nLocation: {}/jwks", other.url), "");
        }),
        ("keys at a private address", |issuer, _| {
            let document = json!({"issuer": issuer.url, "jwks_uri": "http://10.0.0.1/jwks"});
            issuer.answer("/.well-known/oauth-authorization-server", "200 OK", document.to_string());
        }),
        ("keys in a file", |issuer, _| {
            let document = json!({"issuer": issuer.url, "jwks_uri": "file:///etc/passwd"});
            issuer.answer("/.well-known/oauth-authorization-server", "200 OK", document.to_string());
        }),
        ("metadata of another issuer", |issuer, other| {
            let document = json!({"issuer": other.url, "jwks_uri": format!("{}/jwks", other.url)});
            issuer.answer("/.well-known/oauth-authorization-server", "200 OK", document.to_string());
        }),
        ("no JSON", |issuer, _| issuer.answer("/jwks", "200 OK", "<html>")),
        ("nothing", |issuer, _| issuer.answer("/jwks", "404 Not Found", "")),
    ];
    for (name, spoil) in cases {
        let issuer = Issuer::start().await;
        issuer.answer(metadata, "200 OK", published(&issuer.url).to_string());
        elsewhere.publish(&[&issuer.key]);
        spoil(&issuer, &elsewhere);
        let site = open(auth(&issuer).build().unwrap()).await;
        assert_eq!(status(&site, bearer(&issuer.token())).await, 503, "{name}");
    }
    assert_eq!(elsewhere.fetched(), 0);
    // What is not on the Internet is not reached, if that was said.
    let issuer = Issuer::start().await;
    let public = jwt(&issuer).jwks(quick().reach(Reach::Public));
    let site = open(AuthManager::builder().jwt(public).build().unwrap()).await;
    assert_eq!(status(&site, bearer(&issuer.token())).await, 503);
    assert_eq!(issuer.fetched(), 0);
    // Whoever says nothing is waited for as long as was said.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let late = jwt(&issuer).keys_at(format!("http://{}/jwks", silent.local_addr().unwrap()));
    let late = late.jwks(quick().timeout(Duration::from_millis(200)));
    let site = open(AuthManager::builder().jwt(late).build().unwrap()).await;
    let started = std::time::Instant::now();
    assert_eq!(status(&site, bearer(&issuer.token())).await, 503);
    assert!(started.elapsed() < Duration::from_secs(4), "the usual five seconds were not waited for");
}

#[tokio::test]
async fn a_secret_that_is_published_signs_nothing() {
    let issuer = Issuer::start().await;
    let secret = Key::secret("k1", &[7; 32]);
    issuer.publish(&[&secret]);
    let site = open(auth(&issuer).build().unwrap()).await;
    assert_eq!(status(&site, bearer(&secret.token(&issuer.claims()))).await, 401);
}

/// Holds SESS-09, SESS-11.
#[tokio::test]
async fn a_session_belongs_to_whoever_opened_it() {
    let issuer = Issuer::start().await;
    let site = open(auth(&issuer).build().unwrap()).await;
    let as_somebody = |request: Request, changes: Value| {
        request.header("Authorization", format!("Bearer {}", issuer.key.token(&issuer.but(changes))))
    };
    let params = initialize_params("2025-11-25", json!({}));
    let initialize = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params});
    let opened = site.client().send(as_somebody(Request::post(&initialize), json!({}))).await;
    let id = opened.header("mcp-session-id").expect("a session").to_owned();
    let within = |request: Request| request.header("Mcp-Session-Id", &id).header("MCP-Protocol-Version", "2025-11-25");
    let ping = || within(Request::post(&json!({"jsonrpc": "2.0", "id": 1, "method": "ping"})));
    let note = || within(Request::post(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})));
    let doors = || [ping(), note(), within(Request::get()), within(Request::delete())];
    for changes in [json!({"sub": "eve"}), json!({"org": "other"})] {
        for (number, door) in doors().into_iter().enumerate() {
            let mut reply = site.client().send(as_somebody(door, changes.clone())).await;
            let error = json!({"code": 403, "message": "the session belongs to somebody else"});
            assert_eq!((reply.status, &reply.message().await["error"]), (403, &error), "{number} {changes}");
        }
    }
    for (number, door) in doors().into_iter().enumerate() {
        assert_eq!(status(&site, door).await, 401, "a session is no credential: {number}");
    }
    // Another token of the same caller is as good.
    let refreshed = json!({"jti": "another", "scope": "notes.read notes.write"});
    assert_eq!(status(&site, as_somebody(ping(), refreshed.clone())).await, 200);
    assert_eq!(status(&site, as_somebody(within(Request::delete()), refreshed)).await, 204);
}

/// Holds MRTR-08.
#[tokio::test]
async fn a_request_state_is_of_use_to_its_owner_only() {
    let issuer = Issuer::start().await;
    let server = fixture::builder().auth(auth(&issuer).build().unwrap()).build();
    let site = Site::start(&server).await;
    let capabilities = json!({"roots": {}, "elicitation": {}, "sampling": {}});
    let ask = async |params: Value, changes: Value| {
        let request = Request::modern(&modern(1, "tools/call", params, capabilities.clone()));
        let token = issuer.key.token(&issuer.but(changes));
        site.client().send(request.header("Authorization", format!("Bearer {token}"))).await.answer().await
    };
    let first = ask(json!({"name": "roots"}), json!({})).await;
    let state = first["result"]["requestState"].as_str().unwrap_or_else(|| panic!("{first}")).to_owned();
    let key = first["result"]["inputRequests"].as_object().unwrap().keys().next().unwrap().clone();
    let again = || json!({"name": "roots", "requestState": state, "inputResponses": {&key: {"roots": []}}});
    for (changes, good) in
        [(json!({"sub": "eve"}), false), (json!({"org": "other"}), false), (json!({"jti": "refreshed"}), true)]
    {
        let answer = ask(again(), changes.clone()).await;
        assert_eq!(answer["result"]["content"].is_array(), good, "{changes}: {answer}");
    }
}

/// Holds AUTHS-08, AUTHS-09 and AUTHS-10.
#[tokio::test]
async fn who_lacks_scopes_for_one_tool_is_told_all_that_it_needs() {
    let issuer = Issuer::start().await;
    let site = open(auth(&issuer).build().unwrap()).await;
    let token = issuer.token();
    let place = r#"resource_metadata="https://notes.example/.well-known/oauth-protected-resource/mcp""#;
    let error = r#"error="insufficient_scope", error_description="more scopes are needed""#;
    let params = initialize_params("2025-11-25", json!({}));
    let initialize = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params});
    let authorized = |request: Request| request.header("Authorization", format!("Bearer {token}"));
    let opened = site.client().send(authorized(Request::post(&initialize))).await;
    let id = opened.header("mcp-session-id").expect("a session").to_owned();
    for (tool, scopes) in [("write", "notes.read notes.write notes.erase"), ("slow_write", "notes.read notes.write")] {
        let legacy = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": tool}});
        let legacy = Request::post(&legacy).header("Mcp-Session-Id", &id).header("MCP-Protocol-Version", "2025-11-25");
        for (era, request) in [("modern", Request::modern(&call(tool))), ("legacy", legacy)] {
            let mut reply = site.client().send(authorized(request)).await;
            assert_eq!(reply.status, 403, "{tool}, {era}");
            let challenge = format!(r#"Bearer {error}, scope="{scopes}", {place}"#);
            assert_eq!(reply.header("www-authenticate"), Some(&*challenge), "{tool}, {era}");
            assert_eq!(reply.message().await["error"], json!({"code": 403, "message": "more scopes are needed"}));
        }
    }
    let more = issuer.key.token(&issuer.but(json!({"scope": "notes.read notes.write notes.erase"})));
    let request = Request::modern(&call("write")).header("Authorization", format!("Bearer {more}"));
    assert_eq!(answer(&site, request).await, "written");
    // Without a manager, too, nobody goes on who has not got them.
    let reader = Context::new().with_extension(Principal::new("ada").with_scopes(["a"]));
    assert!(reader.check_scopes(&["a"]).is_ok());
    assert!(reader.check_scopes(&["a", "b"]).is_err());
    assert!(Context::new().check_scopes(&[]).is_err());
}
