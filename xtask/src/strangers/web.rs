//! What reaches our server in a roundabout way: pages in a browser, and `mcp-remote`, which hosts that start processes put
//! in front of a URL.

use std::{path::Path, process::Command};

use super::{Strangers, clients, program};
use crate::{
    Outcome,
    fixture::{self, Profile, Server},
    process, tools,
    workspace::Workspace,
};

pub(super) fn run(workspace: &Workspace, profile: Profile, strangers: &mut Strangers) -> Outcome {
    let node = tools::node(workspace)?;
    let folder = tools::npm(workspace, "tests/strangers/web")?;
    remote(workspace, profile, strangers, &node, &folder)?;
    browser(workspace, strangers, &node, &folder)?;
    dashboard(workspace, profile, strangers, None)
}

/// Looks at the dashboard of an example, and takes pictures of it if there is a folder for them.
pub(super) fn dashboard(
    workspace: &Workspace,
    profile: Profile,
    strangers: &mut Strangers,
    pictures: Option<&Path>,
) -> Outcome {
    let (node, chromium) = (tools::node(workspace)?, tools::chromium()?);
    let folder = tools::npm(workspace, "tests/strangers/web")?;
    let program_path = fixture::build(workspace, profile, "dashboard")?;
    let (served, shown) = (fixture::free_address()?, fixture::free_address()?);
    let mut command = Command::new(program_path);
    command.args([served.to_string(), shown.to_string()]);
    let _running = Server::spawn(command, shown, &strangers.log("dashboard.server"))?;
    let mut command = program(&node, &[&folder.join("dashboard.mjs"), &chromium]);
    command.arg(format!("http://{shown}/")).args(pictures);
    strangers.drive("dashboard", &mut command)
}

fn remote(workspace: &Workspace, profile: Profile, strangers: &mut Strangers, node: &Path, folder: &Path) -> Outcome {
    let server = fixture::build(workspace, profile, "conformance_server")?;
    let client = clients::typescript(workspace)?;
    for binding in ["http", "sse"] {
        let name = format!("mcp-remote-{binding}");
        let log = strangers.log(&format!("{name}.server"));
        let running = if binding == "sse" { clients::start_sse(&server, &log)? } else { Server::start(&server, &log)? };
        let mut command = client();
        command.args(["--era", "legacy", "--stdio"]).arg(node);
        command.arg(folder.join("node_modules/mcp-remote/dist/proxy.js"));
        command.args([&running.url, "--transport", &format!("{binding}-only")]);
        command.env("MCP_REMOTE_CONFIG_DIR", strangers.output.join("mcp-remote"));
        strangers.drive(&name, &mut command)?;
    }
    Ok(())
}

/// Has pages of two origins use two servers, of which one allows the one.
fn browser(workspace: &Workspace, strangers: &mut Strangers, node: &Path, folder: &Path) -> Outcome {
    let chromium = tools::chromium()?;
    process::run(&mut workspace.cargo(&["build", "--workspace", "--all-features", "--bin", "fixture-server"]))?;
    let fixture = workspace.target.join("debug/fixture-server");
    let pages = fixture::free_address()?.port().to_string();
    let start = |name: &str, origins: &[&str]| {
        let address = fixture::free_address()?;
        let mut command = Command::new(&fixture);
        command.args(["--web", &address.to_string()]).args(origins);
        let running = Server::spawn(command, address, &strangers.log(&format!("browser.{name}")))?;
        Ok::<_, Box<dyn std::error::Error>>((address.to_string(), running))
    };
    let (open, _open) = start("open", &[&format!("http://allowed.example:{pages}")])?;
    let (closed, _closed) = start("closed", &[])?;
    let mut command = program(node, &[&folder.join("browser.mjs"), &chromium]);
    strangers.drive("browser", command.args([pages, open, closed]))
}
