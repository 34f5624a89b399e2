//! A program that accepts connections over TLS by itself.

use std::time::Duration;

use tokio::net::TcpStream;
use turbomcp::ServerBuilder;
use turbomcp::client::Client;
use turbomcp::transport::tls::{TlsConfig, TlsTransport};

use crate::authority::Authority;
use crate::site::PATIENCE;

#[tokio::test]
async fn f162_both_ends_of_tls_are_transports() {
    let authority = Authority::new();
    let mut listener = TlsTransport::new_server("127.0.0.1:0", &authority.server("localhost").config()).await.unwrap();
    let port = listener.local_addr().port();
    // Neither of them gets anywhere, nor keeps anybody else from it.
    let silent = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let (address, browser) = (format!("localhost:{port}"), TlsConfig::default());
    let stranger = TlsTransport::new_client(&address, &browser);
    let accepting = tokio::spawn(async move {
        let server = ServerBuilder::new().name("by hand").build();
        // Waiting that is given up costs no connection.
        while tokio::time::timeout(Duration::from_millis(1), listener.accept()).await.is_ok() {}
        let transport = listener.accept().await.unwrap();
        server.serve(transport).await.unwrap();
    });
    assert!(stranger.await.unwrap_err().is_handshake());
    let transport = TlsTransport::new_client(&address, &authority.trusted()).await.unwrap();
    let client = tokio::time::timeout(PATIENCE, Client::connect(transport)).await.unwrap().unwrap();
    assert_eq!(client.server_info().unwrap().name, "by hand");
    client.close().await;
    tokio::time::timeout(PATIENCE, accepting).await.unwrap().unwrap();
    drop(silent);
}

#[tokio::test]
async fn what_cannot_be_listened_on_or_with_is_refused() {
    let config = Authority::new().server("localhost").config();
    let taken = TlsTransport::new_server("127.0.0.1:0", &config);
    assert!(taken.await.unwrap_err().is_configuration(), "the files are gone with the authority");
    let authority = Authority::new();
    let config = authority.server("localhost").config();
    let first = TlsTransport::new_server("127.0.0.1:0", &config).await.unwrap();
    assert!(TlsTransport::new_server(first.local_addr(), &config).await.is_err());
}
