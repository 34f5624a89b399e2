//! A server that logs its users in: by a browser, by another device, and not at all.

mod browser;
mod config;
mod device;
mod id_token;
mod insisting;
mod kept;
mod others;

use http::header::COOKIE;
use http::{HeaderMap, Uri};

use super::*;
use crate::client::login::{
    Begun, Login, LoginRequest, OAuth2Config, OAuth2FlowType, OAuth2Provider, OAuth2ProviderBuilder, ProviderType,
};

/// A server that asks for no ID token.
fn notes() -> OAuth2Config {
    OAuth2Config {
        client_id: "notes".into(),
        client_secret: "s3cret".into(),
        redirect_uri: "https://notes.example/callback".into(),
        scopes: vec!["a".into(), "b".into()],
        ..OAuth2Config::default()
    }
}

fn of(flow_type: OAuth2FlowType) -> OAuth2Config {
    OAuth2Config { flow_type, ..notes() }
}

impl World {
    fn provider(&self, config: OAuth2Config) -> OAuth2ProviderBuilder {
        OAuth2Provider::builder("world", config, ProviderType::Oidc(self.base.clone()))
    }

    /// Starts with metadata that say this, too.
    async fn publishing(members: Value) -> Arc<Self> {
        Self::start(move |base, seen| {
            let mut metadata = server(base);
            for (name, value) in members.as_object().unwrap() {
                metadata[name] = json!(value.as_str().map_or(value.clone(), |text| json!(text.replace("BASE", base))));
            }
            (seen.path == "/.well-known/oauth-authorization-server").then(|| ok(&metadata))?
        })
        .await
    }
}

/// Returns what a URL says in its query.
fn query(url: &str) -> HashMap<String, String> {
    form::decode_pairs(url.split_once('?').unwrap().1).unwrap().into_iter().collect()
}

/// What the browser that began a login comes back with.
fn back(begun: &Begun, answer: &str) -> (Uri, HeaderMap) {
    let state = &query(begun.url())["state"];
    let cookie = begun.set_cookie().split(';').next().unwrap();
    (coming(&format!("state={state}&{answer}")), with_cookie(&format!("theme=dark; {cookie}")))
}

fn coming(query: &str) -> Uri {
    format!("/callback?{query}").parse().unwrap()
}

fn with_cookie(cookie: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(COOKIE, cookie.parse().unwrap());
    headers
}

/// The answer of a provider that says who it is.
fn agreed(world: &World) -> String {
    format!("code=C&iss={}", form::encode(&world.base))
}

async fn logged_in(world: &World, provider: &OAuth2Provider, request: LoginRequest) -> Login {
    let (callback, headers) = back(&provider.start(request).await.unwrap(), &agreed(world));
    provider.finish(&callback, &headers).await.unwrap()
}
