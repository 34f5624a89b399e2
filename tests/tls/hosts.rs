//! Whom a client takes a server for.

use turbomcp::client::{Client, Era};
use turbomcp::transport::tls::TlsConfig;

use crate::authority::Authority;
use crate::site::{BINDINGS, Binding, ERAS, Site, who};

#[tokio::test]
async fn f162_both_eras_are_served_over_https_tls_and_wss() {
    let authority = Authority::new();
    for binding in BINDINGS {
        let site = Site::open(binding, authority.server("localhost").config()).await;
        for era in ERAS {
            let client = site.connect_as(authority.trusted(), "localhost", era).await.unwrap();
            assert_eq!(client.revision().is_modern(), era == Era::Modern);
            assert_eq!(who(&client).await.unwrap(), "nobody");
            client.close().await;
        }
    }
}

#[tokio::test]
async fn a_server_may_be_known_by_its_address() {
    let authority = Authority::new();
    for binding in BINDINGS {
        let site = Site::open(binding, authority.server("127.0.0.1").config()).await;
        let client = site.connect_as(authority.trusted(), "127.0.0.1", Era::Auto).await.unwrap();
        assert_eq!(who(&client).await.unwrap(), "nobody");
    }
}

#[tokio::test]
async fn f163_a_server_of_another_name_is_refused() {
    let authority = Authority::new();
    for binding in BINDINGS {
        let site = Site::open(binding, authority.server("elsewhere.example").config()).await;
        Site::refused(site.who(authority.trusted()).await, "another name");
        let site = Site::open(binding, authority.server("localhost").config()).await;
        let error = site.connect_as(authority.trusted(), "127.0.0.1", Era::Auto).await.unwrap_err();
        assert!(error.is_connect() && format!("{error:#?}").contains("NotValidForName"), "{error:?}");
    }
}

#[tokio::test]
async fn f163_a_server_that_nobody_known_certifies_is_refused() {
    let (authority, other) = (Authority::new(), Authority::new());
    for binding in BINDINGS {
        let site = Site::open(binding, authority.server("localhost").config()).await;
        Site::refused(site.who(other.trusted()).await, "another authority");
        Site::refused(site.who(TlsConfig::default()).await, "the authorities of browsers");
    }
}

#[tokio::test]
async fn a_certificate_that_has_expired_is_refused() {
    let authority = Authority::new();
    for binding in BINDINGS {
        let site = Site::open(binding, authority.expired("localhost").config()).await;
        let error = site.who(authority.trusted()).await.unwrap_err();
        assert!(error.is_connect() && format!("{error:#?}").contains("Expired"), "{error:?}");
    }
}

#[tokio::test]
async fn a_text_is_a_target_that_is_certified_as_any() {
    let authority = Authority::new();
    for (binding, scheme) in [(Binding::Https, "https"), (Binding::Tls, "tls"), (Binding::Wss, "wss")] {
        let site = Site::open(binding, authority.server("localhost").config()).await;
        let error = Client::connect(format!("{scheme}://localhost:{}", site.port)).await.unwrap_err();
        assert!(error.is_connect() && format!("{error:#?}").contains("UnknownIssuer"), "{error:?}");
    }
    assert!(Client::connect("tls://localhost").await.unwrap_err().is_connect());
}
