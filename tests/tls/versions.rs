//! Which versions of TLS are spoken.

use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ProtocolVersion, RootCertStore, ServerConfig, SupportedProtocolVersion, version};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::client::TlsStream;
use turbomcp::ServerBuilder;
use turbomcp::client::{Client, TlsTarget, WsConfig};
use turbomcp::transport::lines::Lines;
use turbomcp::transport::tls::TlsVersion;

use crate::authority::Authority;
use crate::site::{BINDINGS, Binding, Site};

static OLD: [&SupportedProtocolVersion; 1] = [&version::TLS12];
pub static BOTH: [&SupportedProtocolVersion; 2] = [&version::TLS12, &version::TLS13];

/// Makes a handshake as a client that speaks these versions of TLS, and this protocol over it.
pub async fn handshake(
    site: &Site,
    authority: &Authority,
    versions: &'static [&'static SupportedProtocolVersion],
    protocol: &str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority.path()).unwrap()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    let stream = TcpStream::connect(("127.0.0.1", site.port)).await?;
    let name = ServerName::try_from("localhost").unwrap();
    tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// Makes a handshake, and returns the version agreed on, and the protocol.
async fn agreed(
    site: &Site,
    authority: &Authority,
    versions: &'static [&'static SupportedProtocolVersion],
    protocol: &str,
) -> std::io::Result<(ProtocolVersion, Option<String>)> {
    let stream = handshake(site, authority, versions, protocol).await?;
    let connection = stream.get_ref().1;
    let protocol = connection.alpn_protocol().map(|name| String::from_utf8(name.to_vec()).unwrap());
    Ok((connection.protocol_version().unwrap(), protocol))
}

#[tokio::test]
async fn f167_a_server_speaks_tls_1_3_and_1_2_only_if_it_is_told_to() {
    let authority = Authority::new();
    for binding in BINDINGS {
        let config = authority.server("localhost").config();
        let site = Site::open(binding, config.clone()).await;
        assert_eq!(agreed(&site, &authority, &BOTH, "http/1.1").await.unwrap().0, ProtocolVersion::TLSv1_3);
        let refused = agreed(&site, &authority, &OLD, "http/1.1").await.unwrap_err();
        assert!(format!("{refused:#?}").contains("ProtocolVersion"), "{refused:?}");

        let site = Site::open(binding, config.with_min_version(TlsVersion::V1_2)).await;
        assert_eq!(agreed(&site, &authority, &BOTH, "http/1.1").await.unwrap().0, ProtocolVersion::TLSv1_3);
        assert_eq!(agreed(&site, &authority, &OLD, "http/1.1").await.unwrap().0, ProtocolVersion::TLSv1_2);
    }
}

#[tokio::test]
async fn https_agrees_on_the_version_of_http() {
    let authority = Authority::new();
    let site = Site::open(Binding::Https, authority.server("localhost").config()).await;
    for protocol in ["h2", "http/1.1"] {
        assert_eq!(agreed(&site, &authority, &BOTH, protocol).await.unwrap().1.as_deref(), Some(protocol));
    }
    assert!(agreed(&site, &authority, &BOTH, "imap").await.is_err());
}

/// Makes what accepts connections over TLS 1.2 and nothing newer.
fn old(authority: &Authority) -> tokio_rustls::TlsAcceptor {
    let files = authority.server("localhost");
    let chain = vec![CertificateDer::from_pem_file(&files.certificate).unwrap()];
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&OLD)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from_pem_file(&files.key).unwrap())
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    tokio_rustls::TlsAcceptor::from(Arc::new(config))
}

#[tokio::test]
async fn f167_a_client_speaks_tls_1_3_and_1_2_only_if_it_is_told_to() {
    let authority = Authority::new();
    let acceptor = old(&authority);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("localhost:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        let server = ServerBuilder::new().name("old").build();
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(stream) = acceptor.accept(stream).await {
                let (reader, writer) = tokio::io::split(stream);
                tokio::spawn(server.serve(Lines::new(reader, writer)));
            }
        }
    });
    let refused = Client::connect(TlsTarget::new(&address, authority.trusted())).await.unwrap_err();
    assert!(refused.is_connect(), "{refused:?}");
    let config = authority.trusted().with_min_version(TlsVersion::V1_2);
    let client = Client::connect(TlsTarget::new(&address, config)).await.unwrap();
    assert_eq!(client.server_info().unwrap().name, "old");
}

#[tokio::test]
async fn f167_so_does_a_client_of_wss() {
    let authority = Authority::new();
    let acceptor = old(&authority);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("wss://localhost:{}/", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                let _ = stream.read_u8().await;
                assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
                let _ = stream.write_all(b"HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n").await;
                let _ = stream.shutdown().await;
            }
        }
    });
    let target = WsConfig::new().url(&url).tls(authority.trusted());
    assert_eq!(Client::connect(target).await.unwrap_err().status(), None);
    let target = WsConfig::new().url(&url).tls(authority.trusted().with_min_version(TlsVersion::V1_2));
    assert_eq!(Client::connect(target).await.unwrap_err().status(), Some(410));
}
