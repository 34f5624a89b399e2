//! The examples, each as a program of its own with an engine of its own.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::json;
use turbomcp_tests::{Http, PATIENCE, Request, engines};

/// An example that runs.
pub(crate) struct Program {
    child: Child,
    pub(crate) address: SocketAddr,
}

/// Returns where an example is.
pub(crate) fn path(name: &str) -> PathBuf {
    let folder = std::env::var_os("TURBOMCP_EXAMPLES").expect("`cargo xtask stores` builds the examples");
    PathBuf::from(folder).join(name)
}

impl Program {
    pub(crate) async fn start(name: &str, store: &str) -> Self {
        Self::start_with(name, &[store]).await
    }

    pub(crate) async fn start_with(name: &str, arguments: &[&str]) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = Command::new(path(name));
        command.arg(address.to_string()).args(arguments).stdin(Stdio::null()).stderr(Stdio::piped());
        let program = Self { child: command.spawn().unwrap(), address };
        let listens = async {
            while tokio::net::TcpStream::connect(address).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, listens).await.expect("it listens");
        program
    }

    /// Ends it as a supervisor does, and returns what it has said.
    fn end(&mut self) -> Vec<String> {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
        BufReader::new(self.child.stderr.take().unwrap()).lines().map(Result::unwrap).collect()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) async fn called(client: &Http, tool: &str) -> String {
    let answer = client.call("tools/call", json!({"name": tool, "arguments": {}})).await;
    answer["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

#[tokio::test]
async fn redis_sessions_are_served_by_every_replica() {
    let url = engines::Redis::shared().url();
    let (mut one, other) = (Program::start("redis_sessions", &url).await, Program::start("redis_sessions", &url).await);
    let mut client = Http::at(one.address);
    client.initialize("2025-11-25", json!({})).await;
    assert_eq!(called(&client, "who").await, format!("test is answered by {}", one.address));
    one.end();
    let mut there = Http::at(other.address);
    there.session = client.session.clone();
    assert_eq!(called(&there, "who").await, format!("test is answered by {}", other.address));
}

#[tokio::test]
async fn postgres_sessions_outlive_the_program_that_says_what_was_done() {
    let url = engines::Postgres::shared().url();
    let mut program = Program::start("postgres_sessions", &url).await;
    let mut client = Http::at(program.address);
    client.initialize("2025-11-25", json!({})).await;
    assert_eq!(called(&client, "greet").await, "Hello, test!");
    assert_eq!(client.send(Request::get().path("/health/ready")).await.status, 200);
    let said = program.end();
    assert_eq!(said[0], "1 sessions were opened, 0 have expired", "{said:?}");
    assert!(said.iter().any(|line| line.starts_with("tools/call: 1 requests, 0 errors, ")), "{said:?}");
    let again = Program::start("postgres_sessions", &url).await;
    let mut later = Http::at(again.address);
    later.session = client.session.clone();
    assert_eq!(called(&later, "greet").await, "Hello, test!");
}
