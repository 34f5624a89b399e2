//! The command that starts a server as a child process.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::process::Child;
use turbomcp_transport::lines::Lines;

use crate::Error;
use crate::builder::Settings;
use crate::child::{Keeper, log};
use crate::exchange::{BoxFuture, Exchange};
use crate::inbox::Inbox;
use crate::stream::StreamLink;
use crate::target::{Connector, IntoTarget, Ready, Target};
use turbomcp_transport::metrics::Binding;

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

    fn counted_as(&self) -> Binding {
        Binding::Stdio
    }

    fn can_reopen(&self) -> bool {
        true
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
