//! The certificates of a run: an authority that exists for as long as it takes, and one server that it vouches for.

use std::path::PathBuf;

use turbomcp::transport::tls::{ClientAuthMode, TlsConfig};

use crate::authority::{Authority, Certified};

pub struct Papers {
    authority: Authority,
    server: Certified,
    client: Certified,
}

impl Papers {
    pub fn new() -> Self {
        let authority = Authority::new();
        let server = authority.server("127.0.0.1");
        let client = authority.client();
        Self { authority, server, client }
    }

    /// Returns what a server shows.
    pub fn server(&self) -> TlsConfig {
        self.server.config()
    }

    /// Returns what a server shows that looks at what clients show.
    pub fn server_that_asks(&self) -> TlsConfig {
        self.server().with_ca_bundle(self.authority.path()).with_client_auth(ClientAuthMode::Optional)
    }

    /// Returns what a client trusts, and what it shows.
    pub fn known(&self) -> TlsConfig {
        self.client.config().with_ca_bundle(self.authority.path())
    }

    /// Returns what a client trusts.
    pub fn trusted(&self) -> TlsConfig {
        self.authority.trusted()
    }

    /// Returns where the certificate of the authority is, in a directory that goes with the run.
    pub fn path(&self) -> PathBuf {
        self.authority.path()
    }
}
