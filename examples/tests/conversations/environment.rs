//! The example that is told by its environment how it is reached.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::child::{ERAS, Example, PATIENCE, path_of, signal};
use crate::http::Server;

const NAME: &str = "from_environment";

/// A child that is killed at the latest when the test is over.
pub struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn start(variables: &[(&str, &str)]) -> Running {
    let mut command = Command::new(path_of(NAME));
    command.envs(variables.iter().copied());
    Running(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap())
}

/// Calls the tool over a stream of lines.
fn greet(mut stream: impl Read + Write) {
    let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {}});
    let params = json!({"name": "hello", "arguments": {"name": "Ada"}, "_meta": meta});
    writeln!(stream, "{}", json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})).unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    let answer: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(answer["result"]["content"][0]["text"], "Hello, Ada!", "{answer}");
}

/// Connects as soon as somebody listens.
pub fn connected<S>(running: &mut Running, connect: impl Fn() -> std::io::Result<S>) -> S {
    let started = Instant::now();
    loop {
        match connect() {
            Ok(stream) => return stream,
            Err(error) => assert!(started.elapsed() < PATIENCE, "{error}"),
        }
        assert!(running.0.try_wait().unwrap().is_none(), "the example has ended");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Asks the example to end, and checks that it does so well.
pub fn end(mut running: Running) {
    signal(&running.0, "TERM");
    assert_eq!(running.0.wait().unwrap().code(), Some(0));
}

pub fn free_port() -> String {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// Returns what the example complains of.
pub fn complaint(variables: &[(&str, &str)]) -> String {
    let mut running = start(variables);
    let mut text = String::new();
    running.0.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(running.0.wait().unwrap().code(), Some(1), "{text}");
    text
}

#[test]
fn from_environment_serves_its_standard_streams_unless_it_is_told_otherwise() {
    for era in ERAS {
        let mut hello = Example::start(NAME, era);
        assert_eq!(hello.text("hello", json!({"name": "Ada"})), "Hello, Ada!");
        hello.end();
    }
}

#[test]
fn from_environment_serves_http() {
    for era in ERAS {
        let mut hello = Server::start_by(NAME, "/mcp", era, |command, address| {
            command.env("TRANSPORT", "http").env("ADDRESS", address.to_string());
        });
        hello.initialize();
        assert_eq!(hello.text("hello", json!({"name": "Ada"}), &[]), "Hello, Ada!");
        hello.end_session();
    }
}

#[test]
fn from_environment_serves_tcp() {
    let address = free_port();
    let mut running = start(&[("TRANSPORT", "tcp"), ("ADDRESS", &address)]);
    greet(connected(&mut running, || std::net::TcpStream::connect(&address)));
    end(running);
}

#[tokio::test(flavor = "multi_thread")]
async fn from_environment_serves_websocket() {
    let address = free_port();
    let mut running = start(&[("TRANSPORT", "websocket"), ("ADDRESS", &address)]);
    drop(connected(&mut running, || std::net::TcpStream::connect(&address)));
    let client = turbomcp::Client::connect(format!("ws://{address}/")).await.unwrap();
    let result = client.call_tool("hello", json!({"name": "Ada"})).await.unwrap();
    assert_eq!(result.content[0].as_text(), Some("Hello, Ada!"));
    client.close().await;
    end(running);
}

#[cfg(unix)]
#[test]
fn from_environment_serves_a_unix_socket() {
    let path = std::env::temp_dir().join(format!("turbomcp-environment-{}.sock", std::process::id()));
    let mut running = start(&[("TRANSPORT", "unix"), ("SOCKET_PATH", path.to_str().unwrap())]);
    greet(connected(&mut running, || std::os::unix::net::UnixStream::connect(&path)));
    end(running);
    assert!(!path.exists());
}

#[test]
fn from_environment_names_the_choices_when_it_does_not_understand() {
    let text = complaint(&[("TRANSPORT", "carrier-pigeon")]);
    for expected in ["carrier-pigeon", "stdio", "http", "tcp"] {
        assert!(text.contains(expected), "{text}");
    }
}
