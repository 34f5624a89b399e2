//! OAuth from end to end, against an authorization server of others: `oauth_flows UPSTREAM-URL NODE SCRIPT`
//!
//! The script starts the authorization server and resources in front of the MCP server at the URL. One line a flow,
//! `ok name` or `not ok name: why`.
#![expect(clippy::print_stdout, reason = "the report goes to who runs it")]

mod browser;
mod flows;
mod jobs;
mod login;
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
    let [upstream, node, script] = arguments.as_slice() else {
        eprintln!("usage: oauth_flows UPSTREAM-URL NODE SCRIPT");
        return ExitCode::from(2);
    };
    let mut report = Report::default();
    match Stage::start(upstream, node, script).await {
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
