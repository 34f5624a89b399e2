//! A server in a process of its own that is told of new certificates by a signal.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use serde_json::json;
use turbomcp::client::http::HttpTarget;
use turbomcp::client::{Client, Error, TlsTarget};
use turbomcp::transport::tls::TlsConfig;

use crate::authority::{Authority, Certified};
use crate::site::PATIENCE;

/// The process; it ends with the test.
struct Process(Child);

impl Process {
    fn start(how: &str, port: u16, files: &Certified) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fixture-server"));
        command.arg(how).arg(format!("127.0.0.1:{port}")).arg(&files.certificate).arg(&files.key);
        Self(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").args([format!("-{name}"), self.0.id().to_string()]).status();
        assert!(status.unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn connect(how: &str, port: u16, config: TlsConfig) -> Result<Client, Error> {
    match how {
        "--tls" => Client::connect(TlsTarget::new(format!("localhost:{port}"), config)).await,
        _ => Client::connect(HttpTarget::new(format!("https://localhost:{port}/mcp")).tls(config)).await,
    }
}

/// Connects as soon as that is possible.
async fn connected(how: &str, port: u16, authority: &Authority) -> Client {
    let begun = Instant::now();
    loop {
        match connect(how, port, authority.trusted()).await {
            Ok(client) => return client,
            Err(error) => assert!(begun.elapsed() < PATIENCE, "{error:?}"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

async fn add(client: &Client) -> String {
    let answer = client.call_tool("add", json!({"a": 1, "b": 2})).await.unwrap();
    answer.content[0].as_text().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f181_a_hangup_has_a_running_server_read_its_certificate_again() {
    for how in ["--tls", "--https"] {
        let (old, new) = (Authority::new(), Authority::new());
        let files = old.server("localhost");
        // Free a moment ago; nobody else is given it so soon.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut process = Process::start(how, port, &files);
        let before = connected(how, port, &old).await;
        assert_eq!(add(&before).await, "3");

        new.server("localhost").replace(&files);
        assert!(connect(how, port, new.trusted()).await.is_err(), "nobody has said that there are new files");
        process.signal("HUP");
        let after = connected(how, port, &new).await;
        assert_eq!((add(&before).await, add(&after).await), ("3".to_owned(), "3".to_owned()));
        assert!(connect(how, port, old.trusted()).await.is_err());

        process.signal("TERM");
        let ended = tokio::task::spawn_blocking(move || process.0.wait().unwrap());
        assert!(tokio::time::timeout(PATIENCE, ended).await.unwrap().unwrap().success());
    }
}
