//! A server that logs its users in at the authorization server, and calls a resource in their name.

use std::collections::HashMap;

use axum::http::header::{COOKIE, HeaderName};
use axum::http::{HeaderMap, Method, Uri};
use serde::Deserialize;
use turbomcp::auth::client::Dpop;
use turbomcp::auth::client::login::{
    AccessToken, DpopConfig, Login, LoginRequest, OAuth2Config, OAuth2FlowType, OAuth2Provider, ProviderType,
    Revocation, SecurityLevel,
};

use crate::Outcome;
use crate::browser::{self, Answer};
use crate::report::Report;
use crate::stage::{Stage, ensure};

const REDIRECT: &str = "https://app.example/callback";

const REFRESH: [(&str, &str); 1] = [("grant", "refresh_token")];

pub(crate) async fn run(report: &mut Report, stage: &Stage) {
    report.check("login_by_a_browser_says_who_the_user_is", by_browser(stage)).await;
    report.check("login_tells_that_the_user_refused", refused(stage)).await;
    report.check("login_refreshes_and_takes_the_new_refresh_token", refreshes(stage)).await;
    report.check("logout_takes_the_tokens_back", logout(stage)).await;
    report.check("login_by_a_device_code", by_device(stage)).await;
    report.check("server_acts_for_itself", for_itself(stage)).await;
    report.check("login_is_pushed_and_bound_to_a_key", pushed_and_bound(stage)).await;
    report.check("login_tells_that_the_secret_is_wrong", wrong_secret(stage)).await;
}

/// A server that asks for tokens for a resource.
fn config(stage: &Stage, client_id: &str, resource: &str) -> OAuth2Config {
    OAuth2Config {
        client_id: client_id.into(),
        client_secret: if client_id == "app" || client_id == "job" { stage.secret().into() } else { "".into() },
        redirect_uri: REDIRECT.into(),
        scopes: ["openid", "offline_access", "notes:read"].map(Into::into).to_vec(),
        // Without it, the scope `offline_access` is ignored.
        additional_params: HashMap::from([("prompt".into(), "consent".into())]),
        mcp_resource_uri: Some(stage.resource(resource)),
        ..OAuth2Config::default()
    }
}

async fn provider(stage: &Stage, config: OAuth2Config) -> Outcome<OAuth2Provider> {
    Ok(OAuth2Provider::new("stage", config, ProviderType::Oidc(stage.issuer().into())).await?)
}

async fn log_in(provider: &OAuth2Provider, answer: Answer) -> Outcome<Login> {
    let begun = provider.start(LoginRequest::default()).await?;
    let callback: Uri = browser::visit_until(begun.url(), answer, REDIRECT).await?.parse()?;
    let mut headers = HeaderMap::new();
    headers.insert(COOKIE, begun.set_cookie().split(';').next().unwrap_or_default().parse()?);
    Ok(provider.finish(&callback, &headers).await?)
}

/// Calls a resource, once more if a nonce is wanted.
async fn call(stage: &Stage, resource: &str, access: &AccessToken) -> Outcome {
    let url = stage.resource(resource);
    for _ in 0..2 {
        let headers = access.headers(&Method::POST, &url)?;
        let headers: Result<Vec<_>, _> =
            headers.iter().map(|(name, value)| value.to_str().map(|value| (name.as_str(), value))).collect();
        let page = browser::request("POST", &url, &headers?, "").await?;
        let mut answered = HeaderMap::new();
        for nonce in page.all("dpop-nonce") {
            answered.insert(HeaderName::from_static("dpop-nonce"), nonce.parse()?);
        }
        if !access.answered(&url, &answered) {
            break;
        }
    }
    Ok(())
}

async fn by_browser(stage: &Stage) -> Outcome {
    #[derive(Deserialize)]
    struct Claims {
        aud: String,
        nonce: String,
    }
    let watch = stage.watch().await?;
    let login = log_in(&provider(stage, config(stage, "app", "mcp")).await?, Answer::Yes).await?;
    let token = login.id_token().ok_or("no ID token")?;
    ensure((token.subject(), token.issuer()) == ("alice", stage.issuer()), || format!("another user: {token:?}"))?;
    let claims: Claims = token.claims()?;
    ensure(claims.aud == "app" && claims.nonce.len() == 43, || "other claims".into())?;
    ensure(login.user() == "alice", || format!("kept for {}", login.user()))?;
    call(stage, "mcp", login.access()).await?;
    let seen = watch.seen().await?;
    let resource = stage.resource("mcp");
    let asked = [("client", "app"), ("code_challenge_method", "S256"), ("resource", &resource)];
    seen.one("authorization", &asked)?;
    seen.one("grant", &[("grant", "authorization_code"), ("authentication", "client_secret_basic")])?;
    seen.one("request", &[("client", "app"), ("sub", "alice"), ("scheme", "Bearer")])?;
    seen.none("error", &[])
}

