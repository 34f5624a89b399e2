//! What the bindings cost, each beside a program that only sends back what it is sent.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::need_valgrind;
use crate::{Outcome, process, workspace::Workspace};

const BINDINGS: [&str; 6] = ["stdio", "unix", "tcp", "tls", "websocket", "http"];

/// How many calls a program is watched at, to see which of its functions run.
const CALLS: &str = "100";

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

pub(super) fn served(binding: &str, program: &Path) -> String {
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
    let report = workspace.target.join(format!("callgrind.{binding}"));
    process::run(Command::new(bench).arg("trace").arg(served(binding, &program)).arg(CALLS).arg(&report))?;
    fs::write(&order, symbols(&fs::read_to_string(report)?))?;
    let ordered = format!("-Clink-arg=-Wl,--symbol-ordering-file={}", order.display());
    build("rustc", &["--".to_owned(), ordered, "-Clink-arg=-Wl,--no-warn-symbol-ordering".to_owned()])?;
    let kept = workspace.target.join(format!("bench_server-{binding}"));
    fs::copy(program, &kept)?;
    Ok(kept)
}

/// Reads the symbols of the functions that ran out of a report, each on a line of its own, the first one first. The
/// report says `fn=(12) symbol` where it names one for the first time; what has no symbol is an address there, and a
/// function that calls itself is followed by `'2`.
fn symbols(report: &str) -> String {
    let named = report.lines().filter_map(|line| line.trim_start_matches('c').strip_prefix("fn=(")?.split_once(") "));
    let named = named.map(|(_, symbol)| symbol.split_once('\'').map_or(symbol, |(symbol, _)| symbol));
    let mut known = HashSet::new();
    named
        .filter(|symbol| !symbol.starts_with("0x") && known.insert(*symbol))
        .flat_map(|symbol| [symbol, "\n"])
        .collect()
}

/// Returns the name by which the compiler knows this machine.
fn host() -> Outcome<String> {
    let version = process::read(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.ok_or("rustc -vV names no host")?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_symbols_of_a_report() {
        let report =
            "fl=(1) ???\nfn=(1) main\n16 1\ncfn=(2) _RNv4name'2\ncalls=1 0\nfn=(3) 0x6fd0c0\nfn=(1)\nfn=(4) main\n";
        assert_eq!(symbols(report), "main\n_RNv4name\n");
    }
}
