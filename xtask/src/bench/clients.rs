//! The client beside the one of rmcp: the same calls of the same server, by two programs.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use super::{each, need_valgrind, ratio};
use crate::{Outcome, fixture::Server, process, workspace::Workspace};

/// How many calls are timed.
const CALLS: u32 = 5_000;

pub(super) fn run(workspace: &Workspace) -> Outcome {
    need_valgrind()?;
    let release = workspace.target.join("release");
    process::run(&mut workspace.cargo(&["build", "--release", "--package", "turbomcp-benches", "--bin", "call"]))?;
    let package = ["--package", "turbomcp-bench-server", "--example", "bench_server"];
    process::run(workspace.cargo(&["build", "--release"]).args(package))?;
    super::build_rmcp(workspace, &["--bin", "turbomcp-bench-rmcp"])?;
    let program = release.join("examples/bench_server");
    let clients = [release.join("turbomcp-bench-rmcp"), release.join("call")];

    println!(
        "\n| `tools/call` | rmcp, instructions | ours | rmcp ÷ ours | rmcp, calls/s | ours |\n|---|--:|--:|--:|--:|--:|"
    );
    let server = Server::start(&program, &workspace.target.join("bench_server.log"))?;
    for binding in ["stdio", "http"] {
        let target = if binding == "http" { PathBuf::from(&server.url) } else { program.clone() };
        for era in ["legacy", "modern"] {
            let row = format!("{binding}, {era}");
            let run = |client: &Path, times: u64| {
                let mut command = Command::new(client);
                command.arg(binding).arg(&target).arg(era).arg(times.to_string());
                command
            };
            let mut instructions = [0; 2];
            let mut rates = [String::new(), String::new()];
            for ((client, instructions), rate) in clients.iter().zip(&mut instructions).zip(&mut rates) {
                *instructions = each(workspace, "client", |times| run(client, times))?;
                *rate = process::read(&mut run(client, CALLS.into()))?.trim().to_owned();
            }
            let [theirs, ours] = instructions;
            println!("| {row} | {theirs} | {ours} | {} | {} | {} |", ratio(theirs, ours), rates[0], rates[1]);
        }
    }
    Ok(())
}
