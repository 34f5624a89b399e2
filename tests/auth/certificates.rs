//! Whoever is known, or whose token is bound, by a certificate: at every place where one is shown.

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use turbomcp::McpServer;
use turbomcp::auth::AuthManager;
use turbomcp::auth::server::{CertificateConfig, Holder};
use turbomcp::transport::tls::{ClientAuthMode, TlsConfig};
use turbomcp_tests::{Http, PATIENCE, Request, Site, websocket};

use crate::authority::{Authority, Certified};
use crate::issuer::Issuer;
use crate::keys::b64;
use crate::relay::Relay;
use crate::site::{WEBSOCKET, auth, call, server, who};

const STREAM: &str = "/sse";

/// A server that asks clients for a certificate and does not insist, at every door.
struct World {
    authority: Authority,
    http: Site,
    tls: TlsConfig,
}

impl World {
    async fn start(authority: Authority, server: &McpServer) -> Self {
        let tls = authority.server("localhost").config().with_ca_bundle(authority.path());
        let tls = tls.with_client_auth(ClientAuthMode::Optional);
        let http = server.http().websocket(WEBSOCKET).sse(STREAM, "/messages").tls(tls.clone());
        Self { http: Site::serve(http).await, tls, authority }
    }

    /// Knocks at every door over HTTP with a certificate and these headers, and returns status and reason of each.
    async fn knock(&self, client: Option<&Certified>, header: Option<(&str, &str)>) -> Vec<(u16, String)> {
        let relay = Relay::start(self.http.address, &self.authority.path(), client).await;
        let upgrade = websocket::UPGRADE
            .iter()
            .fold(Request::get().without("Accept").path(WEBSOCKET), |all, header| all.header(header.0, header.1));
        let mut answers = Vec::new();
        for request in [who(), upgrade, Request::get().path(STREAM)] {
            let request = header.iter().fold(request, |request, (name, value)| request.header(name, value));
            let mut reply = Http::at(relay.address).send(request).await;
            let is_json = reply.header("content-type") == Some("application/json");
            let body = if is_json { reply.text().await } else { String::new() };
            answers.push((reply.status, body));
        }
        answers
    }
}

#[track_caller]
fn are_let_in(answers: &[(u16, String)]) {
    assert_eq!(answers.iter().map(|(status, _)| *status).collect::<Vec<_>>(), [200, 101, 200], "{answers:?}");
}

#[track_caller]
fn are_refused(answers: &[(u16, String)], why: &str) {
    assert_eq!(answers.len(), 3);
    for (status, body) in answers {
        assert!(*status == 401 && body.contains(&format!(r#""message":"{why}""#)), "{status} {body}");
    }
}

/// Sends one line over TLS, and returns what comes back.
async fn over_lines(world: &World, server: &McpServer, client: Option<&Certified>) -> String {
    let lines = server.bind_tls("127.0.0.1:0", world.tls.clone()).await.unwrap();
    let relay = Relay::start(lines.local_addr(), &world.authority.path(), client).await;
    let serving = tokio::spawn(lines.serve());
    let mut stream = TcpStream::connect(relay.address).await.unwrap();
    let _ = stream.write_all(format!("{}\n", call("who")).as_bytes()).await;
    let _ = stream.shutdown().await;
    let mut answer = String::new();
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap();
    serving.abort();
    answer
}

#[tokio::test]
async fn a_certificate_that_stands_for_nobody_is_refused_at_every_door() {
    let authority = Authority::new();
    let (known, unknown) = (authority.client(), authority.client_called("other"));
    let renewed = authority.renewed(&known, "client.example");
    let pem = std::fs::read_to_string(&known.certificate).unwrap();
    let certificates = CertificateConfig::default().certificate_pem(&pem, Holder::new("ada")).unwrap();
    let server = server(AuthManager::builder().certificates(certificates).build().unwrap());
    let world = World::start(authority, &server).await;
    are_let_in(&world.knock(Some(&known), None).await);
    assert!(over_lines(&world, &server, Some(&known)).await.contains("ada"));
    // The key and the name of the one that is known do not make it that one.
    for (client, why) in [
        (Some(&unknown), "the certificate is not known"),
        (Some(&renewed), "the certificate is not known"),
        (None, "credentials are required"),
    ] {
        are_refused(&world.knock(client, None).await, why);
        assert_eq!(over_lines(&world, &server, client).await, "", "nothing is said before the end");
    }
    for pem in ["", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----", "-----BEGIN CERTIFICATE-----\n*"] {
        assert!(CertificateConfig::default().certificate_pem(pem, Holder::new("ada")).unwrap_err().is_usage());
    }
}

#[tokio::test]
async fn a_token_that_is_bound_to_a_certificate_is_of_use_with_that_one_only() {
    let (issuer, authority) = (Issuer::start().await, Authority::new());
    let (own, other) = (authority.client(), authority.client_called("other"));
    let hash = ring::digest::digest(&ring::digest::SHA256, &own.der);
    let token = issuer.key.token(&issuer.but(json!({"cnf": {"x5t#S256": b64(hash)}})));
    let world = World::start(authority, &server(auth(&issuer).build().unwrap())).await;
    let bearer = format!("Bearer {token}");
    let header = Some(("Authorization", &*bearer));
    are_let_in(&world.knock(Some(&own), header).await);
    for client in [Some(&other), None] {
        are_refused(&world.knock(client, header).await, "the token is bound to another certificate");
    }
    // Whoever has only the certificate is not known by it here.
    are_refused(&world.knock(Some(&own), None).await, "credentials are required");
}
