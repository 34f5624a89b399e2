//! Responses of OCSP that are stapled to a certificate.

use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, ServerConfig, ServerConnection};
use tokio::net::TcpListener;
use turbomcp::ServerBuilder;
use turbomcp::client::{Client, Error, TlsTarget};
use turbomcp::transport::lines::Lines;
use turbomcp::transport::tls::{CertValidationConfig, TlsConfig, TlsVersion};

use crate::authority::{Authority, Certified};
use crate::ocsp::{Statement, UNKNOWN, revoked};
use crate::site::{BINDINGS, ERAS, Site, causes, who};

/// A client that wants to be told, by the authority, that a certificate is still good.
fn demanding(authority: &Authority) -> TlsConfig {
    let ca_bundle_path = Some(authority.path());
    TlsConfig::default().with_validation(CertValidationConfig {
        ca_bundle_path,
        ocsp_stapling: true,
        ..Default::default()
    })
}

/// Connects to a server, not of ours, that staples whatever it is told to.
async fn stapled(files: &Certified, response: &[u8], config: TlsConfig) -> Result<Client, Error> {
    let chain = CertificateDer::pem_file_iter(&files.certificate).unwrap().collect::<Result<_, _>>().unwrap();
    let server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert_with_ocsp(chain, PrivateKeyDer::from_pem_file(&files.key).unwrap(), response.to_vec())
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(server));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("localhost:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        if let Ok(stream) = acceptor.accept(stream).await {
            let (reader, writer) = tokio::io::split(stream);
            let _ = ServerBuilder::new().name("stapling").build().serve(Lines::new(reader, writer)).await;
        }
    });
    Client::connect(TlsTarget::new(address, config)).await
}

#[tokio::test]
async fn f163_a_staple_is_served_and_found_good() {
    let authority = Authority::new();
    let files = authority.server("localhost");
    let staple = authority.folder.write("staple.der", Statement::default().of(&files, &authority));
    for binding in BINDINGS {
        let site = Site::open(binding, files.config().with_ocsp_response(&staple)).await;
        for era in ERAS {
            let client = site.connect_as(demanding(&authority), "localhost", era).await.unwrap();
            assert_eq!(who(&client).await.unwrap(), "nobody");
        }
        // Who does not ask for it does not mind.
        assert_eq!(site.who(authority.trusted()).await.unwrap(), "nobody");
        let site = Site::open(binding, files.config()).await;
        let error = site.who(demanding(&authority)).await.unwrap_err();
        assert!(causes(&error).contains("staples no OCSP response"), "{error:?}");
    }
}

/// Shakes hands, and reads what a server hands out after that.
fn shaken(client: &Arc<ClientConfig>, server: &Arc<ServerConfig>) -> HandshakeKind {
    let mut client = ClientConnection::new(client.clone(), "localhost".try_into().unwrap()).unwrap();
    let mut server = ServerConnection::new(server.clone()).unwrap();
    while client.wants_write() || server.wants_write() {
        let (mut there, mut back) = (Vec::new(), Vec::new());
        while client.wants_write() {
            client.write_tls(&mut there).unwrap();
        }
        while !there.is_empty() {
            let read = server.read_tls(&mut &there[..]).unwrap();
            there.drain(..read);
            server.process_new_packets().unwrap();
        }
        while server.wants_write() {
            server.write_tls(&mut back).unwrap();
        }
        while !back.is_empty() {
            let read = client.read_tls(&mut &back[..]).unwrap();
            back.drain(..read);
            client.process_new_packets().unwrap();
        }
    }
    client.handshake_kind().unwrap()
}

#[test]
fn f163_who_asks_for_a_staple_is_shown_one_each_time() {
    let authority = Authority::new();
    let files = authority.server("localhost");
    let chain = CertificateDer::pem_file_iter(&files.certificate).unwrap().collect::<Result<_, _>>().unwrap();
    let response = Statement::default().of(&files, &authority);
    let server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert_with_ocsp(chain, PrivateKeyDer::from_pem_file(&files.key).unwrap(), response)
        .unwrap();
    let server = Arc::new(server);
    for (config, expected) in [
        // A session that is resumed shows neither the certificate nor its staple again.
        (authority.trusted(), HandshakeKind::Resumed),
        (demanding(&authority), HandshakeKind::Full),
    ] {
        let client = Arc::new(config.client_config().unwrap());
        assert_eq!(shaken(&client, &server), HandshakeKind::Full);
        assert_eq!(shaken(&client, &server), expected);
    }
}

#[tokio::test]
async fn f163_whoever_the_authority_lets_speak_for_it_is_believed() {
    let root = Authority::new();
    for authority in [Authority::new(), root.subordinate()] {
        let (files, responder) = (authority.server("localhost"), authority.responder());
        for (case, statement) in [
            ("itself", Statement::default()),
            ("by the hash that is in use", Statement { sha1: true, ..Default::default() }),
            ("somebody for it", Statement { by: Some(&responder), ..Default::default() }),
        ] {
            let response = statement.of(&files, &authority);
            let client =
                stapled(&files, &response, demanding(&authority)).await.unwrap_or_else(|e| panic!("{case}: {e:?}"));
            assert_eq!(client.server_info().unwrap().name, "stapling", "{case}");
            let older = demanding(&authority).with_min_version(TlsVersion::V1_2);
            stapled(&files, &response, older).await.unwrap();
        }
    }
}

