//! What a server keeps in Redis and PostgreSQL, tested with the engines themselves.

use crate::{
    Outcome,
    fixture::{self, Profile},
    process, tools,
    workspace::Workspace,
};

/// The same for each command, so that nothing is compiled twice.
const TARGET: [&str; 4] = ["--workspace", "--all-features", "--test", "stores"];

pub(crate) fn run(workspace: &Workspace) -> Outcome {
    tools::engines()?;
    // `--all-targets` leaves out what `cargo test` alone leaves out.
    process::run(workspace.cargo(&["clippy"]).args(TARGET).args(["--", "-D", "warnings"]))?;
    let built = fixture::build(workspace, Profile::Dev, "redis_sessions")?;
    fixture::build(workspace, Profile::Dev, "postgres_sessions")?;
    fixture::build(workspace, Profile::Dev, "replicas")?;
    fixture::build(workspace, Profile::Dev, "sql_readonly")?;
    let folder = built.parent().ok_or("an example is in a folder")?;
    process::run(workspace.cargo(&["test"]).args(TARGET).env("TURBOMCP_EXAMPLES", folder))
}
