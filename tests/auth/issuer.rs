//! An issuer on this machine that can be made to misbehave.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::keys::{Key, now};

/// The URL of the server that tokens are for; nobody listens there.
pub const RESOURCE: &str = "https://notes.example/mcp";

pub struct Issuer {
    pub url: String,
    pub key: Key,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    /// What is answered, by path: status and headers, and body.
    answers: Mutex<HashMap<String, (String, String)>>,
    /// What is said of tokens.
    tokens: Mutex<HashMap<String, Value>>,
    asked: AtomicUsize,
    /// By what credentials a token was asked about last.
    asked_by: Mutex<Option<String>>,
    fetched: AtomicUsize,
}

impl Issuer {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared::default());
        let serving = tokio::spawn({
            let shared = shared.clone();
            async move {
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    let shared = shared.clone();
                    tokio::spawn(async move { shared.answer(stream).await });
                }
            }
        });
        let issuer = Self { url: url.clone(), key: Key::p256("k1"), shared, serving };
        issuer.publish(&[&issuer.key]);
        let metadata = json!({"issuer": url, "jwks_uri": format!("{url}/jwks")});
        issuer.answer("/.well-known/oauth-authorization-server", "200 OK", metadata.to_string());
        issuer
    }

    pub fn publish(&self, keys: &[&Key]) {
        let keys: Vec<_> = keys.iter().map(|key| key.jwk()).collect();
        self.answer("/jwks", "200 OK", json!({"keys": keys}).to_string());
    }

    pub fn answer(&self, path: &str, head: &str, body: impl Into<String>) {
        self.shared.answers.lock().unwrap().insert(path.to_owned(), (head.to_owned(), body.into()));
    }

    /// Says of a token what it is good for.
    pub fn know(&self, token: &str, what: Value) {
        self.shared.tokens.lock().unwrap().insert(token.to_owned(), what);
    }

    /// Returns how often keys were fetched.
    pub fn fetched(&self) -> usize {
        self.shared.fetched.load(Ordering::SeqCst)
    }

    /// Returns how often a token was asked about.
    pub fn asked(&self) -> usize {
        self.shared.asked.load(Ordering::SeqCst)
    }

    /// Returns by what credentials a token was asked about last.
    pub fn asked_by(&self) -> Option<String> {
        self.shared.asked_by.lock().unwrap().clone()
    }

    /// Returns claims that are good.
    pub fn claims(&self) -> Value {
        json!({
            "iss": self.url, "aud": RESOURCE, "sub": "ada", "scope": "notes.read", "client_id": "host",
            "iat": now(), "exp": now() + 600, "roles": ["editor"], "permissions": ["database:read"], "org": "acme",
        })
    }

    /// Returns good claims with some that are not.
    pub fn but(&self, changes: Value) -> Value {
        let mut claims = self.claims();
        for (name, value) in changes.as_object().unwrap() {
            match value {
                Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
                value => claims[name] = value.clone(),
            }
        }
        claims
    }

    pub fn token(&self) -> String {
        self.key.token(&self.claims())
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Shared {
    async fn answer(&self, mut stream: TcpStream) -> Option<()> {
        let mut bytes = Vec::new();
        let (path, authorization, body) = loop {
            let mut buffer = [0; 4096];
            let read = stream.read(&mut buffer).await.ok().filter(|read| *read > 0)?;
            bytes.extend_from_slice(&buffer[..read]);
            let text = String::from_utf8_lossy(&bytes);
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let header = |name: &str| {
                let lines = head.lines().filter_map(|line| line.split_once(": "));
                lines.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).next()
            };
            if body.len() >= header("content-length").map_or(0, |length| length.parse().unwrap()) {
                break (head.split(' ').nth(1)?.to_owned(), header("authorization"), body.to_owned());
            }
        };
        let (head, body) = if path == "/introspect" {
            self.asked.fetch_add(1, Ordering::SeqCst);
            *self.asked_by.lock().unwrap() = authorization;
            let tokens = self.tokens.lock().unwrap();
            let known = tokens.iter().find(|(token, _)| body.split('&').any(|pair| pair == format!("token={token}")));
            ("200 OK".to_owned(), known.map_or_else(|| json!({"active": false}), |(_, what)| what.clone()).to_string())
        } else {
            if path == "/jwks" {
                self.fetched.fetch_add(1, Ordering::SeqCst);
            }
            let answers = self.answers.lock().unwrap();
            answers.get(&path).cloned().unwrap_or(("404 Not Found".to_owned(), String::new()))
        };
        let length = body.len();
        let answer = format!("HTTP/1.1 {head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
        stream.write_all(answer.as_bytes()).await.ok()?;
        stream.shutdown().await.ok()
    }
}
