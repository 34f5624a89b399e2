//! What is refused before anybody connects.

use turbomcp::client::http::HttpTarget;
use turbomcp::client::{Client, TlsTarget, WsConfig};
use turbomcp::transport::tls::{CertPinningConfig, CertValidationConfig, ClientAuthMode, TlsConfig};
use turbomcp::{McpServer, ServerBuilder};

use crate::authority::Authority;

fn server() -> McpServer {
    ServerBuilder::new().build()
}

/// Checks that neither binding of a server takes a configuration, and that the error says why.
pub async fn refused_by_servers(config: TlsConfig, why: &str) {
    let tls = server().bind_tls("127.0.0.1:0", config.clone()).await.unwrap_err();
    let https = server().http().tls(config).bind("127.0.0.1:0").await.unwrap_err();
    for error in [tls, https] {
        assert!(error.is_configuration(), "{error:?}");
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains(why), "{source}");
    }
}

/// Checks that a client does not take a configuration; there is no server, which would be another error.
async fn refused_by_clients(config: TlsConfig, why: &str) {
    let tls = Client::connect(TlsTarget::new("127.0.0.1:1", config.clone())).await.unwrap_err();
    let https = Client::connect(HttpTarget::new("https://127.0.0.1:1/").tls(config.clone())).await.unwrap_err();
    let wss = Client::connect(WsConfig::new().url("wss://127.0.0.1:1/").tls(config)).await.unwrap_err();
    for error in [tls, https, wss] {
        let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
        let causes: Vec<_> = causes.map(ToString::to_string).collect();
        assert!(causes.iter().any(|cause| cause.contains(why)), "{causes:?}");
    }
}

#[tokio::test]
async fn f163_what_cannot_be_checked_is_refused_instead_of_left_out() {
    let authority = Authority::new();
    let good = CertValidationConfig { ca_bundle_path: Some(authority.path()), ..Default::default() };
    for (validation, why) in [
        (CertValidationConfig { ct_validation: true, ..good.clone() }, "Certificate Transparency is not checked"),
        (CertValidationConfig { verify_hostname: false, ..good.clone() }, "`verify_hostname: false` is refused"),
    ] {
        let config = authority.server("localhost").config().with_validation(validation);
        refused_by_servers(config.clone(), why).await;
        refused_by_clients(config, why).await;
    }
    let config = authority.server("localhost").config().with_validation(good);
    server().bind_tls("127.0.0.1:0", config).await.unwrap();
}

#[tokio::test]
async fn files_that_cannot_be_used_are_named() {
    let authority = Authority::new();
    let (one, key) = (authority.server("localhost"), authority.client().key);
    let empty = authority.folder.write("empty.pem", "");
    let garbled = authority.folder.write("garbled.pem", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n");
    for (certificate, key, why) in [
        ("nowhere.pem".into(), one.key.clone(), "`nowhere.pem` cannot be read"),
        (empty.clone(), one.key.clone(), "empty.pem` holds no certificate in PEM"),
        (garbled, one.key.clone(), "garbled.pem` is no PEM file"),
        (one.certificate.clone(), empty.clone(), "empty.pem` holds no private key in PEM"),
        (one.certificate.clone(), one.certificate.clone(), "server.pem` holds no private key in PEM"),
        (one.certificate.clone(), key, "server.pem` and its key do not fit"),
    ] {
        refused_by_servers(TlsConfig::new(&certificate, &key), why).await;
        refused_by_clients(TlsConfig::new(&certificate, &key).with_ca_bundle(authority.path()), why).await;
    }
    refused_by_servers(TlsConfig::default(), "a server needs a certificate and its key").await;
    refused_by_clients(TlsConfig::default().with_ca_bundle("nowhere.pem"), "`nowhere.pem` cannot be read").await;
    refused_by_servers(one.config().with_mtls(), "client certificates need a CA bundle").await;
    let optional = one.config().with_client_auth(ClientAuthMode::Optional);
    refused_by_servers(optional.with_ca_bundle(empty), "empty.pem` holds no certificate in PEM").await;
}

#[tokio::test]
async fn f165_pins_that_are_none_are_refused() {
    let authority = Authority::new();
    let server = authority.server("localhost").config().with_ca_bundle(authority.path()).with_mtls();
    for (hashes, why) in [
        (vec![], "pinning needs the hash"),
        (vec!["sha256:c0ffee"], "the pin `sha256:c0ffee` is not `sha256:` and 32 bytes"),
        (vec!["sha1:2fd4e1c67a2d28fced849ee1bb76e7391b93eb12"], "the pin `sha1:"),
    ] {
        let pins = CertPinningConfig::new(hashes);
        refused_by_servers(server.clone().with_pinning(pins.clone()), why).await;
        refused_by_clients(authority.trusted().with_pinning(pins), why).await;
    }
    let pins = CertPinningConfig::new(["sha256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="]);
    let server = authority.server("localhost").config();
    refused_by_servers(server.with_pinning(pins), "clients are pinned, and not asked for a certificate").await;
}

#[tokio::test]
async fn files_are_not_looked_at_without_a_pause() {
    let server = Authority::new().server("localhost").config();
    refused_by_servers(server.with_reload_interval(std::time::Duration::ZERO), "files cannot be looked at").await;
}
