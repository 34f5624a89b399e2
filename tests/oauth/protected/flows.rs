//! Our client and our server.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use turbomcp::BoxError;
use turbomcp::auth::Secret;
use turbomcp::auth::client::{Dpop, TokenStore};
use turbomcp::client::Client;
use turbomcp::client::http::HttpTarget;

use super::world::{SHORT, World};
use crate::Outcome;
use crate::browser::request;
use crate::report::Report;
use crate::stage::{ensure, scopes};

pub(super) async fn run(report: &mut Report, world: &World) {
    for name in ["notes", "opaque"] {
        report.check(&format!("finds_the_issuer_and_logs_in_for_{name}"), logs_in(world, name)).await;
        report.check(&format!("steps_up_for_{name}"), steps_up(world, name)).await;
        report.check(&format!("is_refused_without_the_scope_of_a_tool_of_{name}"), scope(world, name)).await;
    }
    report.check("refreshes_what_has_expired", refreshes(world)).await;
    report.check("signs_its_requests", signs(world)).await;
    report.check("is_refused_with_tokens_for_another_server", audience(world)).await;
    report.check("is_refused_with_a_token_that_has_expired", expired(world)).await;
    report.check("is_refused_with_a_token_that_was_revoked", revoked(world)).await;
    report.check("is_refused_with_a_token_of_somebody_else", stolen(world)).await;
}

/// Keeps what a client keeps, and shows it.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<HashMap<String, String>>>);

impl Kept {
    fn secrets(&self) -> std::sync::MutexGuard<'_, HashMap<String, String>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn find(&self, member: &str) -> Outcome<String> {
        let all: Vec<Value> = self.secrets().values().filter_map(|text| serde_json::from_str(text).ok()).collect();
        let found = all.iter().find_map(|kept| kept[member].as_str());
        Ok(found.ok_or_else(|| format!("no {member} is kept"))?.to_owned())
    }
}

impl TokenStore for Kept {
    async fn load(&self, name: &str) -> Result<Option<Secret>, BoxError> {
        Ok(self.secrets().get(name).map(|secret| Secret::new(secret.clone())))
    }

    async fn save(&self, name: &str, secret: Secret) -> Result<(), BoxError> {
        self.secrets().insert(name.to_owned(), secret.expose().to_owned());
        Ok(())
    }

    async fn remove(&self, name: &str) -> Result<(), BoxError> {
        self.secrets().remove(name);
        Ok(())
    }
}

/// Gets a token for a server with the scope that every request needs.
async fn token(world: &World, name: &str, kept: &Kept) -> Outcome<String> {
    world.oauth(name).scopes(["notes:read"]).store(kept.clone()).build()?.login().await?;
    kept.find("access_token")
}

async fn call(client: &Client, tool: &str) -> Outcome<String> {
    let answer = client.call_tool(tool, json!({})).await?;
    Ok(answer.content.first().and_then(|block| block.as_text()).unwrap_or_default().to_owned())
}

async fn expect(client: &Client, tool: &str, expected: &str) -> Outcome {
    let told = call(client, tool).await?;
    ensure(told == expected, || format!("{tool} says {told}"))
}

/// Expects that a credential is refused for this reason, in words and by our client.
async fn refused(world: &World, name: &str, authorization: &str, why: &str) -> Outcome {
    let page = request("POST", world.url(name), &[("Authorization", authorization)], "").await?;
    let challenges: Vec<_> = page.all("www-authenticate").collect();
    let told = format!("error_description=\"{why}\"");
    let is_told = !challenges.is_empty() && challenges.iter().all(|challenge| challenge.contains(&told));
    ensure(page.status == 401 && is_told, || format!("{name} answers {} with {challenges:?}", page.status))?;
    let target = HttpTarget::new(world.url(name)).header("Authorization", authorization);
    let error = Client::builder().connect(target).await.err().ok_or_else(|| format!("{name} lets it in"))?;
    ensure(error.status() == Some(401), || format!("{name} refuses otherwise: {error}"))
}

async fn logs_in(world: &World, name: &str) -> Outcome {
    let watch = world.stage.watch().await?;
    let client = world.connect(name, &world.oauth(name).build()?).await?;
    expect(&client, "who", "alice").await?;
    client.close().await;
    let (seen, resource) = (watch.seen().await?, world.url(name));
    let asked = seen.one("authorization", &[("code_challenge_method", "S256"), ("resource", resource)])?;
    // What the challenge has named, and what tokens that last need.
    ensure(scopes(asked) == ["notes:read", "offline_access"], || format!("asked for {asked}"))?;
    seen.one("grant", &[("grant", "authorization_code"), ("authentication", "none"), ("resource", resource)])?;
    seen.none("error", &[])
}

