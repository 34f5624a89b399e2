//! Servers that are started as child processes.
//!
//! A child has a process group of its own, so that whatever it starts ends with it: its standard input is closed, then
//! the group is told to terminate, then it is killed. Dropping the client kills at once.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStderr};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use turbomcp_transport::codec::LineDecoder;
use turbomcp_transport::lines::Lines;

use crate::Error;
use crate::builder::Settings;
use crate::exchange::{BoxFuture, Exchange};
use crate::inbox::Inbox;
use crate::stream::{Keep, StreamLink};
use crate::sync::{Either, either, lock};
use crate::target::{Connector, IntoTarget, Ready, Target};

/// What of this process's environment a child gets, beside what is set for it.
const INHERITED: &[&str] = if cfg!(windows) {
    &[
        "APPDATA",
        "HOMEDRIVE",
        "HOMEPATH",
        "LOCALAPPDATA",
        "PATH",
        "PATHEXT",
        "PROCESSOR_ARCHITECTURE",
        "SYSTEMDRIVE",
        "SYSTEMROOT",
        "TEMP",
        "TMP",
        "USERNAME",
        "USERPROFILE",
    ]
} else {
    &["HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "TZ", "USER"]
};

/// How much of one line of a child's standard error is kept.
const STDERR_LINE: usize = 8 << 10;

/// How long what a child has written is still read after it has ended, in case something else holds the pipe open.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// The command that starts a server, which is spoken to over its standard input and output.
///
/// No shell is involved. The child sees only a short list of this process's environment variables (`PATH`, `HOME` and
/// the like) and those that are set here, so that secrets of the host do not reach it unasked.
///
/// ```no_run
/// use turbomcp_client::{Client, Command};
///
/// # async fn run() -> Result<(), turbomcp_client::Error> {
/// let command = Command::new("notes-server").arg("--root").arg("/srv/notes").env("NOTES_TOKEN", "…");
/// let client = Client::connect(command).await?;
/// # drop(client);
/// # Ok(())
/// # }
/// ```
///
/// # Specification
///
/// [stdio](https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/stdio)
#[derive(Clone)]
#[must_use]
pub struct Command {
    program: OsString,
    arguments: Vec<OsString>,
    environment: BTreeMap<OsString, OsString>,
    inherited: Inherited,
    directory: Option<PathBuf>,
    patience: Duration,
}

#[derive(Debug, Clone)]
enum Inherited {
    Listed(Vec<OsString>),
    Everything,
}

impl Command {
    /// Creates a command from a program.
    pub fn new(program: impl Into<OsString>) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            environment: BTreeMap::new(),
            inherited: Inherited::Listed(INHERITED.iter().map(OsString::from).collect()),
            directory: None,
            patience: Duration::from_secs(2),
        }
    }

    /// Reads a command line: words between white space, where quotes hold words together and a backslash takes the next
    /// character as it is. Nothing else is special, because there is no shell.
    ///
    /// # Errors
    ///
    /// `is_connect()` if there is no word, or a quote is left open.
    pub fn parse(line: &str) -> Result<Self, Error> {
        let mut words = split(line).ok_or_else(|| Error::connect("a quote in the command line is left open"))?;
        if words.is_empty() {
            return Err(Error::connect("the command line is empty"));
        }
        let program = words.remove(0);
        Ok(Self::new(program).args(words))
    }

    /// Adds an argument.
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Adds arguments.
    pub fn args<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Sets an environment variable of the child.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.insert(name.into(), value.into());
        self
    }

    /// Lets the child have this variable of this process too, if it is set.
    pub fn inherit_env(mut self, name: impl Into<OsString>) -> Self {
        if let Inherited::Listed(names) = &mut self.inherited {
            names.push(name.into());
        }
        self
    }

    /// Lets the child have every variable of this process.
    pub fn inherit_all_env(mut self) -> Self {
        self.inherited = Inherited::Everything;
        self
    }

    /// Sets the child's working directory. This process's, unless set.
    pub fn current_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// Sets how long the child may take to end: after its input has ended, and again after it was told to terminate.
    /// 2 s unless set.
    pub fn shutdown_timeout(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    fn spawn(&self) -> Result<Child, Error> {
        let mut command = tokio::process::Command::new(&self.program);
        command.args(&self.arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.kill_on_drop(true);
        if let Inherited::Listed(names) = &self.inherited {
            command.env_clear();
            command.envs(names.iter().filter_map(|name| std::env::var_os(name).map(|value| (name, value))));
        }
        command.envs(&self.environment);
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        #[cfg(unix)]
        command.process_group(0);
        command.spawn().map_err(|error| {
            Error::connect(format!("{} cannot be started", self.program.to_string_lossy())).with_source(error)
        })
    }

    fn name(&self) -> String {
        let path = std::path::Path::new(&self.program);
        path.file_name().unwrap_or(self.program.as_ref()).to_string_lossy().into_owned()
    }
}

impl fmt::Debug for Command {
    /// Leaves out the values of environment variables, which are where secrets are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Command")
            .field("program", &self.program)
            .field("arguments", &self.arguments)
            .field("environment", &self.environment.keys().collect::<Vec<&OsString>>())
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

impl IntoTarget<Ready> for Command {
    fn into_target(self) -> Result<Target, Error> {
        Ok(Target::new(self))
    }
}

impl IntoTarget<Ready> for &Command {
    fn into_target(self) -> Result<Target, Error> {
        self.clone().into_target()
    }
}

impl Connector for Command {
    fn open<'a>(
        &'a mut self,
        inbox: Arc<Inbox>,
        settings: &'a Settings,
    ) -> BoxFuture<'a, Result<Arc<dyn Exchange>, Error>> {
        Box::pin(async move {
            let mut child = self.spawn()?;
            let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
                return Err(Error::connect("the pipes to the process are missing"));
            };
            let stderr = child.stderr.take().map(|stderr| tokio::spawn(log(stderr, self.name())));
            let keep = Keeper::start(child, stderr, self.patience, inbox.clone());
            let transport = Lines::new(output, input).max_message_bytes(settings.max_message_bytes);
            Ok(StreamLink::start(transport, inbox, Some(Box::new(keep))) as Arc<dyn Exchange>)
        })
    }

    fn can_reopen(&self) -> bool {
        true
    }
}

