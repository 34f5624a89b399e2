//! Every feature of every published crate compiles alone, without a warning, and so do some together.

use serde_json::Value;

use crate::{
    Outcome, process,
    workspace::{Package, Workspace},
};

/// What users of the facade are told to build, beside its features one by one.
const TOGETHER: [&str; 2] = ["http,websocket", "stdio,tcp"];

pub(crate) fn run(workspace: &Workspace) -> Outcome {
    let mut failures = Vec::new();
    for package in workspace.packages.iter().filter(|package| package.is_published) {
        for features in alone(package) {
            let label = format!("{} with {}", package.name, if features.is_empty() { "no feature" } else { features });
            match check(workspace, package, features) {
                Ok(()) => println!("ok {label}"),
                Err(error) => {
                    println!("not ok {label}");
                    failures.push(format!("{label}: {error}"));
                }
            }
        }
    }
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n").into()) }
}

fn alone(package: &Package) -> impl Iterator<Item = &str> {
    let together = TOGETHER.into_iter().filter(|_| package.name == "turbomcp");
    std::iter::once("").chain(package.features.iter().map(String::as_str)).chain(together)
}

fn check(workspace: &Workspace, package: &Package, features: &str) -> Outcome {
    // Denying warnings by a compiler flag would compile every dependency once more.
    let mut command = workspace.cargo(&["check", "--quiet", "--package", &package.name, "--no-default-features"]);
    command.args(["--features", features, "--message-format", "json"]);
    let output = process::read(&mut command)?;
    let warnings = warnings(&output);
    if warnings.is_empty() { Ok(()) } else { Err(warnings.join("\n").into()) }
}

/// Returns what the compiler said about the crates of the workspace; it says nothing about others.
fn warnings(messages: &str) -> Vec<String> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    messages
        .filter(|message| message["reason"] == "compiler-message" && message["message"]["level"] == "warning")
        .map(|message| message["message"]["rendered"].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_warnings_among_the_messages_of_cargo() {
        let messages = r#"{"reason":"compiler-artifact","target":{"name":"a"}}
{"reason":"compiler-message","message":{"level":"warning","rendered":"unused variable"}}
{"reason":"build-finished","success":true}"#;
        assert_eq!(warnings(messages), ["unused variable"]);
    }
}
