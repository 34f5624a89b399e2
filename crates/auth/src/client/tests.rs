//! Against an authorization server and a protected server on this machine that can be made to misbehave.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, Method};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use turbomcp_transport::http::authorize::{Authorize as _, BoxError, Challenge, Credentials, Head, Next};

use super::*;
use crate::{Secret, form};

/// A request as the servers see it.
#[derive(Debug, Clone)]
struct Seen {
    method: String,
    path: String,
    query: HashMap<String, String>,
    headers: HashMap<String, String>,
    form: HashMap<String, String>,
    body: String,
}

type Answers = dyn Fn(&Seen) -> Option<(String, String)> + Send + Sync;

/// Plays both servers at one address. What a test does not answer itself is answered well.
struct World {
    base: String,
    seen: Mutex<Vec<Seen>>,
    answers: Box<Answers>,
}

/// Answers with JSON.
fn ok(body: &Value) -> Option<(String, String)> {
    Some(("200 OK\r\nContent-Type: application/json".into(), body.to_string()))
}

fn failed(body: &Value) -> Option<(String, String)> {
    Some(("400 Bad Request\r\nContent-Type: application/json".into(), body.to_string()))
}

fn moved(to: &str) -> Option<(String, String)> {
    Some((format!("302 Found\r\nLocation: {to}"), String::new()))
}

const MISSING: &str = "404 Not Found";

impl World {
    async fn start(answers: impl Fn(&str, &Seen) -> Option<(String, String)> + Send + Sync + 'static) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let answers = Box::new({
            let base = base.clone();
            move |seen: &Seen| answers(&base, seen)
        });
        let world = Arc::new(Self { base, seen: Mutex::default(), answers });
        let serving = world.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let world = serving.clone();
                tokio::spawn(async move { world.answer(stream).await });
            }
        });
        world
    }

    async fn answer(&self, mut stream: TcpStream) -> Option<()> {
        let mut bytes = Vec::new();
        let seen = loop {
            let mut buffer = [0; 4096];
            let read = stream.read(&mut buffer).await.ok().filter(|read| *read > 0)?;
            bytes.extend_from_slice(&buffer[..read]);
            if let Some(seen) = read_request(&bytes) {
                break seen;
            }
        };
        lock(&self.seen).push(seen.clone());
        if seen.form.contains_key("refresh_token") {
            // Long enough for others to come, or to go.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let (head, body) = (self.answers)(&seen).unwrap_or_else(|| self.well(&seen));
        let length = body.len();
        let answer = format!("HTTP/1.1 {head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
        stream.write_all(answer.as_bytes()).await.ok()?;
        stream.shutdown().await.ok()
    }

    fn well(&self, seen: &Seen) -> (String, String) {
        let base = &self.base;
        let answer = match seen.path.as_str() {
            "/.well-known/oauth-protected-resource/mcp" => ok(&resource(base)),
            "/.well-known/oauth-authorization-server" => ok(&server(base)),
            "/register" => ok(&json!({"client_id": "dynamic", "redirect_uris": []})),
            "/authorize" => {
                let (redirect, state) = (&seen.query["redirect_uri"], &seen.query["state"]);
                moved(&format!("{redirect}?code=C&state={state}&iss={}", form::encode(base)))
            }
            "/token" => ok(&json!({
                "access_token": format!("T{}", self.count("/token")), "token_type": "Bearer",
                "expires_in": 3600, "refresh_token": "R",
            })),
            _ => None,
        };
        answer.unwrap_or((MISSING.into(), String::new()))
    }

    fn requests(&self, path: &str) -> Vec<Seen> {
        lock(&self.seen).iter().filter(|seen| seen.path == path).cloned().collect()
    }

    fn count(&self, path: &str) -> usize {
        self.requests(path).len()
    }

    fn url(&self) -> String {
        format!("{}/mcp", self.base)
    }

    fn builder(&self) -> OAuthClientBuilder {
        OAuthClient::builder(self.url()).browser(browser()).login_timeout(Duration::from_secs(10))
    }
}

fn resource(base: &str) -> Value {
    json!({"resource": format!("{base}/mcp"), "authorization_servers": [base]})
}

fn server(base: &str) -> Value {
    json!({
        "issuer": base,
        "authorization_endpoint": format!("{base}/authorize"),
        "token_endpoint": format!("{base}/token"),
        "registration_endpoint": format!("{base}/register"),
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "private_key_jwt"],
        "authorization_response_iss_parameter_supported": true,
    })
}

