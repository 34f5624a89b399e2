//! The scenarios about authorization: each is the same conversation, with another client of OAuth.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use turbomcp::auth::client::{Browser, IdentityProvider, OAuthClientBuilder, PreRegistered, Visit};
use turbomcp::auth::{OAuthClient, Secret, SigningKey};
use turbomcp::client::http::HttpTarget;

use crate::{Outcome, builder};

/// Where the suite supposes the document to be that describes this client.
const METADATA_URL: &str = "https://conformance-test.local/client-metadata.json";

pub(crate) async fn run(scenario: &str, url: &str) -> Outcome {
    let oauth = client(scenario, url)?.build()?;
    let client = builder().connect(HttpTarget::new(url).authorize(oauth)).await?;
    for tool in client.list_all_tools().await? {
        client.call_tool(&tool.name, json!({})).await?;
    }
    if scenario == "auth/authorization-server-migration" {
        client.list_all_tools().await?;
        client.call_tool("test-tool", json!({})).await?;
    }
    client.close().await;
    Ok(())
}

fn client(scenario: &str, url: &str) -> Outcome<OAuthClientBuilder> {
    let context: Value = match std::env::var("MCP_CONFORMANCE_CONTEXT") {
        Ok(context) => serde_json::from_str(&context)?,
        Err(_) => Value::Null,
    };
    let text = |name: &str| context[name].as_str().map(str::to_owned).ok_or(format!("there is no {name}"));
    let oauth = OAuthClient::builder(url).client_name("TurboMCP conformance client");
    let known = || text("client_id").map(PreRegistered::new);
    Ok(match scenario {
        "auth/pre-registration" => {
            let known = known()?.secret(text("client_secret")?);
            let known = if let Ok(issuer) = text("issuer") { known.issuer(issuer) } else { known };
            oauth.client(known).browser(browser())
        }
        "auth/client-credentials-basic" => oauth.client(known()?.secret(text("client_secret")?)).client_credentials(),
        "auth/client-credentials-jwt" => {
            let key = SigningKey::from_pem(&text("private_key_pem")?)?;
            oauth.client(known()?.private_key(key)).client_credentials()
        }
        "auth/enterprise-managed-authorization" | "auth/cross-app-access-complete-flow" => {
            let token = text("idp_id_token")?;
            let at_provider = PreRegistered::new(text("idp_client_id")?);
            let provider = IdentityProvider::new(text("idp_token_endpoint")?, at_provider, move || {
                let token = Secret::new(token.clone());
                async { Ok(token) }
            });
            oauth.client(known()?.secret(text("client_secret")?)).enterprise_managed(provider)
        }
        "auth/wif-jwt-bearer" => {
            let token = text("valid_jwt")?;
            oauth.client(known()?).workload_identity(move |_| {
                let token = Secret::new(token.clone());
                async { Ok(token) }
            })
        }
        _ => oauth.client_metadata_url(METADATA_URL).browser(browser()),
    })
}

/// The user of the suite agrees at once, so it takes no browser to follow where the authorization server leads.
fn browser() -> Browser {
    Browser::new(|url| async move {
        let mut next = Some(url);
        while let Some(url) = next {
            next = get(&url).await?;
        }
        Ok(Visit::Opened)
    })
}

/// Fetches a page and returns where it redirects to.
async fn get(url: &str) -> std::io::Result<Option<String>> {
    let rest = url.strip_prefix("http://").unwrap_or_default();
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut stream = TcpStream::connect(authority).await?;
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let location = answer.lines().take_while(|line| !line.is_empty()).find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("location").then(|| value.trim().to_owned())
    });
    Ok(location)
}
