//! The examples over TLS, with certificates of an authority that nobody knows.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use rcgen::{CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::json;
use turbomcp::client::{Client, TlsTarget};
use turbomcp::transport::tls::TlsConfig;

use crate::child::{Era, path_of, signal};
use crate::environment;
use crate::http::Server;

/// A directory with an authority, a server and a client, which goes with the test.
struct Files(PathBuf);

impl Files {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("turbomcp-example-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        let files = Self(path);
        files.certify();
        files
    }

    /// Puts other files in the place of those there are.
    fn certify(&self) {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        std::fs::write(self.path("ca.pem"), authority.pem()).unwrap();
        for name in ["server", "client"] {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
            let certificate = params.signed_by(&key, &authority).unwrap();
            std::fs::write(self.path(&format!("{name}.pem")), certificate.pem()).unwrap();
            std::fs::write(self.path(&format!("{name}.key")), key.serialize_pem()).unwrap();
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).into_os_string().into_string().unwrap()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn serve(files: &Files) -> Server {
    Server::start_by("tls", "/mcp", Era::Modern, |command, address| {
        command.args(["serve", &address.to_string()]);
        command.args(["server.pem", "server.key", "ca.pem"].map(|name| files.path(name)));
    })
}

fn call(server: &Server, files: &Files) -> Output {
    call_by("https", "/mcp", server, files)
}

fn call_by(scheme: &str, path: &str, server: &Server, files: &Files) -> Output {
    let mut command = Command::new(path_of("tls"));
    command.args(["call", &format!("{scheme}://localhost:{}{path}", server.port())]);
    command.args(["client.pem", "client.key", "ca.pem"].map(|name| files.path(name)));
    command.stdin(Stdio::null()).output().unwrap()
}

#[test]
fn tls_shows_a_handler_the_certificate_of_its_client() {
    let files = Files::new("who");
    let server = serve(&files);
    for (scheme, path) in [("https", "/mcp"), ("wss", "/ws")] {
        let output = call_by(scheme, path, &server, &files);
        let printed = String::from_utf8(output.stdout).unwrap();
        let fingerprint = printed.trim().strip_prefix("the certificate ").unwrap_or_else(|| panic!("{printed}"));
        assert!(fingerprint.len() == 64 && fingerprint.bytes().all(|byte| byte.is_ascii_hexdigit()), "{printed}");
    }

    let pinned = |pin: &str| {
        let url = format!("https://localhost:{}/mcp", server.port());
        let mut command = Command::new(path_of("tls"));
        command.args(["call", &url]).arg(files.path("ca.pem")).arg(pin).stdin(Stdio::null());
        command.output().unwrap()
    };
    let wrong = pinned(&format!("sha256:{}", "0".repeat(64)));
    let error = String::from_utf8_lossy(&wrong.stderr).into_owned();
    // The error says what the pin would have to be.
    let right = error.split_once("the certificate (").and_then(|(_, rest)| rest.split_once(')')).unwrap_or_default().0;
    assert!(!wrong.status.success() && right.starts_with("sha256:"), "{error}");
    assert!(pinned(right).status.success());

    let other = Files::new("other");
    let output = call(&server, &other);
    assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("invalid peer certificate"), "{output:?}");
}

#[cfg(unix)]
#[test]
fn tls_reads_its_certificate_again_at_a_hangup() {
    let files = Files::new("hangup");
    let server = serve(&files);
    assert!(call(&server, &files).status.success());
    files.certify();
    assert!(!call(&server, &files).status.success(), "nobody has said that there are new files");
    signal(server.process(), "HUP");
    // The signal arrives in its own time.
    let started = std::time::Instant::now();
    while !call(&server, &files).status.success() {
        assert!(started.elapsed() < crate::child::PATIENCE);
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(server.end_by("TERM").code(), Some(0));
}

async fn greet(address: &str, authority: &Path) {
    let target = TlsTarget::new(address, TlsConfig::default().with_ca_bundle(authority));
    let client = Client::connect(target).await.unwrap();
    let answer = client.call_tool("hello", json!({"name": "Ada"})).await.unwrap();
    assert_eq!(answer.content[0].as_text(), Some("Hello, Ada!"));
}

#[cfg(unix)]
#[tokio::test]
async fn from_environment_serves_tls() {
    let files = Files::new("environment");
    let address = environment::free_port();
    let variables = [
        ("TRANSPORT", "tls"),
        ("ADDRESS", &address),
        ("TLS_CERT", &files.text("server.pem")),
        ("TLS_KEY", &files.text("server.key")),
    ];
    let mut running = environment::start(&variables);
    environment::connected(&mut running, || std::net::TcpStream::connect(&address));
    greet(&address.replace("127.0.0.1", "localhost"), &files.path("ca.pem")).await;
    environment::end(running);
    let text = environment::complaint(&variables[..2]);
    assert!(text.contains("TLS_CERT"), "{text}");
}
