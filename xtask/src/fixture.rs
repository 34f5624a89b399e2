//! What the conformance suite and the strangers drive: `examples/conformance_server` and `examples/conformance_client`.

use std::{
    fs::File,
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use crate::{
    Outcome,
    process::{self, Guarded},
    workspace::Workspace,
};

const START: Duration = Duration::from_secs(20);

#[derive(Clone, Copy)]
pub(crate) enum Profile {
    Dev,
    Release,
}

/// Builds an example and returns its path.
pub(crate) fn build(workspace: &Workspace, profile: Profile, example: &str) -> Outcome<PathBuf> {
    // The features of the whole workspace, so that what `cargo test` has built is used again.
    let mut command = workspace.cargo(&["build", "--workspace", "--all-features", "--example", example]);
    let folder = match profile {
        Profile::Dev => "debug",
        Profile::Release => {
            command.arg("--release");
            "release"
        }
    };
    process::run(&mut command)?;
    Ok(workspace.target.join(folder).join("examples").join(example))
}

/// A server on a free port of the loopback interface, ended when dropped.
pub(crate) struct Server {
    pub(crate) url: String,
    _process: Guarded,
}

impl Server {
    /// Starts the server; what it prints goes to `log`.
    pub(crate) fn start(program: &Path, log: &Path) -> Outcome<Self> {
        let address = free_address()?;
        let mut command = Command::new(program);
        command.args(["--http", &address.to_string()]);
        Self::spawn(command, address, log)
    }

    /// Runs a command that serves at an address; what it prints goes to `log`.
    pub(crate) fn spawn(mut command: Command, address: SocketAddr, log: &Path) -> Outcome<Self> {
        let output = File::create(log)?;
        command.stdout(output.try_clone()?).stderr(output);
        let mut process = Guarded::spawn(&mut command)?;
        let started = Instant::now();
        while TcpStream::connect(address).is_err() {
            if let Some(status) = process.ended()? {
                return Err(format!("the server ended with {status}; see {}", log.display()).into());
            }
            if started.elapsed() > START {
                return Err(format!("the server does not listen on {address}; see {}", log.display()).into());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(Self { url: format!("http://{address}/mcp"), _process: process })
    }
}

/// Returns an address that nobody listens on.
pub(crate) fn free_address() -> Outcome<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
