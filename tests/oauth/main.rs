//! OAuth from end to end, against an authorization server of others: `oauth_flows UPSTREAM-URL NODE SCRIPT`
//!
//! The script starts the authorization server and resources in front of the MCP server at the URL. With
//! `oauth_flows --protected NODE SCRIPT [CLIENT …]` it starts the former only, and the resources are servers of ours.
//! One line a flow, `ok name` or `not ok name: why`.
#![expect(clippy::print_stdout, reason = "the report goes to who runs it")]

mod browser;
mod flows;
mod jobs;
mod login;
mod protected;
mod refresh;
mod report;
mod stage;

use std::process::ExitCode;

use report::Report;
use stage::Stage;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [mode, node, script] if mode == "--protected" => protected::ours(node, script).await,
        [mode, node, script, client @ ..] if mode == "--protected" => protected::theirs(node, script, client).await,
        [upstream, node, script] => all(upstream, node, script).await,
        _ => {
            eprintln!("usage: oauth_flows (UPSTREAM-URL NODE SCRIPT | --protected NODE SCRIPT [CLIENT …])");
            ExitCode::from(2)
        }
    }
}

async fn all(upstream: &str, node: &str, script: &str) -> ExitCode {
    let mut report = Report::default();
    match Stage::start(node, script, &[upstream]).await {
        Ok(stage) => {
            flows::run(&mut report, &stage).await;
            refresh::run(&mut report, &stage).await;
            jobs::run(&mut report, &stage).await;
            login::run(&mut report, &stage).await;
        }
        Err(error) => report.fail("starts", &*error),
    }
    report.close()
}
