//! Third-party clients against `examples/conformance_server`, in each language, era and binding; and our client against a
//! third-party authorization server.

use std::{fs, path::Path, process::Command, time::Duration};

use crate::{
    Outcome,
    fixture::{self, Profile, Server},
    process::Guarded,
    tools,
    workspace::Workspace,
};

const LIMIT: Duration = Duration::from_secs(300);

const OAUTH: &str = "oauth";

pub(crate) fn run(workspace: &Workspace, profile: Profile) -> Outcome {
    let program = fixture::build(workspace, profile, "conformance_server")?;
    let flows = fixture::build(workspace, profile, "oauth_flows")?;
    let output = workspace.target.join("strangers");
    fs::create_dir_all(&output)?;
    let mut total = Tally::default();
    let mut failures = Vec::new();
    for language in ["typescript", "python"] {
        let stranger = stranger(workspace, language)?;
        for era in ["legacy", "modern"] {
            for binding in ["stdio", "http"] {
                let name = format!("{language}-{era}-{binding}");
                let tally = drive(&program, &output, &name, stranger().args(["--era", era]), binding)?;
                failures.extend(tally.report(&output, &name));
                total.add(tally);
            }
        }
    }
    let tally = authorize(workspace, &program, &flows, &output)?;
    failures.extend(tally.report(&output, OAUTH));
    total.add(tally);
    println!("strangers: {} passed, {} failed", total.passed, total.failed.len());
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n").into()) }
}

/// Installs the client of one language and returns a maker of the commands that run it.
fn stranger(workspace: &Workspace, language: &str) -> Outcome<Box<dyn Fn() -> Command>> {
    let folder = format!("tests/strangers/{language}");
    Ok(if language == "typescript" {
        let node = tools::node(workspace)?;
        let script = tools::npm(workspace, &folder)?.join("main.mjs");
        Box::new(move || program(&node, &[script.as_ref()]))
    } else {
        let copy = tools::pip(workspace, &folder)?;
        Box::new(move || program(&copy.join("venv/bin/python"), &["-B".as_ref(), &copy.join("main.py")]))
    })
}

fn program(path: &Path, arguments: &[&Path]) -> Command {
    let mut command = Command::new(path);
    command.args(arguments);
    command
}

/// Has our client authorize with an authorization server of others.
fn authorize(workspace: &Workspace, server: &Path, flows: &Path, output: &Path) -> Outcome<Tally> {
    let script = tools::npm(workspace, "tests/strangers/oauth")?.join("main.mjs");
    let running = Server::start(server, &output.join(format!("{OAUTH}.server.log")))?;
    let mut command = program(flows, &[running.url.as_ref(), tools::node(workspace)?.as_ref(), &script]);
    finish(&mut command, output, OAUTH)
}

fn drive(server: &Path, output: &Path, name: &str, command: &mut Command, binding: &str) -> Outcome<Tally> {
    // Lives until the client is done.
    let _running = if binding == "stdio" {
        command.arg("--stdio").arg(server).arg("--stdio");
        None
    } else {
        let running = Server::start(server, &output.join(format!("{name}.server.log")))?;
        command.args(["--http", &running.url]);
        Some(running)
    };
    finish(command, output, name)
}

/// Runs a program to its end and reads its report.
fn finish(command: &mut Command, output: &Path, name: &str) -> Outcome<Tally> {
    let log = output.join(format!("{name}.log"));
    let file = fs::File::create(&log)?;
    command.stdout(file.try_clone()?).stderr(file);
    let end = Guarded::spawn(command)?.wait(LIMIT);
    let mut tally = Tally::read(&fs::read_to_string(&log)?);
    match end {
        Ok(status) if status.success() || !tally.failed.is_empty() => {}
        Ok(status) => tally.failed.push(format!("the client ended with {status}")),
        Err(error) => tally.failed.push(error.to_string()),
    }
    Ok(tally)
}

#[derive(Debug, Default, PartialEq)]
struct Tally {
    passed: usize,
    failed: Vec<String>,
}

impl Tally {
    fn read(printed: &str) -> Self {
        let passed = printed.lines().filter(|line| line.starts_with("ok ")).count();
        let failed = printed.lines().filter(|line| line.starts_with("not ok ")).map(str::to_owned).collect();
        Self { passed, failed }
    }

    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed.extend(other.failed);
    }

    /// Prints the tally and returns what to say if it is not good.
    fn report(&self, output: &Path, name: &str) -> Option<String> {
        println!("{name}: {} passed, {} failed", self.passed, self.failed.len());
        for line in &self.failed {
            println!("  {line}");
        }
        (!self.is_good()).then(|| format!("{name}: see {}", output.join(format!("{name}.log")).display()))
    }

    fn is_good(&self) -> bool {
        self.passed > 0 && self.failed.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_the_lines_of_a_client() {
        let tally = Tally::read("ok a\nnot ok b: why\nnoise\nok c\n2 passed, 1 failed\n");
        assert_eq!(tally, Tally { passed: 2, failed: vec!["not ok b: why".to_owned()] });
    }

    #[test]
    fn does_not_take_silence_for_success() {
        assert!(!Tally::read("").is_good());
        assert!(Tally::read("ok a").is_good());
    }
}
