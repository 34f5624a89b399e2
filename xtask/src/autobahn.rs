//! The Autobahn test suite against both ends of our WebSocket, which `tests/strangers/echo.rs` has send back what comes.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    Outcome, fixture,
    process::{self, Guarded},
    tools,
    workspace::Workspace,
};

const LIMIT: Duration = Duration::from_secs(240);

/// How the suite knows us.
const AGENT: &str = "turbomcp";

/// The case that stands for all that send binary messages, which are none of MCP: they are refused.
const BINARY: &str = "1.2.";

/// What is not asked of us: compression, which is never agreed on (12 and 13); long binary messages, which are refused as
/// short ones are; and empty messages sent back, for no message of MCP is empty.
const LEFT_OUT: [&str; 10] = ["12.*", "13.*", "9.2.*", "9.4.*", "9.6.*", "9.8.*", "1.1.1", "6.1.1", "6.1.2", "9.7.1"];

/// How many cases there are besides.
const CASES: usize = 270;

/// Runs the suite if the machine has the Python that it is written for.
pub(crate) fn run_if_possible(workspace: &Workspace) -> Outcome {
    if tools::python2().is_none() {
        println!("left out: there is no Python 2.7 for the Autobahn test suite");
        return Ok(());
    }
    run(workspace)
}

pub(crate) fn run(workspace: &Workspace) -> Outcome {
    let python = tools::python2().ok_or("the Autobahn test suite needs Python 2.7, and there is none")?;
    let suite = Suite {
        script: tools::pip2(workspace, &python, "tests/strangers/autobahn")?.join("main.py"),
        python,
        output: workspace.target.join("autobahn"),
    };
    if suite.output.exists() {
        fs::remove_dir_all(&suite.output)?;
    }
    fs::create_dir_all(&suite.output)?;
    process::run(&mut workspace.cargo(&["build", "--workspace", "--all-features", "--bin", "echo-websocket"]))?;
    let echo = workspace.target.join("debug/echo-websocket");
    let failures = [suite.judge_server(&echo)?, suite.judge_client(&echo)?].concat();
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n").into()) }
}

struct Suite {
    python: PathBuf,
    script: PathBuf,
    output: PathBuf,
}

impl Suite {
    /// Has the suite's client try our server.
    fn judge_server(&self, echo: &Path) -> Outcome<Vec<String>> {
        let address = fixture::free_address()?;
        let mut command = Command::new(echo);
        command.args(["serve", &address.to_string()]);
        let _running = fixture::Server::spawn(command, address, &self.output.join("server.echo.log"))?;
        let servers = json!([{"agent": AGENT, "url": format!("ws://{address}")}]);
        let mut suite = self.command("fuzzingclient", "server", &json!({"servers": servers}))?;
        ended_well(&mut suite)?;
        self.verdict("server")
    }

    /// Has our client try the suite's server.
    fn judge_client(&self, echo: &Path) -> Outcome<Vec<String>> {
        let address = fixture::free_address()?;
        let suite = self.command("fuzzingserver", "client", &json!({"url": format!("ws://{address}")}))?;
        let _running = fixture::Server::spawn(suite, address, &self.output.join("client.log"))?;
        let mut command = Command::new(echo);
        ended_well(command.args(["call", &format!("ws://{address}")]))?;
        self.verdict("client")
    }

    /// Makes a command that runs the suite, with its report in a folder of this name.
    fn command(&self, mode: &str, name: &str, rest: &Value) -> Outcome<Command> {
        let mut spec = json!({"outdir": self.output.join(name), "cases": ["*"], "exclude-cases": LEFT_OUT});
        if let (Some(spec), Some(rest)) = (spec.as_object_mut(), rest.as_object()) {
            spec.extend(rest.clone());
        }
        let path = self.output.join(format!("{name}.json"));
        fs::write(&path, spec.to_string())?;
        let mut command = Command::new(&self.python);
        command.args(["-B".as_ref(), self.script.as_os_str(), mode.as_ref(), path.as_os_str()]);
        let log = fs::File::create(self.output.join(format!("{name}.log")))?;
        command.stdout(log.try_clone()?).stderr(log);
        Ok(command)
    }

    fn verdict(&self, name: &str) -> Outcome<Vec<String>> {
        let report: Value = serde_json::from_slice(&fs::read(self.output.join(name).join("index.json"))?)?;
        let failures = failures(&report[AGENT]);
        let count = report[AGENT].as_object().map_or(0, serde_json::Map::len);
        println!("{name}: {} passed, {} failed", count.saturating_sub(failures.len()), failures.len());
        for failure in &failures {
            println!("  {failure}");
        }
        Ok(failures.into_iter().map(|failure| format!("{name}: {failure}")).collect())
    }
}

fn ended_well(command: &mut Command) -> Outcome {
    let status = Guarded::spawn(command)?.wait(LIMIT)?;
    if status.success() { Ok(()) } else { Err(format!("it ended with {status}").into()) }
}

/// Returns what is wrong according to the part of a report that is about one end.
fn failures(report: &Value) -> Vec<String> {
    let Some(cases) = report.as_object() else { return vec!["the report says nothing".to_owned()] };
    let wrong = cases.iter().filter(|(case, found)| !is_good(case, found));
    let mut wrong: Vec<_> = wrong
        .map(|(case, found)| {
            let [behavior, end, code] = ["behavior", "behaviorClose", "remoteCloseCode"].map(|name| &found[name]);
            format!("case {case}: {behavior}, end: {end}, close code: {code}")
        })
        .collect();
    if cases.len() != CASES {
        wrong.push(format!("{} cases were run; there are {CASES}", cases.len()));
    }
    wrong
}

fn is_good(case: &str, found: &Value) -> bool {
    if case.starts_with(BINARY) {
        return found["remoteCloseCode"] == 1003;
    }
    let good = |name: &str| matches!(found[name].as_str(), Some("OK" | "NON-STRICT" | "INFORMATIONAL"));
    good("behavior") && good("behaviorClose")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(case: &str, behavior: &str, end: &str, code: u16, expected: bool) {
        let found = json!({"behavior": behavior, "behaviorClose": end, "remoteCloseCode": code});
        assert_eq!(is_good(case, &found), expected, "{case}: {found}");
    }

    #[test]
    fn both_what_was_done_and_how_it_ended_have_to_be_good() {
        check("1.1.2", "OK", "OK", 1000, true);
        check("6.4.3", "NON-STRICT", "OK", 1007, true);
        check("7.1.6", "INFORMATIONAL", "INFORMATIONAL", 1000, true);
        check("1.1.2", "FAILED", "OK", 1000, false);
        check("1.1.2", "OK", "WRONG CODE", 1000, false);
        check("1.1.2", "OK", "UNCLEAN", 1000, false);
    }

    #[test]
    fn binary_messages_have_to_be_refused() {
        check("1.2.1", "FAILED", "FAILED", 1003, true);
        check("1.2.1", "OK", "OK", 1000, false);
    }

    #[test]
    fn does_not_take_silence_for_success() {
        assert_eq!(failures(&Value::Null).len(), 1);
        assert_eq!(failures(&json!({})).len(), 1);
    }
}
