//! Servers that run as child processes.
//!
//! A child has a process group of its own, so that whatever it starts ends with it: its standard input is closed, then
//! the group is told to terminate, then it is killed. Dropping the client kills at once.

use std::process::ExitStatus;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStderr};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use turbomcp_transport::codec::LineDecoder;

use crate::exchange::BoxFuture;
use crate::inbox::Inbox;
use crate::stream::Keep;
use crate::sync::{Either, either, lock};

/// How much of one line of a child's standard error is kept.
const STDERR_LINE: usize = 8 << 10;

/// How long what a child has written is still read after it has ended, in case something else holds the pipe open.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// What is known of a child.
#[derive(Debug, Clone)]
enum Life {
    Runs,
    Ended(String),
    Over,
}

/// Owns a child for as long as its connection lasts.
pub(crate) struct Keeper {
    group: Group,
    shutting: Arc<Notify>,
    life: watch::Receiver<Life>,
    task: Mutex<Option<JoinHandle<()>>>,
    stderr: Mutex<Option<JoinHandle<()>>>,
}

impl Keeper {
    pub(crate) fn start(child: Child, stderr: Option<JoinHandle<()>>, patience: Duration, inbox: Arc<Inbox>) -> Self {
        let group = Group::of(&child);
        let shutting = Arc::new(Notify::new());
        let (sender, life) = watch::channel(Life::Runs);
        let task = tokio::spawn({
            let (group, shutting) = (group.clone(), shutting.clone());
            async move {
                watch_over(child, &group, &shutting, patience, &inbox, &sender).await;
                let _ = sender.send(Life::Over);
            }
        });
        Self { group, shutting, life, task: Mutex::new(Some(task)), stderr: Mutex::new(stderr) }
    }
}

/// Waits for a child to end, by itself or because it is told to, and ends what it has left behind.
async fn watch_over(
    mut child: Child,
    group: &Group,
    shutting: &Notify,
    patience: Duration,
    inbox: &Inbox,
    life: &watch::Sender<Life>,
) {
    if let Either::Left(status) = either(child.wait(), shutting.notified()).await {
        // Before the process is forgotten here, its id may not be used for another group.
        group.kill();
        let why = epitaph(status.ok());
        tracing::debug!(why, "a server process ended");
        let _ = life.send(Life::Ended(why.clone()));
        tokio::time::sleep(LAST_WORDS).await;
        inbox.close(&why);
        return;
    }
    if tokio::time::timeout(patience, child.wait()).await.is_err() {
        group.terminate();
        if tokio::time::timeout(patience, child.wait()).await.is_err() {
            tracing::warn!("a server process did not end when it was told to, and is killed");
            group.kill();
            let _ = child.start_kill();
            let _ = child.wait().await;
        }
    }
    group.kill();
}

fn epitaph(status: Option<ExitStatus>) -> String {
    match status {
        Some(status) => format!("the server process ended with {status}"),
        None => "the server process ended".to_owned(),
    }
}

impl Keep for Keeper {
    fn shut(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.shutting.notify_one();
            let mut life = self.life.clone();
            let _ = life.wait_for(|life| matches!(life, Life::Over)).await;
            if let Some(stderr) = lock(&self.stderr).take() {
                stderr.abort();
            }
        })
    }

    fn epitaph(&self) -> BoxFuture<'static, String> {
        let mut life = self.life.clone();
        Box::pin(async move {
            let ended = life.wait_for(|life| !matches!(life, Life::Runs));
            match tokio::time::timeout(LAST_WORDS, ended).await.ok().and_then(Result::ok).as_deref() {
                Some(Life::Ended(why)) => why.clone(),
                _ => "the server closed its output".to_owned(),
            }
        })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.group.kill();
        for task in [&self.task, &self.stderr] {
            if let Some(task) = lock(task).take() {
                task.abort();
            }
        }
    }
}

/// The process group of a child, which ends once.
#[derive(Debug, Clone)]
struct Group {
    #[cfg(unix)]
    leader: Arc<Mutex<Option<nix::unistd::Pid>>>,
}

#[cfg(unix)]
impl Group {
    fn of(child: &Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok()).map(nix::unistd::Pid::from_raw);
        Self { leader: Arc::new(Mutex::new(id)) }
    }

    fn terminate(&self) {
        if let Some(leader) = *lock(&self.leader) {
            let _ = nix::sys::signal::killpg(leader, nix::sys::signal::Signal::SIGTERM);
        }
    }

    /// Kills what is left of the group, and forgets its id, which may belong to another one later.
    fn kill(&self) {
        if let Some(leader) = lock(&self.leader).take() {
            let _ = nix::sys::signal::killpg(leader, nix::sys::signal::Signal::SIGKILL);
        }
    }
}

/// Without process groups, only the child itself is ended, by its handle.
#[cfg(not(unix))]
impl Group {
    fn of(_: &Child) -> Self {
        Self {}
    }

    fn terminate(&self) {}

    fn kill(&self) {}
}

/// Passes on what a child writes to its standard error, which is not a sign of failure.
pub(crate) async fn log(mut stderr: ChildStderr, name: String) {
    let mut decoder = LineDecoder::new(STDERR_LINE);
    loop {
        let read = stderr.read_buf(decoder.buffer()).await;
        loop {
            match decoder.next_line() {
                Ok(Some(line)) => {
                    let line = String::from_utf8_lossy(&line);
                    tracing::info!(target: "turbomcp::server_stderr", server = name, "{line}");
                }
                Ok(None) => break,
                Err(_) => tracing::debug!(server = name, "a line on standard error was too long"),
            }
        }
        if !matches!(read, Ok(1..)) {
            return;
        }
    }
}