/// What is known of a child.
#[derive(Debug, Clone)]
enum Life {
    Runs,
    Ended(String),
    Over,
}

/// Owns a child for as long as its connection lasts.
struct Keeper {
    group: Group,
    shutting: Arc<Notify>,
    life: watch::Receiver<Life>,
    task: Mutex<Option<JoinHandle<()>>>,
    stderr: Mutex<Option<JoinHandle<()>>>,
}

impl Keeper {
    fn start(child: Child, stderr: Option<JoinHandle<()>>, patience: Duration, inbox: Arc<Inbox>) -> Self {
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
async fn log(mut stderr: ChildStderr, name: String) {
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

/// Splits a command line into words; none if a quote is left open.
fn split(line: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut rest = line.chars();
    while let Some(char) = rest.next() {
        match (quote, char) {
            (Some(open), _) if char == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(char);
                word.get_or_insert_default();
            }
            (None, _) if char.is_whitespace() => words.extend(word.take()),
            // Paths of Windows are full of backslashes, and single quotes take everything as it is.
            (None | Some('"'), '\\') if cfg!(not(windows)) => {
                word.get_or_insert_default().extend(rest.next());
            }
            _ => word.get_or_insert_default().push(char),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, words: &[&str]) {
        assert_eq!(split(line).unwrap(), words);
    }

    #[test]
    fn splits_a_command_line_into_words() {
        check("a b  c", &["a", "b", "c"]);
        check(" 'a b' \"c d\" e\\ f ", &["a b", "c d", "e f"]);
        check("a'b'\"c\" ''", &["abc", ""]);
        check("x '\\' \"\\\"\"", &["x", "\\", "\""]);
        assert_eq!(split("'open"), None);
        assert!(Command::parse("  ").is_err());
    }

    #[test]
    fn what_is_special_to_a_shell_is_text() {
        check("echo $HOME;ls|cat>x `id` $(id) *", &["echo", "$HOME;ls|cat>x", "`id`", "$(id)", "*"]);
    }

    #[test]
    fn secrets_in_the_environment_are_not_shown() {
        assert!(!format!("{:?}", Command::new("x").env("TOKEN", "hunter2")).contains("hunter2"));
    }
}