fn with(mut value: Value, name: &str, member: Value) -> Value {
    value[name] = member;
    value
}

fn read_request(bytes: &[u8]) -> Option<Seen> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let mut words = lines.next()?.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?);
    let pairs = lines.filter_map(|line| line.split_once(": "));
    let headers: HashMap<_, _> = pairs.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    if body.len() < length {
        return None;
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let query = form::decode_pairs(query).unwrap().into_iter().collect();
    let form = form::decode_pairs(body).unwrap_or_default().into_iter().collect();
    Some(Seen { method, path: path.to_owned(), query, headers, form, body: body.to_owned() })
}

/// A user who agrees at once.
fn browser() -> Browser {
    Browser::new(|url| async move {
        let mut next = Some(url);
        while let Some(url) = next {
            next = visit(&url).await?;
        }
        Ok(Visit::Opened)
    })
}

async fn visit(url: &str) -> Result<Option<String>, BoxError> {
    let (authority, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(authority).await?;
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {authority}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer.lines().find_map(|line| line.strip_prefix("Location: ")).map(str::to_owned))
}

async fn authorization(oauth: &OAuthClient, url: &str) -> Option<String> {
    let credentials = oauth.credentials(Head::new(&Method::POST, url)).await.unwrap();
    let authorization = credentials.headers().find(|(name, _)| name == "authorization");
    authorization.map(|(_, value)| value.to_str().unwrap().to_owned())
}

async fn refused(
    oauth: &OAuthClient,
    url: &str,
    status: u16,
    challenge: &str,
    refusals: u32,
) -> Result<Next, BoxError> {
    let credentials = oauth.credentials(Head::new(&Method::POST, url)).await?;
    refused_with(oauth, url, &credentials, status, challenge, refusals).await
}

async fn refused_with(
    oauth: &OAuthClient,
    url: &str,
    credentials: &Credentials,
    status: u16,
    challenge: &str,
    refusals: u32,
) -> Result<Next, BoxError> {
    let mut headers = HeaderMap::new();
    headers.insert(WWW_AUTHENTICATE, challenge.parse().unwrap());
    let head = Head::new(&Method::POST, url);
    let challenge = Challenge::new(head, credentials, status, &headers);
    oauth.challenged(challenge.of_operation(Some("tools/call")).after(refusals)).await
}

/// Expects that nothing came of authorization, and that no token was asked for.
#[track_caller]
fn assert_stopped(world: &World, outcome: Result<(), Error>, why: &str) {
    let error = outcome.unwrap_err();
    assert!(error.is_refused(), "{error:?}");
    assert!(error.to_string().contains(why), "{error}");
    assert_eq!(world.count("/token"), 0, "a token was asked for");
}

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

/// Holds AUTHC-07.
#[tokio::test]
async fn metadata_of_another_issuer_are_not_used() {
    for issuer in ["https://evil.example", "BASE/"] {
        let world = World::start(move |base, seen| {
            let issuer = issuer.replace("BASE", base);
            (seen.path == "/.well-known/oauth-authorization-server")
                .then(|| ok(&with(server(base), "issuer", json!(issuer))))?
        })
        .await;
        assert_stopped(&world, world.builder().build().unwrap().login().await, "are those of");
        assert_eq!(world.count("/authorize") + world.count("/register"), 0);
    }
}

