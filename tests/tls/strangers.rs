//! What `openssl s_client`, whose TLS is another, sees of a server.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::authority::Authority;
use crate::site::{BINDINGS, Site};
use turbomcp::transport::tls::{CertPinningConfig, CertValidationConfig, TlsVersion};

/// Returns true if there is no program to ask, and says so.
fn nobody_there() -> bool {
    let is_missing = Command::new("openssl").arg("version").output().is_err();
    if is_missing {
        eprintln!("SKIPPED: there is no program `openssl`, so no stranger has looked at TLS");
    }
    is_missing
}

/// Runs `openssl`, and returns what it printed.
fn openssl(arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("openssl").args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Makes a handshake, and returns whether it went well, and what was printed.
fn s_client(authority: &Authority, port: u16, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-verify_return_error", "-verify_hostname", "localhost", "-CAfile"]);
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
    if nobody_there() {
        return;
    }
    let authority = Authority::new();
    for binding in BINDINGS {
        let config = authority.server("localhost").config();
        let site = Site::open(binding, config.clone()).await;
        let (well, text) = s_client(&authority, site.port, &["-brief"]);
        assert!(well && text.contains("TLSv1.3") && text.contains("Verification: OK"), "{text}");
        let (well, text) = s_client(&authority, site.port, &["-tls1_2"]);
        assert!(!well && text.contains("protocol version"), "{text}");
        let (well, text) = s_client(&Authority::new(), site.port, &[]);
        assert!(!well && text.contains("verify error"), "{text}");

        let site = Site::open(binding, config.with_min_version(TlsVersion::V1_2)).await;
        let (well, text) = s_client(&authority, site.port, &["-brief", "-tls1_2"]);
        assert!(well && text.contains("TLSv1.2") && text.contains("ECDHE"), "{text}");
        for old in ["-tls1_1", "-tls1"] {
            assert!(!s_client(&authority, site.port, &[old]).0, "{old}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn openssl_sees_the_chain_and_shows_a_certificate_of_its_own() {
    if nobody_there() {
        return;
    }
    let authority = Authority::new();
    let deputy = authority.subordinate();
    let client = authority.client();
    let shown = ["-cert", client.certificate.to_str().unwrap(), "-key", client.key.to_str().unwrap()];
    for binding in BINDINGS {
        let config = deputy.server("localhost").config().with_ca_bundle(authority.path()).with_mtls();
        let site = Site::open(binding, config).await;
        let (well, text) = s_client(&authority, site.port, &[&shown[..], &["-showcerts"]].concat());
        assert!(well && text.matches("BEGIN CERTIFICATE").count() >= 2, "{text}");
        assert!(text.contains("Verify return code: 0 (ok)") && text.contains("Nobody's deputy"), "{text}");
        // Without one TLS 1.3 ends after the handshake, when the client has heard of it.
        let (_, text) = s_client(&authority, site.port, &[]);
        assert!(text.contains("Acceptable client certificate CA names"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn openssl_makes_a_staple_and_sees_it() {
    if nobody_there() {
        return;
    }
    let authority = Authority::new();
    let files = authority.server("localhost");
    let folder = |name: &str| authority.path().with_file_name(name).to_str().unwrap().to_owned();
    let (certificate, ca) = (files.certificate.to_str().unwrap().to_owned(), folder("ca.pem"));
    let (key, index, response) = (folder("ca.key"), folder("index.txt"), folder("staple.der"));
    authority.folder.write("ca.key", authority.issuer.key().serialize_pem());
    let serial = openssl(&["x509", "-in", &certificate, "-noout", "-serial"]);
    let serial = String::from_utf8(serial).unwrap().trim().trim_start_matches("serial=").to_owned();
    authority.folder.write("index.txt", format!("V\t20990101000000Z\t\t{serial}\tunknown\t/CN=localhost\n"));
    openssl(&[
        "ocsp",
        "-index",
        &index,
        "-CA",
        &ca,
        "-rsigner",
        &ca,
        "-rkey",
        &key,
        "-issuer",
        &ca,
        "-cert",
        &certificate,
        "-ndays",
        "1",
        "-respout",
        &response,
        "-noverify",
    ]);
    let ca_bundle_path = Some(authority.path());
    let validation = CertValidationConfig { ca_bundle_path, ocsp_stapling: true, ..Default::default() };
    for binding in BINDINGS {
        let site = Site::open(binding, files.config().with_ocsp_response(&response)).await;
        let (well, text) = s_client(&authority, site.port, &["-status"]);
        assert!(
            well && text.contains("OCSP Response Status: successful") && text.contains("Cert Status: good"),
            "{text}"
        );
        assert_eq!(site.who(authority.trusted().with_validation(validation.clone())).await.unwrap(), "nobody");
        let site = Site::open(binding, files.config()).await;
        assert!(s_client(&authority, site.port, &["-status"]).1.contains("OCSP response: no response sent"));
    }
}

#[tokio::test]
async fn openssl_counts_the_same_hashes_as_are_pinned() {
    if nobody_there() {
        return;
    }
    let authority = Authority::new();
    let files = authority.server("localhost");
    let path = files.certificate.to_str().unwrap();
    let key = authority.folder.write("key.pem", openssl(&["x509", "-in", path, "-noout", "-pubkey"]));
    let der = authority.path().with_file_name("key.der");
    openssl(&["pkey", "-pubin", "-in", key.to_str().unwrap(), "-outform", "der", "-out", der.to_str().unwrap()]);
    let of_key = String::from_utf8(openssl(&["dgst", "-sha256", "-r", der.to_str().unwrap()])).unwrap();
    let of_certificate =
        String::from_utf8(openssl(&["x509", "-in", path, "-noout", "-fingerprint", "-sha256"])).unwrap();
    let of_certificate = of_certificate.trim().rsplit('=').next().unwrap().replace(':', "");
    for binding in BINDINGS {
        let site = Site::open(binding, files.config()).await;
        for hash in [of_key.split(' ').next().unwrap(), &of_certificate] {
            let pins = CertPinningConfig::new([format!("sha256:{hash}")]);
            assert_eq!(site.who(authority.trusted().with_pinning(pins)).await.unwrap(), "nobody");
        }
    }
}
