//! The official conformance suite against `examples/conformance_server`, judged more strictly than it judges itself.

mod judge;
mod suite;

use std::{fs, path::Path, process::Command, time::Duration};

use crate::{
    Outcome,
    fixture::{self, Profile, Server},
    process::Guarded,
    tools,
    workspace::Workspace,
};
use judge::Verdict;
use suite::{Scenario, Scored, Suite};

// A run takes seconds; without a limit, a server that never answers holds each scenario of 0.1.16 for a minute.
const LIMIT: Duration = Duration::from_secs(600);

pub(crate) fn run(workspace: &Workspace, profile: Profile) -> Outcome {
    let program = fixture::build(workspace, profile)?;
    let output = fresh_output(workspace)?;
    let server = Server::start(&program, &output.join("server.log"))?;
    run_suites(workspace, &output, &server.url)
}

/// Runs the suite against a server that somebody else started.
pub(crate) fn run_against(workspace: &Workspace, url: &str) -> Outcome {
    run_suites(workspace, &fresh_output(workspace)?, url)
}

fn fresh_output(workspace: &Workspace) -> Outcome<std::path::PathBuf> {
    let output = workspace.target.join("conformance");
    if output.exists() {
        fs::remove_dir_all(&output)?;
    }
    fs::create_dir_all(&output)?;
    Ok(output)
}

fn run_suites(workspace: &Workspace, output: &Path, url: &str) -> Outcome {
    let node = tools::node(workspace)?;
    let mut failures = Vec::new();
    for suite in suite::ALL {
        let harness = tools::npm(workspace, suite.folder)?.join("node_modules/@modelcontextprotocol/conformance");
        let results = output.join(suite.name);
        fs::create_dir_all(&results)?;
        let printed = results.join("output.txt");
        let mut command = Command::new(&node);
        command.arg(harness.join("dist/index.js")).args(["server", "--url", url]).args(suite.arguments);
        command.arg("-o").arg(&results);
        let file = fs::File::create(&printed)?;
        command.stdout(file.try_clone()?).stderr(file);
        println!("{} against {url}", suite.name);
        // The exit status is not asked: the files say more.
        Guarded::spawn(&mut command)?.wait(LIMIT)?;
        let scenarios = suite.scenarios(&harness, &fs::read_to_string(&printed)?)?;
        failures.extend(report(suite, &scenarios, &results)?);
    }
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n").into()) }
}

/// Prints one line a scenario and returns what failed.
fn report(suite: &Suite, scenarios: &[Scenario], results: &Path) -> Outcome<Vec<String>> {
    let mut failures = Vec::new();
    let mut held = 0;
    for scenario in scenarios {
        let verdict = judge::read(results, &scenario.name)?;
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
