//! The official conformance suite against `examples/conformance_server` and `examples/conformance_client`, judged more
//! strictly than it judges itself.

mod client;
mod judge;
mod suite;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::{
    Outcome,
    fixture::{self, Profile, Server},
    process::Guarded,
    tools,
    workspace::Workspace,
};
use judge::Verdict;
use suite::{Role, Scenario, Scored, Suite};

// A run takes seconds; without a limit, a server that never answers holds each scenario of 0.1.16 for a minute.
const LIMIT: Duration = Duration::from_secs(600);

pub(crate) fn run(workspace: &Workspace, profile: Profile) -> Outcome {
    let server = fixture::build(workspace, profile, "conformance_server")?;
    let client = fixture::build(workspace, profile, "conformance_client")?;
    let output = fresh_output(workspace)?;
    let running = Server::start(&server, &output.join("server.log"))?;
    let mut failures = judge_server(workspace, &output, &running.url)?;
    drop(running);
    failures.extend(client::judge(workspace, &output, &client)?);
    end(&failures)
}

/// Runs the suite against a server that somebody else started.
pub(crate) fn run_against(workspace: &Workspace, url: &str) -> Outcome {
    end(&judge_server(workspace, &fresh_output(workspace)?, url)?)
}

fn end(failures: &[String]) -> Outcome {
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n").into()) }
}

fn fresh_output(workspace: &Workspace) -> Outcome<PathBuf> {
    let output = workspace.target.join("conformance");
    if output.exists() {
        fs::remove_dir_all(&output)?;
    }
    fs::create_dir_all(&output)?;
    Ok(output)
}

fn judge_server(workspace: &Workspace, output: &Path, url: &str) -> Outcome<Vec<String>> {
    let mut failures = Vec::new();
    for suite in suite::of(Role::Server) {
        println!("{} against {url}", suite.name);
        let harness = Harness::install(workspace, suite)?;
        let results = output.join(suite.name);
        let mut command = harness.command("server");
        command.args(["--url", url]).args(suite.arguments);
        let scenarios = harness.run(suite, &mut command, &results)?;
        failures.extend(report(suite, &scenarios, |name| judge::read(&results, Role::Server, name))?);
    }
    Ok(failures)
}

/// The official suite, installed.
struct Harness {
    node: PathBuf,
    package: PathBuf,
}

impl Harness {
    fn install(workspace: &Workspace, suite: &Suite) -> Outcome<Self> {
        let package = tools::npm(workspace, suite.folder)?.join("node_modules/@modelcontextprotocol/conformance");
        Ok(Self { node: tools::node(workspace)?, package })
    }

    fn command(&self, mode: &str) -> Command {
        let mut command = Command::new(&self.node);
        command.arg(self.package.join("dist/index.js")).arg(mode);
        command
    }

    /// Runs a suite and returns its scenarios.
    fn run(&self, suite: &Suite, command: &mut Command, results: &Path) -> Outcome<Vec<Scenario>> {
        fs::create_dir_all(results)?;
        let printed = results.join("output.txt");
        let file = fs::File::create(&printed)?;
        command.arg("-o").arg(results).stdout(file.try_clone()?).stderr(file);
        // The exit status is not asked: the files say more.
        Guarded::spawn(command)?.wait(LIMIT)?;
        suite.scenarios(&self.package, &fs::read_to_string(&printed)?)
    }
}

/// Prints one line a scenario and returns what failed.
fn report(
    suite: &Suite,
    scenarios: &[Scenario],
    verdict_on: impl Fn(&str) -> Outcome<Option<Verdict>>,
) -> Outcome<Vec<String>> {
    let mut failures = Vec::new();
    let mut held = 0;
    for scenario in scenarios {
        let verdict = verdict_on(&scenario.name)?;
        let mark = match (scenario.scored, verdict.as_ref().is_some_and(|verdict| verdict.holds(scenario.scored))) {
            (Scored::Aside, true) => "ok (aside)",
            (Scored::Aside, false) => "-- (aside)",
            (Scored::Reported, true) => "ok (not scored)",
            (Scored::Required, true) => "ok",
            (Scored::Reported | Scored::Required, false) => {
                failures.push(format!("{}: {}", suite.name, scenario.name));
                "FAILED"
            }
        };
        held += usize::from(mark.starts_with("ok"));
        println!("  {:46} {:>18}  {mark}", scenario.name, verdict.as_ref().map_or("no result".into(), Verdict::counts));
        let complaints = verdict.iter().flat_map(|verdict| &verdict.complaints);
        for complaint in complaints.filter(|_| scenario.scored != Scored::Aside) {
            println!("      {complaint}");
        }
    }
    println!("  {held} of {} scenarios hold\n", scenarios.len());
    Ok(failures)
}
