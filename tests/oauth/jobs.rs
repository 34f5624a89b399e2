//! Clients that act for themselves.

use turbomcp::auth::client::{OAuthClientBuilder, PreRegistered};

use crate::Outcome;
use crate::report::Report;
use crate::stage::{Stage, ensure};

pub(crate) async fn run(report: &mut Report, stage: &Stage) {
    report.check("acts_for_itself_by_a_secret", by_secret(stage)).await;
    report.check("acts_for_itself_by_a_key", by_key(stage)).await;
    report.check("tells_that_the_secret_is_wrong", wrong_secret(stage)).await;
}

async fn by_secret(stage: &Stage) -> Outcome {
    let job = PreRegistered::new("job").secret(stage.secret()).issuer(stage.issuer());
    acts(stage, stage.oauth("mcp").client(job), "job", "client_secret_basic").await
}

async fn by_key(stage: &Stage) -> Outcome {
    let job = PreRegistered::new("signed-job").private_key(stage.key()?).issuer(stage.issuer());
    acts(stage, stage.oauth("mcp").client(job), "signed-job", "private_key_jwt").await
}

async fn acts(stage: &Stage, oauth: OAuthClientBuilder, client_id: &str, authentication: &str) -> Outcome {
    let watch = stage.watch().await?;
    let client = stage.connect("mcp", &oauth.client_credentials().build()?).await?;
    client.list_all_tools().await?;
    client.close().await;
    let seen = watch.seen().await?;
    let resource = stage.resource("mcp");
    let grant = [("grant", "client_credentials"), ("authentication", authentication), ("resource", &resource)];
    seen.one("grant", &grant)?;
    seen.none("authorization", &[])?;
    ensure(!seen.all("request", &[("client", client_id)]).is_empty(), || format!("no request: {}", seen.shown()))
}

async fn wrong_secret(stage: &Stage) -> Outcome {
    let job = PreRegistered::new("job").secret("guessed").issuer(stage.issuer());
    let oauth = stage.oauth("mcp").client(job).client_credentials().build()?;
    let error = oauth.login().await.err().ok_or("there is authorization")?;
    ensure(error.oauth_error() == Some("invalid_client"), || format!("another error: {error}"))
}
