//! Our server behind an authorization server of others, and each client in turn that logs in there: ours, or another in a
//! process of its own, which is told where everything is.

mod flows;
mod world;

use std::process::ExitCode;

use tokio::process::Command;

use crate::Outcome;
use crate::report::Report;
use world::World;

/// Drives our client.
pub(crate) async fn ours(node: &str, script: &str) -> ExitCode {
    let mut report = Report::default();
    match World::start(node, script).await {
        Ok(world) => flows::run(&mut report, &world).await,
        Err(error) => report.fail("starts", &*error),
    }
    report.close()
}

/// Runs another client, whose last argument is JSON: the URL of each server, of the issuer, and of the user's browser.
pub(crate) async fn theirs(node: &str, script: &str, client: &[String]) -> ExitCode {
    match run(node, script, client).await {
        Ok(code) => code,
        Err(error) => {
            println!("not ok starts: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(node: &str, script: &str, client: &[String]) -> Outcome<ExitCode> {
    let (program, arguments) = client.split_first().ok_or("no client")?;
    let world = World::start(node, script).await?;
    let status = Command::new(program).args(arguments).arg(world.told()).kill_on_drop(true).status().await?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
