//! An example in a process of its own, and a client of the simplest kind for it.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::Once;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{env, fs};

use serde_json::{Value, json};

/// How long an answer may take before a test fails.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How a client speaks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Era {
    Legacy,
    Modern,
}

pub const ERAS: [Era; 2] = [Era::Legacy, Era::Modern];

/// A running example, with a client at its standard streams. Whatever it writes to standard output must be a message.
pub struct Example {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    errors: Option<JoinHandle<String>>,
    era: Era,
    capabilities: Value,
    last_id: i64,
}

impl Example {
    /// Starts an example and connects to it.
    pub fn start(name: &str, era: Era) -> Self {
        Self::start_with(name, era, json!({}))
    }

    /// Starts an example and connects to it as a client with these capabilities.
    pub fn start_with(name: &str, era: Era, capabilities: Value) -> Self {
        let mut command = Command::new(path_of(name));
        // Most examples have no other binding and take no arguments.
        command.arg("--stdio");
        Self::start_by(command, era, capabilities)
    }

    /// Starts an example by a command of its own, and connects to it.
    pub fn start_by(mut command: Command, era: Era, capabilities: Value) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (sender, lines) = channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut errors = child.stderr.take().unwrap();
        let errors = thread::spawn(move || {
            let mut text = String::new();
            let _ = errors.read_to_string(&mut text);
            text
        });
        let input = child.stdin.take();
        let mut example = Self { child, input, lines, errors: Some(errors), era, capabilities, last_id: 0 };
        if era == Era::Legacy {
            example.initialize();
        }
        example
    }

    fn initialize(&mut self) {
        let params = json!({"protocolVersion": "2025-11-25", "capabilities": self.capabilities,
            "clientInfo": {"name": "test", "version": "0"}});
        let id = self.send("initialize", params);
        let answer = self.next();
        assert_eq!(
            (&answer["id"], &answer["result"]["protocolVersion"]),
            (&json!(id), &json!("2025-11-25")),
            "{answer}"
        );
        self.write(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
    }

    /// Writes a message.
    pub fn write(&mut self, message: &Value) {
        writeln!(self.input.as_mut().unwrap(), "{message}").unwrap();
    }

    /// Sends a request and returns its id.
    pub fn send(&mut self, method: &str, mut params: Value) -> i64 {
        if self.era == Era::Modern {
            let meta = params.as_object_mut().unwrap().entry("_meta").or_insert_with(|| json!({}));
            meta["io.modelcontextprotocol/protocolVersion"] = json!("2026-07-28");
            meta["io.modelcontextprotocol/clientInfo"] = json!({"name": "test", "version": "0"});
            meta["io.modelcontextprotocol/clientCapabilities"] = self.capabilities.clone();
        }
        self.last_id += 1;
        self.write(&json!({"jsonrpc": "2.0", "id": self.last_id, "method": method, "params": params}));
        self.last_id
    }

    /// Waits for the next message.
    pub fn next(&mut self) -> Value {
        let line = self.lines.recv_timeout(PATIENCE).expect("a message in time");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error} on standard output: {line}"))
    }

    /// Sends a request and returns its result; no other message may come first.
    #[track_caller]
    pub fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.send(method, params);
        let mut answer = self.next();
        assert_eq!(answer["id"], id, "{answer}");
        assert!(answer["error"].is_null(), "{answer}");
        answer["result"].take()
    }

    /// Sends a request and returns the code of its error.
    #[track_caller]
    pub fn refused(&mut self, method: &str, params: Value) -> i64 {
        let id = self.send(method, params);
        let answer = self.next();
        assert_eq!(answer["id"], id, "{answer}");
        answer["error"]["code"].as_i64().unwrap_or_else(|| panic!("not refused: {answer}"))
    }

    /// Calls a tool and returns its result.
    #[track_caller]
    pub fn call(&mut self, tool: &str, arguments: Value) -> Value {
        self.ask("tools/call", json!({"name": tool, "arguments": arguments}))
    }

    /// Calls a tool that succeeds and returns the text it answers with.
    #[track_caller]
    pub fn text(&mut self, tool: &str, arguments: Value) -> String {
        let result = self.call(tool, arguments);
        assert_ne!(result["isError"], true, "{result}");
        text_of(&result)
    }

    /// Calls a tool that asks one question, answers it, and returns the question's params and the text of the result.
    #[track_caller]
    pub fn answer(&mut self, tool: &str, method: &str, answer: &Value) -> (Value, String) {
        let (questions, text) = self.answers(tool, &[(method, answer.clone())]);
        (questions.into_iter().next().unwrap(), text)
    }

    /// Calls a tool that asks several questions, one after the other.
    #[track_caller]
    pub fn answers(&mut self, tool: &str, answers: &[(&str, Value)]) -> (Vec<Value>, String) {
        let (questions, answer) = self.rounds(tool, answers);
        assert_ne!(answer["result"]["isError"], true, "{answer}");
        (questions, text_of(&answer["result"]))
    }

    /// Calls a tool that asks one question, gives an answer that is refused, and returns the code of the error.
    #[track_caller]
    pub fn refused_after(&mut self, tool: &str, method: &str, answer: &Value) -> i64 {
        let (_, answer) = self.rounds(tool, &[(method, answer.clone())]);
        answer["error"]["code"].as_i64().unwrap_or_else(|| panic!("not refused: {answer}"))
    }

    /// Returns the params of the questions, and the response to the call.
    #[track_caller]
    fn rounds(&mut self, tool: &str, answers: &[(&str, Value)]) -> (Vec<Value>, Value) {
        let mut questions = Vec::new();
        let mut id = self.send("tools/call", json!({"name": tool, "arguments": {}}));
        for (method, answer) in answers {
            let mut asked = self.next();
            if self.era == Era::Legacy {
                assert_eq!(asked["method"], *method, "{asked}");
                questions.push(asked["params"].take());
                self.write(&json!({"jsonrpc": "2.0", "id": asked["id"], "result": answer}));
                continue;
            }
            assert_eq!(asked["result"]["resultType"], "input_required", "{asked}");
            let (key, question) = asked["result"]["inputRequests"].as_object().unwrap().iter().next().unwrap();
            assert_eq!(question["method"], *method, "{asked}");
            questions.push(question["params"].clone());
            let params = json!({
                "name": tool,
                "arguments": {},
                "requestState": asked["result"]["requestState"],
                "inputResponses": {key: answer},
            });
            id = self.send("tools/call", params);
        }
        let answer = self.next();
        assert_eq!(answer["id"], id, "{answer}");
        (questions, answer)
    }

    /// Asks the process to end, as a service manager does.
    pub fn terminate(&self) {
        signal(&self.child, "TERM");
    }

    /// Ends the input.
    pub fn end_input(&mut self) {
        self.input = None;
    }

    /// Waits for the process to end; returns how it ended, what messages it still sent, and its standard error.
    pub fn wait(mut self) -> (ExitStatus, Vec<Value>, String) {
        let started = Instant::now();
        let mut rest = Vec::new();
        loop {
            match self.lines.recv_timeout(PATIENCE.saturating_sub(started.elapsed())) {
                Ok(line) => rest.push(serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("the example does not end"),
            }
        }
        let status = self.child.wait().unwrap();
        (status, rest, self.errors.take().unwrap().join().unwrap())
    }

    /// Ends the input and checks that the process ends well, without another word.
    #[track_caller]
    pub fn end(mut self) {
        self.end_input();
        let (status, rest, _) = self.wait();
        assert!(status.success() && rest.is_empty(), "{status}: {rest:?}");
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Sends a signal to a process; the standard library can only kill it.
pub fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    let status = Command::new("sh").args(["-c", r#"kill -s "$1" "$2""#, "sh", name, &id]).status().unwrap();
    assert!(status.success());
}

/// Returns the text of a result's first block.
pub fn text_of(result: &Value) -> String {
    result["content"][0]["text"].as_str().unwrap_or_else(|| panic!("no text: {result}")).to_owned()
}

/// Returns the program of an example, which `cargo test` has built; `cargo test --test conversations` has not.
pub fn path_of(name: &str) -> PathBuf {
    static BUILT: Once = Once::new();
    let test = env::current_exe().unwrap();
    let folder = test.parent().and_then(Path::parent).unwrap().join("examples");
    let program = folder.join(name).with_extension(env::consts::EXE_EXTENSION);
    if !is_fresh(&program) {
        BUILT.call_once(build);
    }
    program
}

fn build() {
    // The features of the whole workspace, so that what `cargo test` has built is used again.
    let mut build = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build.args(["build", "--workspace", "--all-features", "--examples"]);
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    assert!(build.current_dir(env!("CARGO_MANIFEST_DIR")).status().unwrap().success());
}

/// Returns true if a program is younger than its sources, which cargo lists beside it.
fn is_fresh(program: &Path) -> bool {
    let modified = |path: &Path| fs::metadata(path).and_then(|data| data.modified()).ok();
    let Some(built) = modified(program) else { return false };
    let Ok(list) = fs::read_to_string(program.with_extension("d")) else { return false };
    let sources = list.split_once(": ").map_or("", |(_, sources)| sources).replace("\\ ", "\0");
    sources
        .split_whitespace()
        .all(|source| modified(Path::new(&source.replace('\0', " "))).is_some_and(|changed| changed <= built))
}
