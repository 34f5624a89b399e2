//! A server in a process of its own, spoken to over its standard streams.

use std::process::{ExitStatus, Stdio};

use tokio::process::{Child as Process, Command};

use crate::client::{Client, PATIENCE};

/// A server in a process of its own.
pub struct Child {
    /// The way to talk to it.
    pub client: Client,
    process: Process,
}

impl Child {
    /// Starts a program; what it writes to standard error is dropped.
    pub fn start(program: &str) -> Self {
        Self::spawn(Command::new(program).stderr(Stdio::null()))
    }

    /// Starts a program as the command says, with its standard input and output connected.
    pub fn spawn(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().unwrap();
        let (stdin, stdout) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        Self { client: Client::over(stdout, stdin), process }
    }

    /// Asks it to end, as a terminal or a supervisor does.
    pub fn signal(&self, name: &str) {
        let status = std::process::Command::new("kill").args([&format!("-{name}"), &self.id().to_string()]).status();
        assert!(status.unwrap().success());
    }

    /// Returns its standard error, if it was connected.
    pub fn stderr(&mut self) -> tokio::process::ChildStderr {
        self.process.stderr.take().expect("standard error is piped")
    }

    /// Returns its process id.
    pub fn id(&self) -> u32 {
        self.process.id().expect("it has not been waited for")
    }

    /// Waits for it to end.
    pub async fn wait(&mut self) -> ExitStatus {
        tokio::time::timeout(PATIENCE, self.process.wait()).await.expect("it ends in time").unwrap()
    }

    /// Returns how much memory it holds, in KiB; none where the system does not say.
    pub fn resident_kib(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).ok()?;
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix("kB")?.trim().parse().ok())
    }
}
