//! Licences, sources and duplicates of the dependencies, as `deny.toml` allows them.

use std::process::Command;

use crate::{Outcome, process, tools, workspace::Workspace};

const VERSION: &str = "0.20.2";

pub(crate) fn run(workspace: &Workspace) -> Outcome {
    let program = tools::crates_io(workspace, "cargo-deny", VERSION)?;
    // Advisories need a database from the network: the workflow on GitHub checks them.
    let mut command = Command::new(program);
    command.args(["--workspace", "--all-features", "check", "licenses", "bans", "sources"]);
    process::run(command.current_dir(&workspace.root))
}
