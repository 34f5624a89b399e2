//! What `openssl s_client`, whose TLS is another, sees of a server.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::authority::Authority;
use crate::site::{BINDINGS, Site};
use turbomcp::transport::tls::TlsVersion;

/// Makes a handshake, and returns whether it went well, and what was printed.
fn s_client(authority: &Authority, port: u16, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-brief", "-verify_return_error", "-verify_hostname", "localhost", "-CAfile"]);
    command.arg(authority.path()).args(["-connect", &format!("127.0.0.1:{port}")]).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // The end of the connection, so that it ends by itself.
    child.stdin.take().unwrap().write_all(b"Q\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn openssl_sees_a_certificate_it_can_verify_and_tls_1_3() {
    if Command::new("openssl").arg("version").output().is_err() {
        eprintln!("SKIPPED: there is no program `openssl`, so no stranger has looked at TLS");
        return;
    }
    let authority = Authority::new();
    for binding in BINDINGS {
        let config = authority.server("localhost").config();
        let site = Site::open(binding, config.clone()).await;
        let (well, text) = s_client(&authority, site.port, &[]);
        assert!(well && text.contains("TLSv1.3") && text.contains("Verification: OK"), "{text}");
        let (well, text) = s_client(&authority, site.port, &["-tls1_2"]);
        assert!(!well && text.contains("protocol version"), "{text}");
        let (well, text) = s_client(&Authority::new(), site.port, &[]);
        assert!(!well && text.contains("verify error"), "{text}");

        let site = Site::open(binding, config.with_min_version(TlsVersion::V1_2)).await;
        let (well, text) = s_client(&authority, site.port, &["-tls1_2"]);
        assert!(well && text.contains("TLSv1.2") && text.contains("ECDHE"), "{text}");
        for old in ["-tls1_1", "-tls1"] {
            assert!(!s_client(&authority, site.port, &[old]).0, "{old}");
        }
    }
}
