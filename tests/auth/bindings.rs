//! Who is let in where messages go in both directions: known when the connection is opened, or not at all.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use turbomcp::auth::AuthManager;
use turbomcp::auth::server::{Anonymous, CertificateConfig, EnvironmentConfig, Holder};
use turbomcp::client::http::HttpTarget;
use turbomcp::client::{Client, TlsTarget};
use turbomcp::transport::lines::Lines;
use turbomcp::transport::{Extensions, ParentProcess, Principal, TlsIdentity};
use turbomcp::{Error, McpServer};
use turbomcp_tests::websocket;

use crate::authority::Authority;
use crate::issuer::Issuer;
use crate::keys::now;
use crate::site::{WEBSOCKET, auth, call, jwt, open, server};

const PATIENCE: Duration = Duration::from_secs(30);

/// Opens a connection with what is known of its peer, and asks who it is.
async fn asked(server: &McpServer, extensions: Extensions) -> Result<Value, Error> {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let (reader, writer) = tokio::io::split(theirs);
    let serving = tokio::spawn(server.serve(Lines::new(reader, writer).with_extensions(extensions)));
    let (reader, mut writer) = tokio::io::split(ours);
    let _ = writer.write_all(format!("{}\n", call("who")).as_bytes()).await;
    let mut line = String::new();
    let _ = tokio::time::timeout(PATIENCE, BufReader::new(reader).read_line(&mut line)).await.unwrap();
    drop(writer);
    tokio::time::timeout(PATIENCE, serving).await.unwrap().unwrap()?;
    let answer: Value = serde_json::from_str(&line).unwrap();
    let text = answer["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{answer}"));
    Ok(serde_json::from_str(text).unwrap_or_else(|_| json!(text)))
}

fn with<T: Send + Sync + 'static>(value: T) -> Extensions {
    let mut extensions = Extensions::new();
    extensions.insert(value);
    extensions
}

/// Holds AUTHS-01.
#[tokio::test]
async fn on_standard_input_the_environment_says_who_it_is() {
    let by = |config| server(AuthManager::builder().environment(config).build().unwrap());
    // Cargo sets it for whatever it runs.
    let named = by(EnvironmentConfig::subject("CARGO_PKG_NAME"));
    let told = asked(&named, with(ParentProcess::new())).await.unwrap();
    assert_eq!((&told["subject"], &told["issuer"]), (&json!("turbomcp-tests"), &json!("environment")));
    // It says nothing about a peer that did not set it.
    assert!(asked(&named, Extensions::new()).await.unwrap_err().is_refused());
    let missing = by(EnvironmentConfig::subject("TURBOMCP_NOBODY_SETS_THIS"));
    let error = asked(&missing, with(ParentProcess::new())).await.unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(source, "the variable TURBOMCP_NOBODY_SETS_THIS does not say who is calling");
    // A name is no token.
    let issuer = Issuer::start().await;
    let tokens = auth(&issuer).environment(EnvironmentConfig::credential("CARGO_PKG_NAME")).build().unwrap();
    assert!(asked(&server(tokens), with(ParentProcess::new())).await.unwrap_err().is_refused());
    assert!(asked(&server(auth(&issuer).build().unwrap()), with(ParentProcess::new())).await.unwrap_err().is_refused());
}

/// Tests of handlers need neither a network nor a token.
#[tokio::test]
async fn a_transport_that_says_who_it_is_is_believed() {
    let issuer = Issuer::start().await;
    let server = server(auth(&issuer).build().unwrap());
    let ada = Principal::new("ada").with_tenant("acme").with_roles(["editor"]);
    let told = asked(&server, with(ada)).await.unwrap();
    assert_eq!((&told["subject"], &told["tenant"]), (&json!("ada"), &json!("acme")));
    assert!(asked(&server, Extensions::new()).await.unwrap_err().is_refused());
}

#[tokio::test]
async fn over_tcp_nobody_is_let_in_who_must_be_known() {
    let issuer = Issuer::start().await;
    let closed = server(auth(&issuer).build().unwrap()).bind_tcp("127.0.0.1:0").await.unwrap();
    let address = closed.local_addr();
    let serving = tokio::spawn(closed.serve());
    let mut stream = TcpStream::connect(address).await.unwrap();
    let _ = stream.write_all(format!("{}\n", call("who")).as_bytes()).await;
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&answer), "", "nothing is said before the end");
    serving.abort();
    let open = AuthManager::builder().jwt(jwt(&issuer)).anonymous(Anonymous::Admitted).build().unwrap();
    assert_eq!(asked(&server(open), Extensions::new()).await.unwrap(), "nobody");
}

