//! The client's half: the harness starts a server for each scenario, and the client for each server.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::Command,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::{
    Harness,
    judge::{self, Verdict},
    report,
    suite::{self, Role, Scenario, Suite},
};
use crate::{Outcome, process, process::Guarded, workspace::Workspace};

/// The harness gives a client 30 seconds.
const LIMIT: Duration = Duration::from_secs(90);

/// How many scenarios run at once.
const WORKERS: usize = 4;

pub(super) fn judge(workspace: &Workspace, output: &Path, client: &Path) -> Outcome<Vec<String>> {
    let mut failures = Vec::new();
    for suite in suite::of(Role::Client) {
        println!("{} against {}", suite.name, client.display());
        let harness = Harness::install(workspace, suite)?;
        let results = output.join(suite.name);
        let mut command = command(&harness, client)?;
        let scenarios = harness.run(suite, command.args(suite.arguments), &results)?;
        failures.extend(report(suite, &scenarios, |name| judge::read(&results, Role::Client, name))?);
        // A run of many scenarios ignores how the client ended and whether it ran out of time.
        println!("{}, each scenario by itself", suite.name);
        let verdicts = singly(&harness, client, suite, &scenarios, &results.join("single"))?;
        failures.extend(report(suite, &scenarios, |name| Ok(verdicts.get(name).cloned()))?);
    }
    Ok(failures)
}

fn command(harness: &Harness, client: &Path) -> Outcome<Command> {
    let mut command = process::without_network(harness.command("client"));
    let (folder, name) = (client.parent().ok_or("the client is in no folder")?, client.file_name().unwrap_or_default());
    // Without `exec`, the harness ends the shell and waits for the client; and it splits the command at spaces.
    command.current_dir(folder).args(["--command", &format!("exec ./{}", name.to_string_lossy())]);
    Ok(command)
}

/// Runs each scenario by itself, where the harness also says whether the client ended as it should.
fn singly(
    harness: &Harness,
    client: &Path,
    suite: &Suite,
    scenarios: &[Scenario],
    results: &Path,
) -> Outcome<BTreeMap<String, Verdict>> {
    fs::create_dir_all(results)?;
    let queue = Mutex::new(scenarios.iter());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || -> Result<Vec<(String, Verdict)>, String> {
        let mut verdicts = Vec::new();
        while let Some(scenario) = next() {
            let verdict = single(harness, client, suite, &scenario.name, results);
            let verdict = verdict.map_err(|error| format!("{}: {error}", scenario.name))?;
            verdicts.extend(verdict.map(|verdict| (scenario.name.clone(), verdict)));
        }
        Ok(verdicts)
    };
    let worked = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().expect("a worker does not panic")).collect::<Vec<_>>()
    });
    let mut verdicts = BTreeMap::new();
    for outcome in worked {
        verdicts.extend(outcome?);
    }
    Ok(verdicts)
}

fn single(harness: &Harness, client: &Path, suite: &Suite, scenario: &str, results: &Path) -> Outcome<Option<Verdict>> {
    let mut command = command(harness, client)?;
    let printed = results.join(format!("{}.txt", scenario.replace('/', "-")));
    let file = fs::File::create(&printed)?;
    command.args(["--scenario", scenario]).args(suite.single).arg("-o").arg(results);
    command.stdout(file.try_clone()?).stderr(file);
    let status = Guarded::spawn(&mut command)?.wait(LIMIT)?;
    let mut verdict = judge::read(results, Role::Client, scenario)?;
    if let (Some(verdict), false) = (&mut verdict, status.success()) {
        verdict.fail(format!("the harness ended with {status}; see {}", printed.display()));
    }
    Ok(verdict)
}
