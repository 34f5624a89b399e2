//! A client that gets tokens by OAuth: `cargo run --example client_oauth -- URL`
//!
//! It opens a browser when the server asks for authorization, and keeps the tokens in a folder: the next run asks
//! nobody. `--device` has the user enter a code elsewhere; `--service` acts for itself, by `CLIENT_ID` and `CLIENT_SECRET`.

use std::env;

use turbomcp::auth::OAuthClient;
use turbomcp::auth::client::{FileStore, OAuthClientBuilder, PreRegistered};
use turbomcp::client::Client;
use turbomcp::client::http::HttpTarget;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

// ANCHOR: user
/// Has the user agree in a browser.
fn for_a_user(url: &str) -> OAuthClientBuilder {
    let folder = env::var("TOKENS").unwrap_or_else(|_| "tokens".to_owned());
    OAuthClient::builder(url).client_name("client_oauth").store(FileStore::new(folder))
}
// ANCHOR_END: user

// ANCHOR: device
/// Has the user agree on another device.
fn without_a_browser(url: &str) -> OAuthClientBuilder {
    for_a_user(url).device_code(|code| async move {
        println!("go to {} and enter {}", code.verification_uri, code.user_code);
        Ok(())
    })
}
// ANCHOR_END: device

// ANCHOR: service
/// Acts for itself.
fn for_a_service(url: &str) -> Result<OAuthClientBuilder, env::VarError> {
    let service = PreRegistered::new(env::var("CLIENT_ID")?).secret(env::var("CLIENT_SECRET")?);
    Ok(OAuthClient::builder(url).client(service).client_credentials())
}
// ANCHOR_END: service

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let (oauth, url) = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [url] => (for_a_user(url), url),
        ["--device", url] => (without_a_browser(url), url),
        ["--service", url] => (for_a_service(url)?, url),
        _ => return Err("usage: client_oauth [--device | --service] URL".into()),
    };
    // ANCHOR: connect
    let oauth = oauth.build()?;
    let client = Client::builder().connect(HttpTarget::new(url).authorize(oauth)).await?;
    // ANCHOR_END: connect
    for tool in client.list_all_tools().await? {
        println!("{}", tool.name);
    }
    client.close().await;
    Ok(())
}
