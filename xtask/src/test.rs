//! Every check, and a list of those that failed.

use std::time::Instant;

use crate::{
    Outcome, autobahn, conformance, coverage, deny, features, fixture::Profile, guides, hack, process, settings,
    stores, strangers, tree, workspace::Workspace,
};

type Check = fn(&Workspace) -> Outcome;

// What is quick comes first, so that a slip is seen early.
const CHECKS: [(&str, Check); 15] = [
    ("fmt", |workspace| process::run(&mut workspace.cargo(&["fmt", "--all", "--check"]))),
    ("coverage", |workspace| coverage::run(workspace, coverage::Mode::Check)),
    ("features", |workspace| features::run(workspace, features::Mode::Check)),
    ("settings", settings::run),
    ("guides", |workspace| guides::run(workspace, guides::Mode::Check)),
    ("tree", tree::run),
    ("clippy", clippy),
    ("test", |workspace| {
        process::run(&mut workspace.cargo(&["test", "--workspace", "--all-features", "--no-fail-fast"]))
    }),
    ("stores", stores::run),
    ("conformance", |workspace| conformance::run(workspace, Profile::Dev)),
    ("strangers", |workspace| strangers::run(workspace, Profile::Dev)),
    ("autobahn", autobahn::run_if_possible),
    ("doc", doc),
    ("hack", hack::run),
    ("deny", deny::run),
];

pub(crate) fn run(workspace: &Workspace) -> Outcome {
    let mut failures = Vec::new();
    for (name, check) in CHECKS {
        println!("\n=== {name}");
        let started = Instant::now();
        let outcome = check(workspace);
        let seconds = started.elapsed().as_secs();
        match outcome {
            Ok(()) => println!("=== {name}: ok, {seconds} s"),
            Err(error) => {
                println!("=== {name}: FAILED, {seconds} s\n{error}");
                failures.push(name);
            }
        }
    }
    println!("\n{} passed, {} failed", CHECKS.len() - failures.len(), failures.len());
    if failures.is_empty() { Ok(()) } else { Err(format!("failed: {}", failures.join(", ")).into()) }
}

fn clippy(workspace: &Workspace) -> Outcome {
    let mut command = workspace.cargo(&["clippy", "--workspace", "--all-targets", "--all-features"]);
    process::run(command.args(["--", "-D", "warnings"]))
}

fn doc(workspace: &Workspace) -> Outcome {
    let mut command = workspace.cargo(&["doc", "--workspace", "--all-features", "--no-deps"]);
    process::run(command.env("RUSTDOCFLAGS", "-D warnings"))
}