#[tokio::test]
async fn f163_a_staple_that_does_not_vouch_for_the_certificate_is_refused() {
    let (authority, other) = (Authority::new(), Authority::new());
    let files = authority.server("localhost");
    let (another, stranger, client) = (authority.expired("localhost"), other.responder(), authority.client());
    let revoked = revoked();
    let good = Statement::default;
    for (flaw, response) in [
        ("staples no OCSP response", Vec::new()),
        ("is malformed", b"good".to_vec()),
        ("says that it is none", vec![0x30, 3, 10, 1, 3]),
        ("is revoked", Statement { status: &revoked, ..good() }.of(&files, &authority)),
        ("is unknown", Statement { status: UNKNOWN, ..good() }.of(&files, &authority)),
        ("is from the future", Statement { since: "20980101000000Z", ..good() }.of(&files, &authority)),
        ("is outdated", Statement { until: Some("20200102000000Z"), ..good() }.of(&files, &authority)),
        ("is outdated", Statement { until: None, ..good() }.of(&files, &authority)),
        ("is malformed", Statement { until: Some("soon"), ..good() }.of(&files, &authority)),
        ("is malformed", Statement { critical: true, ..good() }.of(&files, &authority)),
        ("is not for the certificate", good().of(&another, &authority)),
        ("is not for the certificate", good().of(&files, &other)),
        ("is not signed by", Statement { by: Some(&stranger), ..good() }.of(&files, &authority)),
        // Certified by the authority, and not for this.
        ("is not signed by", Statement { by: Some(&client), ..good() }.of(&files, &authority)),
    ] {
        let error = stapled(&files, &response, demanding(&authority)).await.expect_err(flaw);
        assert!(error.is_connect() && causes(&error).contains(flaw), "{flaw}: {error:?}");
    }
    let mut altered = good().of(&files, &authority);
    let last = altered.len() - 1;
    altered[last] ^= 1;
    let error = stapled(&files, &altered, demanding(&authority)).await.unwrap_err();
    assert!(causes(&error).contains("is not signed by"), "{error:?}");
}

#[tokio::test]
async fn f166_dpop_security_is_tls_1_3_with_a_staple() {
    let authority = Authority::new();
    let files = authority.server("localhost");
    let config = || authority.trusted().with_min_version(TlsVersion::V1_2).with_dpop_security();
    let good = Statement::default().of(&files, &authority);
    stapled(&files, &good, config()).await.unwrap();
    let error = stapled(&files, &[], config()).await.unwrap_err();
    assert!(causes(&error).contains("staples no OCSP response"), "{error:?}");
    let elsewhere = authority.server("elsewhere.example");
    let error = stapled(&elsewhere, &Statement::default().of(&elsewhere, &authority), config()).await.unwrap_err();
    assert!(causes(&error).contains("not valid for name"), "{error:?}");

    let staple = authority.folder.write("staple.der", good);
    let files = authority.renewed(&files, "localhost");
    let staple_of_this = authority.folder.write("this.der", Statement::default().of(&files, &authority));
    for binding in BINDINGS {
        let server = files.config().with_min_version(TlsVersion::V1_2).with_dpop_security();
        crate::configuration::refused_by_servers(server.clone(), "needs an OCSP response to show").await;
        let other = server.clone().with_ocsp_response(&staple);
        crate::configuration::refused_by_servers(other, "is no OCSP response for the certificate").await;
        let site = Site::open(binding, server.with_ocsp_response(&staple_of_this)).await;
        assert_eq!(site.who(config()).await.unwrap(), "nobody");
        static OLD: [&rustls::SupportedProtocolVersion; 1] = [&rustls::version::TLS12];
        assert!(crate::versions::handshake(&site, &authority, &OLD, "http/1.1").await.is_err());
    }
}

#[tokio::test]
async fn f181_a_staple_is_reloaded_with_the_certificate() {
    let authority = Authority::new();
    let files = authority.server("localhost");
    let outdated = Statement { until: Some("20200102000000Z"), ..Default::default() }.of(&files, &authority);
    for binding in BINDINGS {
        let staple = authority.folder.write("staple.der", &outdated);
        let config = files.config().with_ocsp_response(&staple);
        let handle = config.handle();
        let site = Site::open(binding, config).await;
        let error = site.who(demanding(&authority)).await.unwrap_err();
        assert!(causes(&error).contains("is outdated"), "{error:?}");
        authority.folder.write("staple.der", Statement::default().of(&files, &authority));
        handle.reload().unwrap();
        assert_eq!(site.who(demanding(&authority)).await.unwrap(), "nobody");
    }
}
