//! The server beside the one of rmcp: the same calls of the same tool, by a client that is only bytes.

use std::{fs, path::Path, process::Command};

use super::{TIMES, bindings::served, need_valgrind, ratio, totals};
use crate::{Outcome, process, workspace::Workspace};

pub(super) fn run(workspace: &Workspace) -> Outcome {
    need_valgrind()?;
    let release = workspace.target.join("release");
    for package in [
        &["--package", "turbomcp-bench-bindings"][..],
        &["--package", "turbomcp-bench-server", "--example", "bench_server"],
    ] {
        process::run(workspace.cargo(&["build", "--release"]).args(package))?;
    }
    super::build_rmcp(workspace, &["--bin", "turbomcp-bench-rmcp-server", "--features", "server"])?;
    let bench = release.join("turbomcp-bench-bindings");
    let servers = [release.join("turbomcp-bench-rmcp-server"), release.join("examples/bench_server")];
    println!("\n| `tools/call` | rmcp, instructions | ours | rmcp ÷ ours |\n|---|--:|--:|--:|");
    for binding in ["stdio", "http"] {
        let [theirs, ours] = [&servers[0], &servers[1]].map(|server| each(workspace, &bench, served(binding, server)));
        let (theirs, ours) = (theirs?, ours?);
        println!("| {binding} | {theirs} | {ours} | {} |", ratio(theirs, ours));
    }
    Ok(())
}

/// Returns how many instructions a server needs for a call.
fn each(workspace: &Workspace, bench: &Path, server: String) -> Outcome<u64> {
    let out = workspace.target.join("callgrind.server");
    let collected = |calls: u64| -> Outcome<u64> {
        process::run(Command::new(bench).args(["trace", &server, &calls.to_string()]).arg(&out))?;
        let report = fs::read_to_string(&out)?;
        totals(&report).ok_or_else(|| format!("callgrind reported no total for {server}").into())
    };
    let short = collected(TIMES.0)?;
    Ok(collected(TIMES.1)?.saturating_sub(short) / (TIMES.1 - TIMES.0))
}
