//! TLS beneath HTTP in a build where there is nothing to set of it.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore, crypto::ring, version};

use crate::Error;

#[derive(Debug, Clone, Default)]
pub(super) struct Tls(());

impl Tls {
    #[expect(clippy::unused_self, reason = "with the feature there are settings")]
    pub(super) fn client_config(&self) -> Result<ClientConfig, Error> {
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&version::TLS13])
            .map_err(|error| Error::connect("TLS cannot be set up").with_source(error))?;
        Ok(builder.with_root_certificates(roots).with_no_client_auth())
    }
}
