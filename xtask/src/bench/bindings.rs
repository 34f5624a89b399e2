//! What the bindings cost, each beside a program that only sends back what it is sent.

use std::process::Command;

use crate::{Outcome, process, workspace::Workspace};

pub(super) fn run(workspace: &Workspace) -> Outcome {
    let release = workspace.target.join("release");
    for arguments in [
        &["build", "--release", "--package", "turbomcp-bench-bindings"][..],
        &["build", "--release", "--package", "turbomcp-bench-server", "--example", "bench_server"],
    ] {
        process::run(&mut workspace.cargo(arguments))?;
    }
    let mut command = Command::new(release.join("turbomcp-bench-bindings"));
    process::run(command.arg(release.join("examples/bench_server")))
}
