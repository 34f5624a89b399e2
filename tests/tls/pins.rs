//! Certificates and keys that are known beforehand.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};
use turbomcp::transport::tls::{CertPinningConfig, ClientAuthMode};

use crate::authority::{Authority, Certified};
use crate::site::{BINDINGS, ERAS, Site, causes, who};

fn certificate_of(certified: &Certified) -> String {
    digest(&SHA256, &certified.der).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn key_of(certified: &Certified) -> String {
    let key = rcgen::PublicKeyData::subject_public_key_info(&certified.key_pair());
    STANDARD.encode(digest(&SHA256, &key))
}

fn pin(hash: impl std::fmt::Display) -> CertPinningConfig {
    CertPinningConfig::new([format!("sha256:{hash}")])
}

#[tokio::test]
async fn f165_a_server_is_known_by_its_certificate_or_its_key() {
    let authority = Authority::new();
    for binding in BINDINGS {
        let (files, other) = (authority.server("localhost"), authority.client());
        let site = Site::open(binding, files.config()).await;
        for right in [certificate_of(&files), key_of(&files)] {
            for era in ERAS {
                let both = CertPinningConfig::new([format!("sha256:{}", key_of(&other)), format!("sha256:{right}")]);
                let client = site.connect_as(authority.trusted().with_pinning(both), "localhost", era).await.unwrap();
                assert_eq!(who(&client).await.unwrap(), "nobody");
            }
        }
        for wrong in [certificate_of(&other), key_of(&other)] {
            let error = site.connect(authority.trusted().with_pinning(pin(wrong))).await.unwrap_err();
            assert!(error.is_connect(), "{error:?}");
            // Who has to change the pin is told what it would have to be.
            let expected = format!("neither the certificate (sha256:{})", certificate_of(&files));
            assert!(causes(&error).contains(&expected), "{}", causes(&error));
        }
    }
}

#[tokio::test]
async fn f165_a_key_stays_the_same_when_its_certificate_is_renewed() {
    let authority = Authority::new();
    let files = authority.server("localhost");
    let renewed = authority.renewed(&files, "localhost");
    assert_ne!(files.der, renewed.der);
    for binding in BINDINGS {
        let site = Site::open(binding, renewed.config()).await;
        assert_eq!(site.who(authority.trusted().with_pinning(pin(key_of(&files)))).await.unwrap(), "nobody");
        let outcome = site.who(authority.trusted().with_pinning(pin(certificate_of(&files)))).await;
        Site::refused(outcome, "another certificate");
    }
}

#[tokio::test]
async fn f165_a_pin_takes_the_place_of_no_other_check() {
    let (authority, other) = (Authority::new(), Authority::new());
    for binding in BINDINGS {
        for files in [authority.server("elsewhere.example"), authority.expired("localhost"), other.server("localhost")]
        {
            let site = Site::open(binding, files.config()).await;
            let outcome = site.who(authority.trusted().with_pinning(pin(certificate_of(&files)))).await;
            Site::refused(outcome, "pinned, and not valid");
        }
    }
}

#[tokio::test]
async fn f165_pins_that_are_not_enforced_let_others_in_and_say_so() {
    let authority = Authority::new();
    let wrong = CertPinningConfig { enforce: false, ..pin(certificate_of(&authority.client())) };
    let warnings = crate::warnings::Warnings::start();
    for binding in BINDINGS {
        let site = Site::open(binding, authority.server("localhost").config()).await;
        assert_eq!(site.who(authority.trusted().with_pinning(wrong.clone())).await.unwrap(), "nobody");
        assert!(warnings.take().iter().any(|warning| warning.contains("is pinned")), "{binding:?}");
    }
}

#[tokio::test]
async fn f165_a_server_pins_its_clients() {
    let authority = Authority::new();
    let (known, other) = (authority.client_called("known"), authority.client_called("other"));
    let shows = |certified: &Certified| certified.config().with_ca_bundle(authority.path());
    for binding in BINDINGS {
        let config = authority.server("localhost").config().with_ca_bundle(authority.path()).with_mtls();
        let site = Site::open(binding, config.with_pinning(pin(key_of(&other)))).await;
        assert_eq!(site.who(shows(&other)).await.unwrap(), certificate_of(&other));
        Site::refused(site.who(shows(&known)).await, "certified, and not pinned");
        let config = authority.server("localhost").config().with_ca_bundle(authority.path());
        let config = config.with_client_auth(ClientAuthMode::Optional).with_pinning(pin(certificate_of(&known)));
        let site = Site::open(binding, config).await;
        assert_eq!(site.who(shows(&known)).await.unwrap(), certificate_of(&known));
        Site::refused(site.who(shows(&other)).await, "certified, and not pinned");
        assert_eq!(site.who(authority.trusted()).await.unwrap(), "nobody");
    }
}
