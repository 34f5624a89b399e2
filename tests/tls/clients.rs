//! Whom a server takes its clients for.

use ring::digest::{SHA256, digest};
use turbomcp::transport::tls::ClientAuthMode;

use crate::authority::{Authority, Certified};
use crate::site::{BINDINGS, ERAS, Site, who};

fn fingerprint(certified: &Certified) -> String {
    digest(&SHA256, &certified.der).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn f164_only_clients_of_the_authority_are_served_where_a_certificate_is_required() {
    let (authority, other) = (Authority::new(), Authority::new());
    let client = authority.client();
    for binding in BINDINGS {
        let config = authority.server("localhost").config().with_ca_bundle(authority.path()).with_mtls();
        let site = Site::open(binding, config).await;
        let shows = |certified: &Certified| certified.config().with_ca_bundle(authority.path());
        for era in ERAS {
            let connected = site.connect_as(shows(&client), "localhost", era).await.unwrap();
            assert_eq!(who(&connected).await.unwrap(), fingerprint(&client));
            connected.close().await;
        }
        Site::refused(site.who(authority.trusted()).await, "no certificate");
        Site::refused(site.who(shows(&other.client())).await, "one of another authority");
        Site::refused(site.who(shows(&authority.server("localhost"))).await, "one that is not for clients");
    }
}

#[tokio::test]
async fn f164_a_client_without_a_certificate_is_served_where_it_is_optional() {
    let (authority, other) = (Authority::new(), Authority::new());
    let client = authority.client();
    for binding in BINDINGS {
        let config = authority.server("localhost").config().with_ca_bundle(authority.path());
        let site = Site::open(binding, config.with_client_auth(ClientAuthMode::Optional)).await;
        let shows = |certified: &Certified| certified.config().with_ca_bundle(authority.path());
        assert_eq!(site.who(shows(&client)).await.unwrap(), fingerprint(&client));
        assert_eq!(site.who(authority.trusted()).await.unwrap(), "nobody");
        Site::refused(site.who(shows(&other.client())).await, "one of another authority");
    }
}

#[tokio::test]
async fn nobody_is_asked_for_a_certificate_unless_the_server_says_so() {
    let authority = Authority::new();
    for binding in BINDINGS {
        let site = Site::open(binding, authority.server("localhost").config()).await;
        let config = authority.client().config().with_ca_bundle(authority.path());
        assert_eq!(site.who(config).await.unwrap(), "nobody");
    }
}