async fn refused(stage: &Stage) -> Outcome {
    let error = log_in(&provider(stage, config(stage, "app", "mcp")).await?, Answer::No).await.err();
    let error = error.ok_or("there is a login")?;
    let code = error.downcast_ref::<turbomcp::auth::Error>().and_then(turbomcp::auth::Error::oauth_error);
    ensure(code == Some("access_denied"), || format!("another error: {error}"))
}

async fn refreshes(stage: &Stage) -> Outcome {
    let watch = stage.watch().await?;
    let provider = provider(stage, config(stage, "public-app", "short")).await?;
    log_in(&provider, Answer::Yes).await?;
    for _ in 0..3 {
        let access = provider.access("alice").await?.ok_or("nobody is logged in")?;
        call(stage, "short", &access).await?;
    }
    let seen = watch.seen().await?;
    // Each is for another refresh token: one that is used again ends them all.
    ensure(seen.all("grant", &REFRESH).len() == 3, || format!("not three: {}", seen.shown()))?;
    ensure(seen.all("request", &[("sub", "alice")]).len() == 3, || format!("not three calls: {}", seen.shown()))?;
    seen.none("error", &[])
}

async fn logout(stage: &Stage) -> Outcome {
    let provider = provider(stage, config(stage, "app", "mcp")).await?;
    log_in(&provider, Answer::Yes).await?;
    let watch = stage.watch().await?;
    let outcome = provider.logout("alice").await?;
    ensure(outcome == Revocation::Revoked, || format!("{outcome:?}"))?;
    watch.seen().await?.one("refresh token destroyed", &[("client", "app")])?;
    ensure(provider.access("alice").await?.is_none(), || "there are tokens".into())
}

async fn by_device(stage: &Stage) -> Outcome {
    let watch = stage.watch().await?;
    let config = OAuth2Config { flow_type: OAuth2FlowType::DeviceCode, ..config(stage, "television", "mcp") };
    let provider = provider(stage, config).await?;
    let mut device = provider.start_device(LoginRequest::default()).await?;
    let code = device.code().clone();
    let url = code.verification_uri_complete.ok_or("no link")?;
    let (login, page) = tokio::join!(device.wait(), browser::visit(&url, Answer::Yes));
    page?;
    let login = login?;
    ensure(login.id_token().is_some_and(|token| token.subject() == "alice"), || "another user".into())?;
    call(stage, "mcp", login.access()).await?;
    let seen = watch.seen().await?;
    seen.one("grant", &[("grant", "urn:ietf:params:oauth:grant-type:device_code"), ("client", "television")])?;
    seen.one("request", &[("client", "television"), ("sub", "alice")]).map(drop)
}

async fn for_itself(stage: &Stage) -> Outcome {
    let watch = stage.watch().await?;
    let config = OAuth2Config {
        flow_type: OAuth2FlowType::ClientCredentials,
        scopes: vec!["notes:read".into()],
        additional_params: HashMap::new(),
        ..config(stage, "job", "mcp")
    };
    let provider = provider(stage, config).await?;
    for _ in 0..2 {
        call(stage, "mcp", &provider.service().await?).await?;
    }
    let seen = watch.seen().await?;
    seen.one("grant", &[("grant", "client_credentials"), ("client", "job")])?;
    ensure(seen.all("request", &[("client", "job")]).len() == 2, || format!("not two calls: {}", seen.shown()))
}

async fn pushed_and_bound(stage: &Stage) -> Outcome {
    let watch = stage.watch().await?;
    let config = OAuth2Config {
        security_level: SecurityLevel::Maximum,
        dpop_config: Some(DpopConfig { binding: Dpop::Always }),
        ..config(stage, "app", "bound")
    };
    let provider = provider(stage, config).await?;
    let login = log_in(&provider, Answer::Yes).await?;
    ensure(login.access().is_bound(), || "the token is not bound".into())?;
    call(stage, "bound", login.access()).await?;
    let seen = watch.seen().await?;
    seen.one("pushed", &[("client", "app")])?;
    seen.one("refused", &[("error", "use_dpop_nonce")])?;
    seen.one("request", &[("client", "app"), ("sub", "alice"), ("scheme", "DPoP")]).map(drop)
}

async fn wrong_secret(stage: &Stage) -> Outcome {
    let config = OAuth2Config { client_secret: "guessed".into(), ..config(stage, "app", "mcp") };
    let error = log_in(&provider(stage, config).await?, Answer::Yes).await.err().ok_or("there is a login")?;
    let code = error.downcast_ref::<turbomcp::auth::Error>().and_then(turbomcp::auth::Error::oauth_error);
    ensure(code == Some("invalid_client"), || format!("another error: {error}"))
}
