//! Third-party clients against `examples/conformance_server`: each language, era and binding.

use std::{path::Path, process::Command};

use super::{Program, Strangers, python, typescript_script};
use crate::{
    Outcome,
    fixture::{self, Profile, Server},
    workspace::Workspace,
};

pub(super) fn run(workspace: &Workspace, profile: Profile, strangers: &mut Strangers) -> Outcome {
    let server = fixture::build(workspace, profile, "conformance_server")?;
    let clients = [("typescript", typescript(workspace)?), ("python", python(workspace, "tests/strangers/python")?)];
    for (language, client) in &clients {
        for era in ["legacy", "modern"] {
            let mut command = client();
            command.args(["--era", era, "--stdio"]).arg(&server).arg("--stdio");
            strangers.drive(&format!("{language}-{era}-stdio"), &mut command)?;

            let name = format!("{language}-{era}-http");
            let running = Server::start(&server, &strangers.log(&format!("{name}.server")))?;
            strangers.drive(&name, client().args(["--era", era, "--http", &running.url]))?;
        }
        let name = format!("{language}-legacy-sse");
        let running = start_sse(&server, &strangers.log(&format!("{name}.server")))?;
        strangers.drive(&name, client().args(["--era", "legacy", "--sse", &running.url]))?;
    }
    Ok(())
}

/// Starts the server with the binding of the first revision.
pub(super) fn start_sse(server: &Path, log: &Path) -> Outcome<Server> {
    let address = fixture::free_address()?;
    let mut command = Command::new(server);
    command.args(["--sse", &address.to_string()]);
    let mut running = Server::spawn(command, address, log)?;
    running.url = running.url.replace("/mcp", "/sse");
    Ok(running)
}

pub(super) fn typescript(workspace: &Workspace) -> Outcome<Program> {
    typescript_script(workspace, "tests/strangers/typescript", "main.mjs")
}
