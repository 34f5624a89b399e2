//! Our client against third-party servers, driven by `tests/strangers/driver`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{Program, Strangers, program, python};
use crate::{
    Outcome,
    fixture::{self, Server},
    process, tools,
    workspace::Workspace,
};

/// Whoever starts the driver has this, and no server may get it.
const SECRET: &str = "STRANGER_SECRET";

pub(super) fn run(workspace: &Workspace, strangers: &mut Strangers) -> Outcome {
    let driver = driver(workspace)?;
    let drive = |offer: &str, era: &str| {
        let mut command = Command::new(&driver);
        command.args([offer, era]).env(SECRET, "hunter2");
        command
    };
    let node = Node::install(workspace)?;
    strangers.drive("everything-stdio", &mut over_stdio(drive("everything", "legacy"), &node.everything("stdio")))?;
    for (binding, path) in [("streamableHttp", "mcp"), ("sse", "sse")] {
        let name = format!("everything-{binding}");
        let address = fixture::free_address()?;
        let mut server = node.everything(binding);
        server.env("PORT", address.port().to_string());
        let running = Server::spawn(server, address, &strangers.log(&format!("{name}.server")))?;
        let url = running.url.replace("/mcp", &format!("/{path}"));
        strangers.drive(&name, drive("everything", "legacy").args(["--http", &url]))?;
    }
    let folder = fresh(&strangers.output.join("filesystem"))?;
    let mut filesystem = node.server("server-filesystem");
    filesystem.arg(folder);
    strangers.drive("filesystem-stdio", &mut over_stdio(drive("filesystem", "legacy"), &filesystem))?;
    let graph = fresh(&strangers.output.join("memory"))?.join("graph.jsonl");
    let mut memory = Command::new("env");
    memory.arg(format!("MEMORY_FILE_PATH={}", graph.display()));
    let server = node.server("server-memory");
    memory.arg(server.get_program()).args(server.get_args());
    strangers.drive("memory-stdio", &mut over_stdio(drive("memory", "legacy"), &memory))?;

    let notes: [(&str, Program, &[&str]); 3] = [
        ("python1", python(workspace, "tests/strangers/servers/python")?, &["legacy"]),
        ("fastmcp", python(workspace, "tests/strangers/servers/fastmcp")?, &["legacy", "modern"]),
        ("rmcp", rmcp(workspace)?, &["legacy", "modern"]),
    ];
    for (sdk, server, eras) in notes {
        for era in eras {
            let mut command = server();
            command.arg("--stdio");
            strangers.drive(&format!("{sdk}-{era}-stdio"), &mut over_stdio(drive("notes", era), &command))?;

            let name = format!("{sdk}-{era}-http");
            let address = fixture::free_address()?;
            let mut command = server();
            command.args(["--http", &address.to_string()]);
            let running = Server::spawn(command, address, &strangers.log(&format!("{name}.server")))?;
            strangers.drive(&name, drive("notes", era).args(["--http", &running.url]))?;
        }
    }
    Ok(())
}

/// Lets the driver start a server itself.
fn over_stdio(mut driver: Command, server: &Command) -> Command {
    driver.arg("--stdio").arg(server.get_program()).args(server.get_args());
    driver
}

/// Builds the program that drives our client.
fn driver(workspace: &Workspace) -> Outcome<PathBuf> {
    // The features of the whole workspace, so that what `cargo test` has built is used again.
    let arguments = ["build", "--workspace", "--all-features", "--bin", "drive-stranger"];
    process::run(&mut workspace.cargo(&arguments))?;
    Ok(workspace.target.join("debug/drive-stranger"))
}

/// Builds the server of the official Rust SDK, which is in no workspace, beside what is built here.
fn rmcp(workspace: &Workspace) -> Outcome<Program> {
    let manifest = workspace.root.join("tests/strangers/servers/rmcp/Cargo.toml");
    let mut command = workspace.cargo(&["build", "--quiet", "--locked", "--manifest-path"]);
    process::run(command.arg(manifest).env("CARGO_TARGET_DIR", &workspace.target))?;
    let server = workspace.target.join("debug/turbomcp-stranger-rmcp");
    Ok(Box::new(move || Command::new(&server)))
}

/// The reference servers, which are written in TypeScript.
struct Node {
    node: PathBuf,
    folder: PathBuf,
}

impl Node {
    fn install(workspace: &Workspace) -> Outcome<Self> {
        let node = tools::node(workspace)?;
        Ok(Self { node, folder: tools::npm(workspace, "tests/strangers/servers/node")? })
    }

    fn server(&self, name: &str) -> Command {
        let script = self.folder.join("node_modules/@modelcontextprotocol").join(name).join("dist/index.js");
        program(&self.node, &[&script])
    }

    fn everything(&self, binding: &str) -> Command {
        let mut command = Command::new(&self.node);
        command.arg("--import").arg(self.folder.join("loopback.mjs"));
        command.args(self.server("server-everything").get_args()).arg(binding);
        command
    }
}

/// Returns an empty folder.
fn fresh(folder: &Path) -> Outcome<PathBuf> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    Ok(folder.to_owned())
}
