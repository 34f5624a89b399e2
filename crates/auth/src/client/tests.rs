//! Against an authorization server and a protected server on this machine that can be made to misbehave.

mod code;
mod discovery;
mod grants;
mod identity;
#[cfg(feature = "login")]
mod login;
mod quiet;
mod reach;
mod refresh;
mod scopes;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, Method};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
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