async fn steps_up(world: &World, name: &str) -> Outcome {
    let client = world.connect(name, &world.oauth(name).build()?).await?;
    expect(&client, "who", "alice").await?;
    let watch = world.stage.watch().await?;
    expect(&client, "write", "written").await?;
    expect(&client, "write", "written").await?;
    client.close().await;
    let seen = watch.seen().await?;
    let asked = seen.one("authorization", &[])?;
    ensure(scopes(asked) == ["notes:read", "notes:write", "offline_access"], || format!("asked for {asked}"))?;
    seen.none("registration", &[])
}

async fn scope(world: &World, name: &str) -> Outcome {
    let token = token(world, name, &Kept::default()).await?;
    let client = Client::builder().connect(HttpTarget::new(world.url(name)).bearer(token)).await?;
    expect(&client, "who", "alice").await?;
    let error = client.call_tool("write", json!({})).await.err().ok_or("a note was written")?;
    client.close().await;
    ensure(error.status() == Some(403), || format!("another error: {error}"))
}

async fn refreshes(world: &World) -> Outcome {
    let watch = world.stage.watch().await?;
    let client = world.connect("short", &world.oauth("short").build()?).await?;
    expect(&client, "who", "alice").await?;
    tokio::time::sleep(SHORT).await;
    expect(&client, "who", "alice").await?;
    client.close().await;
    let seen = watch.seen().await?;
    seen.one("authorization", &[])?;
    let refreshed = seen.all("grant", &[("grant", "refresh_token"), ("resource", world.url("short"))]);
    ensure(!refreshed.is_empty(), || format!("no refresh: {}", seen.shown()))?;
    seen.none("error", &[])
}

async fn signs(world: &World) -> Outcome {
    let watch = world.stage.watch().await?;
    let client = world.connect("bound", &world.oauth("bound").dpop(Dpop::Always).build()?).await?;
    for _ in 0..3 {
        expect(&client, "who", "alice").await?;
    }
    expect(&client, "write", "written").await?;
    client.close().await;
    // Once for the login, and once more for the scope.
    let asked = watch.seen().await?.all("authorization", &[]).len();
    ensure(asked == 2, || format!("the user was asked {asked} times"))
}

async fn audience(world: &World) -> Outcome {
    for (name, other) in [("notes", "short"), ("opaque", "vault")] {
        let bearer = format!("Bearer {}", token(world, name, &Kept::default()).await?);
        refused(world, other, &bearer, "the token is for another audience").await?;
    }
    Ok(())
}

async fn expired(world: &World) -> Outcome {
    let bearer = format!("Bearer {}", token(world, "short", &Kept::default()).await?);
    tokio::time::sleep(SHORT).await;
    refused(world, "short", &bearer, "the token has expired").await
}

async fn revoked(world: &World) -> Outcome {
    let kept = Kept::default();
    let token = token(world, "opaque", &kept).await?;
    let client = Client::builder().connect(HttpTarget::new(world.url("opaque")).bearer(&*token)).await?;
    expect(&client, "who", "alice").await?;
    let body = format!("token={token}&client_id={}", kept.find("client_id")?);
    let page = request("POST", &format!("{}/token/revocation", world.stage.issuer()), &[], &body).await?;
    ensure(page.status == 200, || format!("it is not revoked: {}", page.body))?;
    let error = client.call_tool("who", json!({})).await.err().ok_or("the call succeeded")?;
    client.close().await;
    ensure(error.status() == Some(401), || format!("another error: {error}"))?;
    refused(world, "opaque", &format!("Bearer {token}"), "the token is not active").await
}

async fn stolen(world: &World) -> Outcome {
    let kept = Kept::default();
    world.oauth("bound").scopes(["notes:read"]).dpop(Dpop::Always).store(kept.clone()).build()?.login().await?;
    let token = kept.find("access_token")?;
    let by_key = "the token is bound to a key, so it is shown by the scheme `DPoP`";
    refused(world, "bound", &format!("Bearer {token}"), by_key).await?;
    refused(world, "bound", &format!("DPoP {token}"), "a request with this token needs one DPoP proof").await
}
