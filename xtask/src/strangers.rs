//! Third-party clients against `examples/conformance_server`, our client against third-party servers, and third-party
//! readers of what operators see.

mod authorization;
mod clients;
mod operator;
mod servers;
mod web;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::{Outcome, fixture::Profile, process::Guarded, tools, workspace::Workspace};

const LIMIT: Duration = Duration::from_secs(300);

pub(crate) fn run(workspace: &Workspace, profile: Profile) -> Outcome {
    let output = workspace.target.join("strangers");
    fs::create_dir_all(&output)?;
    let mut strangers = Strangers { output, passed: 0, failed: 0, failures: Vec::new() };
    clients::run(workspace, profile, &mut strangers)?;
    web::run(workspace, profile, &mut strangers)?;
    servers::run(workspace, &mut strangers)?;
    authorization::run(workspace, profile, &mut strangers)?;
    operator::run(workspace, profile, &mut strangers)?;
    println!("strangers: {} passed, {} failed", strangers.passed, strangers.failed);
    if strangers.failures.is_empty() { Ok(()) } else { Err(strangers.failures.join("\n").into()) }
}

/// Looks at the dashboard alone, and takes the pictures of it that are in the guide.
pub(crate) fn pictures(workspace: &Workspace) -> Outcome {
    let output = workspace.target.join("strangers");
    fs::create_dir_all(&output)?;
    let folder = workspace.root.join("docs/src/images");
    fs::create_dir_all(&folder)?;
    let mut strangers = Strangers { output, passed: 0, failed: 0, failures: Vec::new() };
    web::dashboard(workspace, Profile::Dev, &mut strangers, Some(&folder))?;
    if strangers.failures.is_empty() { Ok(()) } else { Err(strangers.failures.join("\n").into()) }
}

/// What was found so far, and where the logs are.
struct Strangers {
    output: PathBuf,
    passed: usize,
    failed: usize,
    failures: Vec<String>,
}

impl Strangers {
    /// Runs a program that prints `ok` and `not ok` lines to its end, and counts them.
    fn drive(&mut self, name: &str, command: &mut Command) -> Outcome {
        let log = self.log(name);
        let file = fs::File::create(&log)?;
        command.stdout(file.try_clone()?).stderr(file);
        let end = Guarded::spawn(command)?.wait(LIMIT);
        let mut tally = Tally::read(&fs::read_to_string(&log)?);
        match end {
            Ok(status) if status.success() || !tally.failed.is_empty() => {}
            Ok(status) => tally.failed.push(format!("it ended with {status}")),
            Err(error) => tally.failed.push(error.to_string()),
        }
        println!("{name}: {} passed, {} failed", tally.passed, tally.failed.len());
        for line in &tally.failed {
            println!("  {line}");
        }
        if !tally.is_good() {
            self.failures.push(format!("{name}: see {}", log.display()));
        }
        self.passed += tally.passed;
        self.failed += tally.failed.len();
        Ok(())
    }

    fn log(&self, name: &str) -> PathBuf {
        self.output.join(format!("{name}.log"))
    }
}

/// Makes the commands that run one program.
type Program = Box<dyn Fn() -> Command>;

/// Installs what a folder of a Python program names, and returns how to run it.
fn python(workspace: &Workspace, folder: &str) -> Outcome<Program> {
    python_script(workspace, folder, "main.py")
}

fn python_script(workspace: &Workspace, folder: &str, script: &'static str) -> Outcome<Program> {
    let copy = tools::pip(workspace, folder)?;
    Ok(Box::new(move || program(&copy.join("venv/bin/python"), &["-B".as_ref(), &copy.join(script)])))
}

/// Installs what a folder of a Node.js program names, and returns how to run it.
fn typescript_script(workspace: &Workspace, folder: &str, script: &str) -> Outcome<Program> {
    let node = tools::node(workspace)?;
    let script = tools::npm(workspace, folder)?.join(script);
    Ok(Box::new(move || program(&node, &[script.as_ref()])))
}

fn program(path: &Path, arguments: &[&Path]) -> Command {
    let mut command = Command::new(path);
    command.args(arguments);
    command
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

    fn is_good(&self) -> bool {
        self.passed > 0 && self.failed.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_the_lines_of_a_program() {
        let tally = Tally::read("ok a\nnot ok b: why\nnoise\nok c\n2 passed, 1 failed\n");
        assert_eq!(tally, Tally { passed: 2, failed: vec!["not ok b: why".to_owned()] });
    }

    #[test]
    fn does_not_take_silence_for_success() {
        assert!(!Tally::read("").is_good());
        assert!(Tally::read("ok a").is_good());
    }
}
