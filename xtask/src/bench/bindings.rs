//! What the bindings cost, each beside a program that only sends back what it is sent.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::need_valgrind;
use crate::{Outcome, process, workspace::Workspace};

const BINDINGS: [&str; 6] = ["stdio", "unix", "tcp", "tls", "websocket", "http"];

/// What makes a program hold its libraries, and lie where it was linked to, so that none of its pages is written to.
const STATIC: &str = "-C target-feature=+crt-static -C relocation-model=static";

pub(super) fn run(workspace: &Workspace) -> Outcome {
    need_valgrind()?;
    let release = workspace.target.join("release");
    let (bench, server) = (release.join("turbomcp-bench-bindings"), release.join("examples/bench_server"));
    for arguments in [
        &["build", "--release", "--package", "turbomcp-bench-bindings"][..],
        &["build", "--release", "--package", "turbomcp-bench-server", "--example", "bench_server"],
    ] {
        process::run(&mut workspace.cargo(arguments))?;
    }
    let small = BINDINGS.map(|binding| small(workspace, &bench, binding));
    println!("\nOne program with every binding:\n");
    process::run(Command::new(&bench).args(BINDINGS.map(|binding| served(binding, &server))))?;
    println!("\nA small program for each binding:\n");
    let mut command = Command::new(&bench);
    for (binding, program) in BINDINGS.into_iter().zip(small) {
        command.arg(served(binding, &program?));
    }
    process::run(&mut command)
}

fn served(binding: &str, program: &Path) -> String {
    format!("{binding}={}", program.display())
}

/// Builds a server with one binding alone as docs/DEPLOYMENT.md tells: for its size, static, and with the functions that
/// run side by side.
fn small(workspace: &Workspace, bench: &Path, binding: &str) -> Outcome<PathBuf> {
    let host = host()?;
    let build = |command: &str, linker: &[String]| {
        let mut command = workspace.cargo(&[command, "--profile", "small", "--target", &host]);
        command.args(["--package", "turbomcp-bench-server", "--example", "bench_server"]);
        command.args(["--no-default-features", "--features", binding]).env("RUSTFLAGS", STATIC);
        process::run(command.args(linker))
    };
    build("build", &[])?;
    let program = workspace.target.join(&host).join("small/examples/bench_server");
    let order = workspace.target.join(format!("{binding}.order"));
    process::run(Command::new(bench).arg("order").arg(served(binding, &program)).arg(&order))?;
    let ordered = format!("-Clink-arg=-Wl,--symbol-ordering-file={}", order.display());
    build("rustc", &["--".to_owned(), ordered, "-Clink-arg=-Wl,--no-warn-symbol-ordering".to_owned()])?;
    let kept = workspace.target.join(format!("bench_server-{binding}"));
    fs::copy(program, &kept)?;
    Ok(kept)
}

/// Returns the name by which the compiler knows this machine.
fn host() -> Outcome<String> {
    let version = process::read(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.ok_or("rustc -vV names no host")?.to_owned())
}
