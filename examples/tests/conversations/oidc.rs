//! The example whose users log in elsewhere, against a provider of OpenID Connect in this process.

use std::sync::Arc;
use std::thread;
use std::time::SystemTime;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::Uri;
use axum::response::Response;
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::child::Era;
use crate::http::Server;

/// A provider whose only user is Alice, who agrees at once.
struct Provider {
    issuer: String,
    _stop: oneshot::Sender<()>,
}

impl Provider {
    fn start() -> Self {
        let (send, receive) = std::sync::mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                let issuer = format!("http://{}", listener.local_addr().unwrap());
                send.send(issuer.clone()).unwrap();
                let serving = axum::serve(listener, app(&issuer));
                tokio::select! {
                    _ = serving => {}
                    _ = stopped => {}
                }
            });
        });
        Self { issuer: receive.recv().unwrap(), _stop: stop }
    }
}

fn app(issuer: &str) -> Router {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let key = Arc::new(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap());
    let point = key.public_key().as_ref();
    let [x, y] = [&point[1..33], &point[33..65]].map(|half| URL_SAFE_NO_PAD.encode(half));
    let jwks = json!({"keys": [{"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "x": x, "y": y}]});
    let metadata = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/jwks"),
        "code_challenge_methods_supported": ["S256"],
    });
    let issuer = issuer.to_owned();
    let token = move |form: Bytes| {
        let form = String::from_utf8(form.to_vec()).unwrap();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        // The code is the nonce that it was asked for with.
        let claims = json!({
            "iss": issuer, "aud": "notes", "sub": "alice", "iat": now, "exp": now + 60, "nonce": value(&form, "code"),
        });
        let id_token = sign(&key, &claims);
        async move { answer(json!({"access_token": "T", "token_type": "Bearer", "id_token": id_token})) }
    };
    Router::new()
        .route("/.well-known/openid-configuration", get(|| async move { answer(metadata) }))
        .route("/jwks", get(|| async move { answer(jwks) }))
        .route("/authorize", get(authorize))
        .route("/token", post(token))
}

fn sign(key: &EcdsaKeyPair, claims: &Value) -> String {
    let header = URL_SAFE_NO_PAD.encode(json!({"alg": "ES256"}).to_string());
    let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let signature = key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

async fn authorize(uri: Uri) -> Response {
    let query = uri.query().unwrap();
    let redirect = value(query, "redirect_uri").replace("%3A", ":").replace("%2F", "/");
    let location = format!("{redirect}?state={}&code={}", value(query, "state"), value(query, "nonce"));
    Response::builder().status(302).header("location", location).body(Body::empty()).unwrap()
}

fn value<'a>(pairs: &'a str, name: &str) -> &'a str {
    pairs.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).unwrap()
}

fn answer(body: Value) -> Response {
    Response::builder().header("content-type", "application/json").body(Body::from(body.to_string())).unwrap()
}

#[test]
fn auth_oidc_gives_a_key_to_whoever_logs_in() {
    let provider = Provider::start();
    for era in [Era::Legacy, Era::Modern] {
        let mut notes = Server::start_by("auth_oidc", "/mcp", era, |command, address| {
            command.arg(address.to_string()).env("ISSUER", &provider.issuer);
            command.env("CLIENT_ID", "notes").env("CLIENT_SECRET", "s3cret").stdout(std::process::Stdio::null());
        });
        assert_eq!(notes.post(&who_am_i(), &[]).status, 401);
        let metadata = notes.request("GET", "/.well-known/oauth-protected-resource/mcp", &[], "");
        let metadata: Value = serde_json::from_str(&metadata.body).unwrap();
        assert_eq!(metadata["authorization_servers"], json!([provider.issuer]));

        let begun = notes.request("GET", "/login", &[], "");
        assert_eq!(begun.status, 302);
        let cookie = begun.headers["set-cookie"].split(';').next().unwrap().to_owned();
        let back = visit(&begun.headers["location"]);
        let path = back.strip_prefix(&format!("http://{}", notes.address())).unwrap();
        let stranger = notes.request("GET", path, &[], "");
        assert_eq!((stranger.status, stranger.body.contains("another browser")), (400, true), "{}", stranger.body);

        let begun = notes.request("GET", "/login", &[], "");
        let cookie = format!("{cookie}; {}", begun.headers["set-cookie"].split(';').next().unwrap());
        let back = visit(&begun.headers["location"]);
        let path = back.strip_prefix(&format!("http://{}", notes.address())).unwrap();
        let page = notes.request("GET", path, &[("cookie", &cookie)], "");
        assert!(page.status == 200 && page.body.starts_with("You are alice."), "{}: {}", page.status, page.body);
        let key = page.body.split("X-API-Key: ").nth(1).unwrap().trim().to_owned();
        notes.headers.push(("x-api-key", key));
        notes.initialize();
        assert_eq!(notes.text("who_am_i", json!({}), &[]), "alice");
        notes.end_session();
    }
}

fn who_am_i() -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "who_am_i", "arguments": {}}})
}

/// Opens a URL, and returns where it leads to.
fn visit(url: &str) -> String {
    use std::io::{Read as _, Write as _};
    let (authority, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = std::net::TcpStream::connect(authority).unwrap();
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    page.lines().find_map(|line| line.strip_prefix("location: ")).unwrap().to_owned()
}
