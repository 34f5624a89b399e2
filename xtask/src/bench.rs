//! The benchmarks.

use crate::{Outcome, process, workspace::Workspace};

pub(crate) fn run(workspace: &Workspace, arguments: &[&str]) -> Outcome {
    process::run(workspace.cargo(&["bench", "--package", "turbomcp-benches"]).args(arguments))
}