/// Holds AUTHC-18.
#[tokio::test]
async fn without_s256_nobody_is_asked() {
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

/// Holds AUTHC-04.
#[tokio::test]
async fn metadata_of_another_resource_are_not_used() {
    for resource_of in ["https://evil.example/mcp", "BASE/mcp/deeper", "BASE/other", "not a URL", ""] {
        let world = World::start(move |base, seen| {
            let resource_of = resource_of.replace("BASE", base);
            seen.path
                .starts_with("/.well-known/oauth-protected-resource")
                .then(|| ok(&with(resource(base), "resource", json!(resource_of))))?
        })
        .await;
        assert_stopped(&world, world.builder().build().unwrap().login().await, "resource");
        assert_eq!(world.count("/.well-known/oauth-authorization-server"), 0);
    }
}

/// Holds AUTHC-19, AUTHC-20.
#[tokio::test]
async fn the_resource_is_named_as_it_is_published() {
    let world = World::start(|base, seen| {
        let path = "/.well-known/oauth-protected-resource/mcp";
        (seen.path == path).then(|| ok(&with(resource(base), "resource", json!(format!("{base}/")))))?
    })
    .await;
    world.builder().build().unwrap().login().await.unwrap();
    let published = format!("{}/", world.base);
    assert_eq!(world.requests("/authorize")[0].query["resource"], published);
    assert_eq!(world.requests("/token")[0].form["resource"], published);
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
async fn codes_of_another_issuer_are_not_redeemed() {
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

/// Holds AUTHC-21.
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

#[tokio::test]
async fn redirects_to_another_origin_are_not_followed() {
    let other = World::start(|base, _| ok(&server(base))).await;
    let elsewhere = other.base.clone();
    let world = World::start(move |_, seen| {
        let path = "/.well-known/oauth-authorization-server";
        (seen.path == path).then(|| moved(&format!("{elsewhere}/metadata")))?
    })
    .await;
    assert_stopped(&world, world.builder().build().unwrap().login().await, "another origin");
    assert_eq!(lock(&other.seen).len(), 0, "nobody asked the other origin");
    let world = World::start(|_, seen| match seen.path.as_str() {
        "/.well-known/oauth-authorization-server" => moved("/moved"),
        _ => None,
    })
    .await;
    assert!(world.builder().build().unwrap().login().await.is_err(), "there is nothing where it was moved to");
    assert_eq!(world.count("/moved"), 1, "redirects at home are followed");
    let world = World::start(|_, seen| (seen.path == "/token").then(|| moved("/elsewhere"))?).await;
    assert!(world.builder().build().unwrap().login().await.unwrap_err().is_refused());
    assert_eq!(world.count("/elsewhere"), 0, "what is posted is never redirected");
}

#[tokio::test]
async fn metadata_that_are_too_long_are_not_read() {
    let world = World::start(|base, seen| {
        let path = "/.well-known/oauth-protected-resource/mcp";
        (seen.path == path).then(|| ok(&with(resource(base), "padding", json!("x".repeat(300_000)))))?
    })
    .await;
    assert_stopped(&world, world.builder().build().unwrap().login().await, "more than");
}

#[tokio::test]
async fn metadata_that_do_not_come_do_not_hold_up_for_long() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let oauth = OAuthClient::builder(url).request_timeout(Duration::from_millis(200)).build().unwrap();
    assert!(oauth.login().await.unwrap_err().is_timeout());
}

#[tokio::test]
async fn endpoints_on_other_machines_are_https() {
    for (member, endpoint) in [
        ("token_endpoint", "http://evil.example/token"),
        ("authorization_endpoint", "javascript:alert(1)"),
        ("authorization_endpoint", "file:///bin/sh"),
        ("registration_endpoint", "http://169.254.169.254/latest"),
        ("registration_endpoint", "https://169.254.169.254/latest"),
    ] {
        let world = World::start(move |base, seen| {
            (seen.path == "/.well-known/oauth-authorization-server")
                .then(|| ok(&with(server(base), member, json!(endpoint))))?
        })
        .await;
        assert_stopped(&world, world.builder().build().unwrap().login().await, "");
        assert_eq!(world.count("/authorize"), 0);
    }
}

#[tokio::test]
async fn what_a_public_server_names_is_not_looked_for_inside() {
    let oauth = OAuthClient::builder("https://notes.example/mcp").build().unwrap();
    for inside in ["http://127.0.0.1:1/x", "https://10.0.0.1/x", "https://localhost/x", "http://notes.example/x"] {
        let challenge = format!("Bearer resource_metadata=\"{inside}\"");
        let error = refused(&oauth, "https://notes.example/mcp", 401, &challenge, 0).await.unwrap_err();
        assert!(error.downcast_ref::<Error>().unwrap().is_refused(), "{inside}: {error}");
    }
}

/// Gives out tokens that are over at once, and refuses to refresh them with this error, if there is one.
async fn world_of_short_tokens(error: Option<&'static str>) -> Arc<World> {
    World::start(move |_, seen| {
        let is_refresh = seen.path == "/token" && seen.form["grant_type"] == "refresh_token";
        match error {
            _ if seen.path != "/token" => None,
            Some(error) if is_refresh => failed(&json!({"error": error})),
            _ if is_refresh => ok(&json!({"access_token": "fresh", "token_type": "Bearer", "expires_in": 3600})),
            _ => ok(&json!({
                "access_token": "old", "token_type": "Bearer", "expires_in": 0, "refresh_token": "R",
            })),
        }
    })
    .await
}

#[tokio::test]
async fn concurrent_requests_share_one_refresh() {
    let world = world_of_short_tokens(None).await;
    let oauth = world.builder().build().unwrap();
    oauth.login().await.unwrap();
    let mut requests = JoinSet::new();
    for _ in 0..20 {
        let (oauth, url) = (oauth.clone(), world.url());
        requests.spawn(async move { authorization(&oauth, &url).await });
    }
    while let Some(found) = requests.join_next().await {
        assert_eq!(found.unwrap().as_deref(), Some("Bearer fresh"));
    }
    let refreshes = world.requests("/token").split_off(1);
    assert_eq!(refreshes.len(), 1);
    assert_eq!(refreshes[0].form["refresh_token"], "R");
    assert_eq!(refreshes[0].form["resource"], world.url());
}

#[tokio::test]
async fn a_refresh_that_fails_ends_in_a_new_authorization() {
    let world = world_of_short_tokens(Some("invalid_grant")).await;
    let oauth = world.builder().build().unwrap();
    oauth.login().await.unwrap();
    assert_eq!(authorization(&oauth, &world.url()).await, None, "an expired token is not sent");
    assert_eq!(world.count("/authorize"), 1);
    assert_eq!(refused(&oauth, &world.url(), 401, "Bearer", 0).await.unwrap(), Next::Retry);
    assert_eq!(world.count("/authorize"), 2);
    let refreshes = world.requests("/token");
    let refreshes = refreshes.iter().filter(|seen| seen.form["grant_type"] == "refresh_token").count();
    assert_eq!(refreshes, 1, "a refused refresh token is not tried again");
}

#[tokio::test]
async fn a_refresh_goes_on_when_nobody_waits_for_it() {
    let world = world_of_short_tokens(None).await;
    let oauth = world.builder().build().unwrap();
    oauth.login().await.unwrap();
    let url = world.url();
    let (requesting, to) = (oauth.clone(), world.url());
    let request = tokio::spawn(async move { authorization(&requesting, &to).await });
    while world.count("/token") < 2 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    request.abort();
    assert!(request.await.unwrap_err().is_cancelled());
    assert_eq!(authorization(&oauth, &url).await.as_deref(), Some("Bearer fresh"));
    assert_eq!(world.count("/token"), 2);
}

#[tokio::test]
async fn a_refusal_is_met_by_a_refresh_first_and_tokens_are_kept() {
    let world = World::start(|_, _| None).await;
    let store = Arc::new(MemoryStore::default());
    let oauth = world.builder().store(Shared(store.clone())).build().unwrap();
    oauth.login().await.unwrap();
    let again = world.builder().store(Shared(store)).build().unwrap();
    assert_eq!(authorization(&again, &world.url()).await.as_deref(), Some("Bearer T1"));
    assert_eq!(refused(&again, &world.url(), 401, "Bearer error=invalid_token", 0).await.unwrap(), Next::Retry);
    assert_eq!(authorization(&again, &world.url()).await.as_deref(), Some("Bearer T2"));
    assert_eq!((world.count("/authorize"), world.count("/register")), (1, 1));
    again.logout().await.unwrap();
    assert_eq!(authorization(&again, &world.url()).await, None);
    again.login().await.unwrap();
    assert_eq!((world.count("/authorize"), world.count("/register")), (2, 1), "the registration is kept");
}

struct Shared(Arc<MemoryStore>);

impl TokenStore for Shared {
    async fn load(&self, name: &str) -> Result<Option<Secret>, BoxError> {
        TokenStore::load(&*self.0, name).await
    }

    async fn save(&self, name: &str, secret: Secret) -> Result<(), BoxError> {
        TokenStore::save(&*self.0, name, secret).await
    }

    async fn remove(&self, name: &str) -> Result<(), BoxError> {
        TokenStore::remove(&*self.0, name).await
    }
}

/// Holds AUTHC-28, AUTHC-29, AUTHC-30.
#[tokio::test]
async fn scopes_are_united_and_not_asked_for_without_end() {
    let world = World::start(|_, _| None).await;
    let oauth = world.builder().build().unwrap();
    let url = world.url();
    refused(&oauth, &url, 401, r#"Bearer scope="read""#, 0).await.unwrap();
    let challenge = r#"Bearer error="insufficient_scope", scope="write""#;
    assert_eq!(refused(&oauth, &url, 403, challenge, 0).await.unwrap(), Next::Retry);
    assert_eq!(world.requests("/authorize")[1].query["scope"], "read write");
    assert_eq!(refused(&oauth, &url, 403, challenge, 1).await.unwrap(), Next::Retry);
    assert_eq!(refused(&oauth, &url, 403, challenge, 2).await.unwrap(), Next::GiveUp);
    assert_eq!(refused(&oauth, &url, 403, challenge, 0).await.unwrap(), Next::GiveUp, "nor by the next request");
    assert_eq!(world.count("/authorize"), 3);
    assert_eq!(refused(&oauth, &url, 403, "Bearer", 0).await.unwrap(), Next::GiveUp, "not for want of scopes");
}

#[tokio::test]
async fn tokens_that_are_never_accepted_are_not_asked_for_without_end() {
    let world = World::start(|_, _| None).await;
    let oauth = world.builder().build().unwrap();
    let mut given_up = 0;
    for _ in 0..10 {
        given_up += usize::from(refused(&oauth, &world.url(), 401, "Bearer", 1).await.unwrap() == Next::GiveUp);
    }
    assert_eq!((world.count("/authorize"), given_up), (2, 8));
}

#[tokio::test]
async fn a_refusal_of_old_credentials_is_met_by_the_new_ones() {
    let world = World::start(|_, _| None).await;
    let oauth = world.builder().build().unwrap();
    oauth.login().await.unwrap();
    let next = refused_with(&oauth, &world.url(), &Credentials::none(), 401, "Bearer", 0).await.unwrap();
    assert_eq!((next, world.count("/authorize")), (Next::Retry, 1));
}

/// Holds AUTHC-05, AUTHC-14, AUTHC-15, AUTHC-32.
#[tokio::test]
async fn credentials_of_one_authorization_server_are_never_shown_to_another() {
    let second = World::start(|base, seen| match seen.path.as_str() {
        "/register" => ok(&json!({"client_id": "second"})),
        "/.well-known/oauth-authorization-server" => ok(&server(base)),
        _ => None,
    })
    .await;
    let has_moved = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let (moved_there, there) = (has_moved.clone(), second.base.clone());
    let first = World::start(move |base, seen| {
        let moved = moved_there.load(std::sync::atomic::Ordering::SeqCst);
        let path = "/.well-known/oauth-protected-resource/mcp";
        (seen.path == path && moved).then(|| ok(&with(resource(base), "authorization_servers", json!([there]))))?
    })
    .await;
    let oauth = first.builder().build().unwrap();
    oauth.login().await.unwrap();
    oauth.answered(Head::new(&Method::POST, &first.url()), &HeaderMap::new());
    has_moved.store(true, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(refused(&oauth, &first.url(), 401, "Bearer", 0).await.unwrap(), Next::Retry);
    assert_eq!(first.count("/token"), 1, "the refresh token is not used for a server that has moved");
    assert_eq!(second.requests("/authorize")[0].query["client_id"], "second");
    assert!(second.requests("/token").iter().all(|seen| seen.form["client_id"] == "second"));

    // A client that was registered beforehand is not taken along.
    has_moved.store(false, std::sync::atomic::Ordering::SeqCst);
    let oauth = first.builder().client(PreRegistered::new("mine").secret("s")).build().unwrap();
    oauth.login().await.unwrap();
    oauth.answered(Head::new(&Method::POST, &first.url()), &HeaderMap::new());
    has_moved.store(true, std::sync::atomic::Ordering::SeqCst);
    let error = refused(&oauth, &first.url(), 401, "Bearer", 0).await.unwrap_err();
    assert!(error.downcast_ref::<Error>().unwrap().is_usage(), "{error}");
    assert!(lock(&second.seen).iter().all(|seen| !format!("{seen:?}").contains("mine")));
}

/// Holds AUTHC-13.
#[tokio::test]
async fn a_refused_registration_says_why() {
    let world = World::start(|_, seen| {
        let error = json!({"error": "invalid_redirect_uri", "error_description": "no loopback here"});
        (seen.path == "/register").then(|| failed(&error))?
    })
    .await;
    let error = world.builder().build().unwrap().login().await.unwrap_err();
    assert_eq!(error.oauth_error(), Some("invalid_redirect_uri"));
    assert!(error.to_string().contains("no loopback here"), "{error}");
}

/// Holds AUTHC-08, AUTHC-09, AUTHC-10, AUTHC-11.
#[tokio::test]
async fn a_document_comes_before_a_registration() {
    let url = "https://app.example/client.json";
    let world = World::start(|base, seen| {
        (seen.path == "/.well-known/oauth-authorization-server")
            .then(|| ok(&with(server(base), "client_id_metadata_document_supported", json!(true))))?
    })
    .await;
    world.builder().client_metadata_url(url).build().unwrap().login().await.unwrap();
    assert_eq!(world.requests("/authorize")[0].query["client_id"], url);
    assert_eq!(world.count("/register"), 0);
    for bad in ["https://app.example", "https://app.example/", "http://127.0.0.1/client.json"] {
        assert!(world.builder().client_metadata_url(bad).build().unwrap_err().is_usage(), "{bad}");
    }
}

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

#[tokio::test]
async fn nothing_secret_is_shown() {
    let world = World::start(|_, _| None).await;
    let client = PreRegistered::new("c").secret("hunter2");
    assert!(!format!("{client:?}").contains("hunter2"));
    let oauth = world.builder().client(client).build().unwrap();
    oauth.login().await.unwrap();
    assert!(!format!("{oauth:?}").contains("T1"));
    let credentials = oauth.credentials(Head::new(&Method::POST, &world.url())).await.unwrap();
    assert!(!format!("{credentials:?}").contains("T1"), "{credentials:?}");
}

/// Publishes both kinds of metadata only where they are looked for last.
async fn world_of_hidden_metadata(issuer: &'static str, at: &'static str) -> Arc<World> {
    World::start(move |base, seen| {
        let issuer = format!("{base}{issuer}");
        match seen.path.as_str() {
            "/.well-known/oauth-protected-resource/mcp" => Some((MISSING.into(), String::new())),
            "/.well-known/oauth-protected-resource" => {
                ok(&with(resource(base), "authorization_servers", json!([issuer])))
            }
            path if path == at => {
                let server = with(server(base), "issuer", json!(issuer));
                ok(&with(server, "authorization_response_iss_parameter_supported", json!(false)))
            }
            "/authorize" => {
                let (redirect, state) = (&seen.query["redirect_uri"], &seen.query["state"]);
                moved(&format!("{redirect}?code=C&state={state}"))
            }
            path if path.contains("well-known") => Some((MISSING.into(), String::new())),
            _ => None,
        }
    })
    .await
}

/// Holds AUTHC-03, AUTHC-06.
#[tokio::test]
async fn metadata_are_looked_for_in_the_order_of_the_specification() {
    for (issuer, at, tried) in [
        ("", "/.well-known/openid-configuration", &["/.well-known/oauth-authorization-server"][..]),
        (
            "/tenant",
            "/tenant/.well-known/openid-configuration",
            &["/.well-known/oauth-authorization-server/tenant", "/.well-known/openid-configuration/tenant"],
        ),
    ] {
        let world = world_of_hidden_metadata(issuer, at).await;
        world.builder().build().unwrap().login().await.unwrap();
        let seen: Vec<_> = lock(&world.seen).iter().map(|seen| seen.path.clone()).collect();
        let mut expected = vec!["/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource"];
        expected.extend(tried);
        expected.push(at);
        assert_eq!(seen[..expected.len()], expected);
    }
}

/// Holds AUTHC-27.
#[tokio::test]
async fn scopes_are_those_that_are_published_if_none_are_asked_for() {
    for (published, challenge, asked) in [
        (json!(["a", "b"]), "Bearer", Some("a b")),
        (json!(["a", "b"]), "Bearer scope=c", Some("c")),
        (json!([]), "Bearer", None),
    ] {
        let world = World::start(move |base, seen| {
            let path = "/.well-known/oauth-protected-resource/mcp";
            (seen.path == path).then(|| ok(&with(resource(base), "scopes_supported", published.clone())))?
        })
        .await;
        refused(&world.builder().build().unwrap(), &world.url(), 401, challenge, 0).await.unwrap();
        assert_eq!(world.requests("/authorize")[0].query.get("scope").map(String::as_str), asked);
    }
}

#[tokio::test]
async fn an_identity_provider_grants_only_what_was_asked_for() {
    for (issued, is_good) in [("id-jag", true), ("access_token", false)] {
        let world = World::start(move |_, seen| {
            let kind = format!("urn:ietf:params:oauth:token-type:{issued}");
            let answer = json!({"access_token": "J", "token_type": "N_A", "issued_token_type": kind});
            (seen.path == "/idp").then(|| ok(&answer))?
        })
        .await;
        let provider = IdentityProvider::new(format!("{}/idp", world.base), PreRegistered::new("at-idp"), || async {
            Ok(Secret::new("ID"))
        });
        let client = PreRegistered::new("at-as").secret("s");
        let outcome = world.builder().client(client).enterprise_managed(provider).build().unwrap().login().await;
        let exchanged = &world.requests("/idp")[0].form;
        assert_eq!((exchanged["audience"].as_str(), exchanged["resource"].as_str()), (&*world.base, &*world.url()));
        assert_eq!((exchanged["subject_token"].as_str(), exchanged["client_id"].as_str()), ("ID", "at-idp"));
        if is_good {
            outcome.unwrap();
            assert_eq!(world.requests("/token")[0].form["assertion"], "J");
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

#[tokio::test]
async fn a_server_that_publishes_nothing_is_its_own_authorization_server() {
    let world = World::start(|_, seen| match seen.path.as_str() {
        path if path.contains("well-known") => Some((MISSING.into(), String::new())),
        _ => None,
    })
    .await;
    let oauth = world.builder().build().unwrap();
    oauth.login().await.unwrap();
    assert_eq!(authorization(&oauth, &world.url()).await.as_deref(), Some("Bearer T1"));
    assert_eq!(world.requests("/authorize")[0].query["code_challenge_method"], "S256");
}
