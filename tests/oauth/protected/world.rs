//! Our servers, each of which takes the tokens of the authorization server by rules of its own.

use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use turbomcp::auth::client::OAuthClientBuilder;
use turbomcp::auth::server::{DpopConfig, DpopNonces, DpopTokens, IntrospectionConfig};
use turbomcp::auth::{AuthManager, JwtConfig, OAuthClient};
use turbomcp::client::Client;
use turbomcp::client::http::HttpTarget;
use turbomcp::prelude::*;
use turbomcp::{Principal, auth};

use crate::Outcome;
use crate::browser::{self, Answer};
use crate::stage::Stage;

/// How long the tokens for `short` last.
pub(super) const SHORT: Duration = Duration::from_secs(5);

const NAMES: [&str; 5] = [
    // What most servers are.
    "notes",  // Its tokens do not last.
    "short",  // Only the issuer can read its tokens, and is asked each time.
    "opaque", // The same, under another name.
    "vault",  // Its tokens are bound to a key, and each proof to a nonce.
    "bound",
];

/// What is as long as the servers are.
pub(super) struct World {
    pub(super) stage: Stage,
    urls: Vec<(&'static str, String)>,
    /// Where the user of another process has a browser.
    browser: String,
    _serving: JoinSet<()>,
}

struct Notes;

#[server(name = "notes", version = "1.0.0")]
impl Notes {
    /// Says who is calling.
    #[tool]
    async fn who(&self, caller: Principal) -> String {
        caller.subject().to_owned()
    }

    /// Writes a note.
    #[tool(scopes("notes:write"))]
    async fn write(&self) -> &'static str {
        "written"
    }
}

impl World {
    pub(super) async fn start(node: &str, script: &str) -> Outcome<Self> {
        let (mut listeners, mut urls, mut resources) = (Vec::new(), Vec::new(), Map::new());
        for name in NAMES {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let url = format!("http://{}/mcp", listener.local_addr()?);
            let is_opaque = matches!(name, "opaque" | "vault");
            let seconds = if name == "short" { SHORT.as_secs() } else { 3600 };
            let format = if is_opaque { "opaque" } else { "jwt" };
            let scopes = ["notes:read", "notes:write"];
            resources.insert(url.clone(), json!({"scopes": scopes, "seconds": seconds, "format": format}));
            urls.push((name, url));
            listeners.push(listener);
        }
        let stage = Stage::start(node, script, &["--resources", &Value::from(resources).to_string()]).await?;
        let mut serving = JoinSet::new();
        for (listener, (name, url)) in listeners.into_iter().zip(&urls) {
            let server = Notes.into_builder().auth(manager(name, url, &stage)?).build();
            let router = server.into_router();
            serving.spawn(async move {
                let _ = axum::serve(listener, router).await;
            });
        }
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let browser = format!("http://{}/visit", listener.local_addr()?);
        serving.spawn(async move {
            let _ = axum::serve(listener, Router::new().route("/visit", post(visit))).await;
        });
        Ok(Self { stage, urls, browser, _serving: serving })
    }

    pub(super) fn url(&self, name: &str) -> &str {
        self.urls.iter().find(|(known, _)| *known == name).map_or("", |(_, url)| url)
    }

    /// Says where everything is, as JSON.
    pub(super) fn told(&self) -> String {
        let mut told = json!({"issuer": self.stage.issuer(), "browser": self.browser});
        for (name, url) in &self.urls {
            told[name] = json!(url);
        }
        told.to_string()
    }

    /// Starts building a client for a server, whose user agrees to everything.
    pub(super) fn oauth(&self, name: &str) -> OAuthClientBuilder {
        OAuthClient::builder(self.url(name)).client_name("OAuth flows").browser(browser::that_agrees())
    }

    pub(super) async fn connect(&self, name: &str, oauth: &OAuthClient) -> Outcome<Client> {
        let target = HttpTarget::new(self.url(name)).authorize(oauth.clone());
        Ok(Client::builder().connect(target).await?)
    }
}

fn manager(name: &str, url: &str, stage: &Stage) -> Result<AuthManager, auth::Error> {
    let issuer = stage.issuer();
    let builder = AuthManager::builder().resource(url).required_scopes(["notes:read"]);
    let signed = JwtConfig::new(issuer, url).leeway(Duration::ZERO);
    match name {
        "opaque" | "vault" => builder.introspection(
            IntrospectionConfig::new(format!("{issuer}/token/introspection"), "job", stage.secret())
                .issuer(issuer)
                .audience(url)
                .max_age(Duration::ZERO),
        ),
        "bound" => {
            let proofs = DpopConfig::default().tokens(DpopTokens::Required).nonces(DpopNonces::Required);
            builder.jwt(signed).dpop(proofs)
        }
        _ => builder.jwt(signed),
    }
    .build()
}

/// Has the user agree to whatever the page at a URL asks, in one line, and returns where that leads: to a URL that begins
/// as the other line does.
async fn visit(lines: String) -> Result<String, (StatusCode, String)> {
    let (url, away) = lines.trim().split_once('\n').ok_or((StatusCode::BAD_REQUEST, "two lines".to_owned()))?;
    let visited = browser::visit_until(url.trim(), Answer::Yes, away.trim()).await;
    visited.map_err(|error| (StatusCode::BAD_GATEWAY, error.to_string()))
}
