//! Child processes: run to their end, or ended by their id.

use std::{
    io::Write,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use crate::Outcome;

const GRACE: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(20);

// Ends the process $1 unless it is told that this was done. It reads end of file when the process that started it has
// died, in whatever way; a Ctrl-C, which every process of the terminal gets, must not end it before that.
const WATCHER: &str = r#"trap '' INT TERM HUP; read -r word; [ "$word" = ended ] || kill "$1" 2>/dev/null"#;

/// Runs a command whose output the user sees, and fails unless it succeeds.
pub(crate) fn run(command: &mut Command) -> Outcome {
    println!("$ {}", shown(command));
    let status = command.stdin(Stdio::null()).status().map_err(|error| format!("{}: {error}", shown(command)))?;
    if status.success() { Ok(()) } else { Err(format!("{}: {status}", shown(command)).into()) }
}

/// Runs a command and returns what it printed on stdout.
pub(crate) fn read(command: &mut Command) -> Outcome<String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("{}: {error}", shown(command)))?;
    if !output.status.success() {
        return Err(format!("{}: {}", shown(command), output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Returns the same command with no network but a loopback interface of its own, where the system lets anybody ask for
/// that: for programs that listen on every interface.
pub(crate) fn without_network(command: Command) -> Command {
    const SCRIPT: &str = r#"ip link set lo up && exec "$@""#;
    let mut attempt = Command::new("unshare");
    attempt.args(["-rn", "sh", "-c", SCRIPT, "sh", "true"]).stdout(Stdio::null()).stderr(Stdio::null());
    if !attempt.status().is_ok_and(|status| status.success()) {
        return command;
    }
    let mut isolated = Command::new("unshare");
    isolated.args(["-rn", "sh", "-c", SCRIPT, "sh"]).arg(command.get_program()).args(command.get_args());
    isolated
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// A child that does not outlive this program, nor the value.
pub(crate) struct Guarded {
    child: Child,
    watcher: Child,
    name: String,
}

impl Guarded {
    pub(crate) fn spawn(command: &mut Command) -> Outcome<Self> {
        let name = shown(command);
        let mut child = command.stdin(Stdio::null()).spawn().map_err(|error| format!("{name}: {error}"))?;
        let mut watcher = Command::new("sh");
        watcher.args(["-c", WATCHER, "sh", &child.id().to_string()]).stdin(Stdio::piped());
        match watcher.spawn() {
            Ok(watcher) => Ok(Self { child, watcher, name }),
            Err(error) => {
                child.kill()?;
                child.wait()?;
                Err(format!("sh: {error}").into())
            }
        }
    }

    /// Waits for the child to end by itself, and ends it when the time is over.
    pub(crate) fn wait(mut self, limit: Duration) -> Outcome<ExitStatus> {
        match poll(&mut self.child, limit)? {
            Some(status) => Ok(status),
            None => Err(format!("{}: not over after {} s", self.name, limit.as_secs()).into()),
        }
    }

    /// Returns how the child ended, if it has.
    pub(crate) fn ended(&mut self) -> Outcome<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    fn end(&mut self) -> Outcome {
        if self.child.try_wait()?.is_none() {
            // The standard library can only send SIGKILL.
            let id = self.child.id().to_string();
            Command::new("sh").args(["-c", r#"kill "$1""#, "sh", &id]).status()?;
            if poll(&mut self.child, GRACE)?.is_none() {
                self.child.kill()?;
                self.child.wait()?;
            }
        }
        if let Some(mut word) = self.watcher.stdin.take() {
            word.write_all(b"ended\n")?;
        }
        self.watcher.wait()?;
        Ok(())
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            eprintln!("{}: {error}", self.name);
        }
    }
}

fn poll(child: &mut Child, limit: Duration) -> Outcome<Option<ExitStatus>> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if started.elapsed() > limit {
            return Ok(None);
        }
        std::thread::sleep(POLL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_how_a_child_ended() {
        let child = Guarded::spawn(Command::new("sh").args(["-c", "exit 3"])).unwrap();
        assert_eq!(child.wait(Duration::from_secs(5)).unwrap().code(), Some(3));
    }

    #[test]
    fn ends_a_child_whose_time_is_over() {
        let started = Instant::now();
        let child = Guarded::spawn(Command::new("sleep").arg("60")).unwrap();
        assert!(child.wait(Duration::from_millis(50)).is_err());
        assert!(started.elapsed() < GRACE);
    }

    #[test]
    fn fails_with_the_command_that_failed() {
        let error = run(Command::new("sh").args(["-c", "exit 1"])).unwrap_err();
        assert!(error.to_string().starts_with("sh -c exit 1: "), "{error}");
    }
}
