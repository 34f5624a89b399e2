//! A server whose users log in at a provider of OpenID Connect: `cargo run --example auth_oidc -- 127.0.0.1:8080`
//!
//! `ISSUER`, `CLIENT_ID` and `CLIENT_SECRET` say which provider that is, and as what it knows the server; the redirect URI
//! is `http://127.0.0.1:8080/callback`. Clients that know OAuth find the provider by themselves. For those that do not, a
//! user logs in by a browser and takes a key away.

use std::env;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use turbomcp::Principal;
use turbomcp::auth::client::login::LoginRequest;
use turbomcp::auth::server::{ApiKey, ApiKeyConfig, ApiKeys, Holder};
use turbomcp::auth::{AuthManager, Error, JwtConfig, OAuth2Config, OAuth2Provider, ProviderType};
use turbomcp::prelude::*;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

struct Notes;

#[server(name = "notes", version = "1.0.0")]
impl Notes {
    /// Says who is calling.
    #[tool]
    async fn who_am_i(&self, caller: Principal) -> String {
        caller.subject().to_owned()
    }
}

#[derive(Clone)]
struct Logins {
    provider: OAuth2Provider,
    keys: ApiKeys,
}

// ANCHOR: provider
async fn provider(origin: &str) -> Result<OAuth2Provider, BoxError> {
    let config = OAuth2Config {
        client_id: env::var("CLIENT_ID")?,
        client_secret: env::var("CLIENT_SECRET")?.into(),
        redirect_uri: format!("{origin}/callback"),
        ..OAuth2Config::default()
    };
    Ok(OAuth2Provider::new("provider", config, ProviderType::Oidc(env::var("ISSUER")?)).await?)
}
// ANCHOR_END: provider

// ANCHOR: routes
async fn login(State(logins): State<Logins>) -> Response {
    match logins.provider.start(LoginRequest::default()).await {
        Ok(begun) => {
            let headers = [(LOCATION, begun.url().to_owned()), (SET_COOKIE, begun.set_cookie().to_owned())];
            (StatusCode::FOUND, headers).into_response()
        }
        Err(error) => failed(&error),
    }
}

async fn callback(State(logins): State<Logins>, uri: Uri, headers: HeaderMap) -> Response {
    match logins.provider.finish(&uri, &headers).await {
        Ok(login) => {
            let (key, entry) = ApiKey::generate("notes", Holder::new(login.user()));
            logins.keys.add(entry.expires_at(SystemTime::now() + Duration::from_secs(24 * 3600)));
            let page = format!("You are {}. For a day, this is you:\n\nX-API-Key: {}\n", login.user(), key.expose());
            let headers = [(CACHE_CONTROL, "no-store".to_owned()), (SET_COOKIE, login.clear_cookie().to_owned())];
            (headers, page).into_response()
        }
        Err(error) => failed(&error),
    }
}
// ANCHOR_END: routes

fn failed(error: &Error) -> Response {
    (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response()
}

// ANCHOR: protect
fn server(provider: &OAuth2Provider, origin: &str, keys: ApiKeys) -> Result<McpServer, Error> {
    let resource = format!("{origin}/mcp");
    let auth = AuthManager::builder()
        .resource(&resource)
        .jwt(JwtConfig::new(provider.issuer(), &resource))
        .api_keys(ApiKeyConfig::default().prefix("notes").keys(keys))
        .build()?;
    Ok(Notes.into_builder().auth(auth).build())
}
// ANCHOR_END: protect

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let origin = format!("http://{address}");
    let logins = Logins { provider: provider(&origin).await?, keys: ApiKeys::default() };
    let server = server(&logins.provider, &origin, logins.keys.clone())?;
    println!("Clients that know OAuth: {origin}/mcp, with tokens of {}", logins.provider.issuer());
    println!("Others: log in at {origin}/login for a key");
    let logins = Router::new().route("/login", get(login)).route("/callback", get(callback)).with_state(logins);
    let listener = tokio::net::TcpListener::bind(address).await?;
    Ok(axum::serve(listener, server.into_router().merge(logins)).await?)
}
