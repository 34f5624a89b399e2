//! The micro-benchmarks: instructions under callgrind, time under criterion, each as a ratio to a plain baseline.

mod bindings;
mod clients;
mod servers;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{Outcome, process, workspace::Workspace};

/// How often a piece of work is done in the short run and in the long one; only the difference counts.
const TIMES: (u64, u64) = (100, 1100);

pub(crate) fn run(workspace: &Workspace, arguments: &[&str]) -> Outcome {
    match arguments {
        [] => {
            instructions(workspace)?;
            time(workspace, &[])
        }
        ["instructions"] => instructions(workspace),
        ["time", rest @ ..] => time(workspace, rest),
        ["clients"] => clients::run(workspace),
        ["servers"] => servers::run(workspace),
        ["bindings"] => bindings::run(workspace),
        _ => Err("usage: cargo xtask bench [instructions | time [FILTER] | clients | servers | bindings]".into()),
    }
}

fn instructions(workspace: &Workspace) -> Outcome {
    need_valgrind()?;
    process::run(&mut workspace.cargo(&["build", "--release", "--package", "turbomcp-benches", "--bin", "work"]))?;
    let work = workspace.target.join("release/work");
    let names = process::read(&mut Command::new(&work))?;
    println!("\n| work | instructions | ratio |\n|---|--:|--:|");
    let mut baseline = None;
    for name in names.lines() {
        let each = each(workspace, name, |times| {
            let mut command = Command::new(&work);
            command.args([name, &times.to_string()]);
            command
        })?;
        let baseline = *baseline.get_or_insert(each);
        println!("| {name} | {each} | {} |", ratio(each, baseline));
    }
    Ok(())
}

/// Builds a program of `benches/rmcp`, which is a workspace of its own, beside ours.
fn build_rmcp(workspace: &Workspace, which: &[&str]) -> Outcome {
    let mut command = workspace.cargo(&["build", "--release", "--locked", "--manifest-path"]);
    command.arg(workspace.root.join("benches/rmcp/Cargo.toml")).arg("--target-dir").arg(&workspace.target);
    process::run(command.args(which))
}

fn need_valgrind() -> Outcome {
    if Command::new("valgrind").arg("--version").stdout(Stdio::null()).status().is_err() {
        return Err("valgrind is not installed; it counts the instructions".into());
    }
    Ok(())
}

/// Returns how many instructions a piece of work takes, of a program that is run to do it so many times.
fn each(workspace: &Workspace, name: &str, program: impl Fn(u64) -> Command) -> Outcome<u64> {
    let short = collected(workspace, name, &program(TIMES.0))?;
    let long = collected(workspace, name, &program(TIMES.1))?;
    Ok(long.saturating_sub(short) / (TIMES.1 - TIMES.0))
}

/// Returns how many instructions one run takes.
fn collected(workspace: &Workspace, name: &str, program: &Command) -> Outcome<u64> {
    let out = workspace.target.join(format!("callgrind.{name}"));
    let mut command = Command::new("valgrind");
    command
        .args(["-q", "--log-file=/dev/null", "--tool=callgrind"])
        .arg(format!("--callgrind-out-file={}", out.display()));
    command.arg(program.get_program()).args(program.get_args());
    process::read(&mut command)?;
    let report = fs::read_to_string(&out)?;
    fs::remove_file(&out)?;
    totals(&report).ok_or_else(|| format!("callgrind reported no total for {name}").into())
}

fn totals(report: &str) -> Option<u64> {
    let line = report.lines().find_map(|line| line.strip_prefix("totals: ").or(line.strip_prefix("summary: ")))?;
    line.split_whitespace().next()?.parse().ok()
}

fn ratio(each: u64, baseline: u64) -> String {
    let hundredths = (each * 100).checked_div(baseline).unwrap_or(0);
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

fn time(workspace: &Workspace, filter: &[&str]) -> Outcome {
    let mut command = workspace.cargo(&["bench", "--package", "turbomcp-benches", "--bench", "time", "--"]);
    process::run(command.args(filter))?;
    let results = workspace.target.join("criterion");
    let Some(baseline) = nanoseconds(&results.join("value")) else { return Ok(()) };
    println!("\n| work | ns | ratio |\n|---|--:|--:|");
    let mut folders: Vec<PathBuf> = fs::read_dir(&results)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    folders.sort();
    for folder in folders {
        let (Some(each), Some(name)) = (nanoseconds(&folder), folder.file_name()) else { continue };
        println!("| {} | {each} | {} |", name.to_string_lossy(), ratio(each, baseline));
    }
    Ok(())
}

/// Reads the mean that criterion has left behind.
fn nanoseconds(folder: &Path) -> Option<u64> {
    let estimates = fs::read_to_string(folder.join("new/estimates.json")).ok()?;
    let estimates: serde_json::Value = serde_json::from_str(&estimates).ok()?;
    estimates["mean"]["point_estimate"].as_f64().map(|mean| mean as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_total_of_a_report() {
        assert_eq!(totals("version: 1\nsummary: 1234\nfn=(1) main\ntotals: 1234\n"), Some(1234));
        assert_eq!(totals("version: 1\n"), None);
    }

    #[test]
    fn a_ratio_has_two_places() {
        assert_eq!(ratio(350, 100), "3.50");
        assert_eq!(ratio(7, 100), "0.07");
        assert_eq!(ratio(7, 0), "0.00");
    }
}