#[cfg(unix)]
#[tokio::test]
async fn over_a_unix_socket_the_system_says_who_it_is() {
    use std::os::unix::fs::MetadataExt as _;
    use turbomcp::auth::server::UnixUserConfig;
    let path = std::env::temp_dir().join(format!("turbomcp-auth-{}.sock", std::process::id()));
    std::fs::write(&path, "").unwrap();
    let own = std::fs::metadata(&path).unwrap().uid();
    std::fs::remove_file(&path).unwrap();
    for (uid, expected) in [(own, Some("ada")), (own + 1, None)] {
        let users = UnixUserConfig::default().user(uid, Holder::new("ada"));
        let bound = server(AuthManager::builder().unix_users(users).build().unwrap()).bind_unix(&path).unwrap();
        let serving = tokio::spawn(bound.serve());
        let mut stream = tokio::net::UnixStream::connect(&path).await.unwrap();
        let _ = stream.write_all(format!("{}\n", call("who")).as_bytes()).await;
        let mut line = String::new();
        let _ = tokio::time::timeout(PATIENCE, BufReader::new(stream).read_line(&mut line)).await.unwrap();
        assert_eq!(line.contains(r#"\"subject\":\"ada\""#), expected.is_some(), "{line}");
        assert_eq!(line.is_empty(), expected.is_none());
        serving.abort();
        let _ = serving.await;
        // The same of HTTP there.
        let users = UnixUserConfig::default().user(uid, Holder::new("ada"));
        let server = server(AuthManager::builder().unix_users(users).build().unwrap());
        let serving = tokio::spawn(server.http().bind_unix(&path).unwrap().serve());
        let builder = Client::builder().request_timeout(PATIENCE);
        match (builder.connect(HttpTarget::unix(&path)).await, expected) {
            (Ok(client), Some(subject)) => {
                let told = client.call_tool("who", json!({})).await.unwrap();
                assert!(serde_json::to_string(&told).unwrap().contains(subject), "{told:?}");
            }
            (Err(error), None) => assert_eq!(error.status(), Some(401), "{error}"),
            (other, _) => panic!("{:?} for {uid}", other.map(drop)),
        }
        serving.abort();
        let _ = serving.await;
    }
    let twice = UnixUserConfig::default().user(1, Holder::new("a")).user(1, Holder::new("b"));
    assert!(AuthManager::builder().unix_users(twice).build().unwrap_err().is_usage());
}

/// Holds AUTHS-14.
#[tokio::test]
async fn over_tls_a_certificate_stands_for_somebody() {
    let authority = Authority::new();
    let known = authority.client();
    let hash = ring::digest::digest(&ring::digest::SHA256, &known.der);
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(hash.as_ref());
    let fingerprint = TlsIdentity::new(known.der.clone(), sha256).fingerprint();
    let certificates = CertificateConfig::default().certificate(fingerprint, Holder::new("ada").roles(["editor"]));
    let server = server(AuthManager::builder().certificates(certificates).build().unwrap());
    let config = authority.server("localhost").config().with_ca_bundle(authority.path()).with_mtls();
    let lines = server.bind_tls("127.0.0.1:0", config.clone()).await.unwrap();
    let http = server.http().tls(config).bind("127.0.0.1:0").await.unwrap();
    let (lines_at, http_at) = (lines.local_addr().port(), http.local_addr().port());
    let serving = [tokio::spawn(lines.serve()), tokio::spawn(http.serve())];
    let known = known.config().with_ca_bundle(authority.path());
    let builder = || Client::builder().request_timeout(PATIENCE);
    let over_lines = |config| builder().connect(TlsTarget::new(format!("localhost:{lines_at}"), config));
    let over_http = |config| builder().connect(HttpTarget::new(format!("https://localhost:{http_at}/mcp")).tls(config));
    for client in [over_lines(known.clone()).await.unwrap(), over_http(known).await.unwrap()] {
        let told = client.call_tool("who", json!({})).await.unwrap();
        let told = serde_json::to_string(&told).unwrap();
        assert!(told.contains("ada") && told.contains("editor"), "{told}");
    }
    // In the same files as the one before it.
    let stranger = authority.client().config().with_ca_bundle(authority.path());
    assert!(over_lines(stranger.clone()).await.is_err());
    assert!(over_http(stranger).await.is_err());
    serving.iter().for_each(|serving| serving.abort());
}

/// Holds AUTHS-15 as far as a connection can: it lasts no longer than what opened it.
#[tokio::test]
async fn a_websocket_ends_when_its_token_does() {
    let issuer = Issuer::start().await;
    let auth = AuthManager::builder().jwt(jwt(&issuer).leeway(Duration::ZERO)).build().unwrap();
    let site = open(auth).await;
    let token = issuer.key.token(&issuer.but(json!({"exp": now() + 3})));
    let authorization = format!("Bearer {token}");
    let mut headers = websocket::UPGRADE.to_vec();
    headers.push(("authorization", &authorization));
    let (mut socket, status, _) = websocket::request(site.address, WEBSOCKET, &headers).await;
    assert_eq!(status, 101);
    socket.send(&call("who")).await;
    let told = socket.next().await.to_string();
    assert!(told.contains("ada"), "{told}");
    let ended = async { while socket.try_next_frame().await.is_some() {} };
    tokio::time::timeout(PATIENCE, ended).await.expect("it ends with the token");
}
