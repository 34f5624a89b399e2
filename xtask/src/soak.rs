//! Connections that come and go for a while, and what is left of them.

use crate::{Outcome, process, workspace::Workspace};

/// How long it goes on unless something else is asked for, in minutes.
const MINUTES: &str = "5";

pub(crate) fn run(workspace: &Workspace, arguments: &[&str]) -> Outcome {
    let minutes = match arguments {
        [] => MINUTES,
        ["--minutes", minutes] if minutes.parse::<f64>().is_ok_and(|minutes| minutes > 0.0) => minutes,
        _ => return Err("usage: cargo xtask soak [--minutes N]".into()),
    };
    let mut command = workspace.cargo(&["test", "--package", "turbomcp-tests", "--test", "soak", "--", "--nocapture"]);
    process::run(command.env("SOAK_MINUTES", minutes))
}
