//! The certificates of a run: an authority that exists for as long as it takes, and one server that it vouches for.

use std::path::PathBuf;

use turbomcp::transport::tls::TlsConfig;

use crate::authority::{Authority, Certified};

pub struct Papers {
    authority: Authority,
    server: Certified,
}

impl Papers {
    pub fn new() -> Self {
        let authority = Authority::new();
        let server = authority.server("127.0.0.1");
        Self { authority, server }
    }

    /// Returns what a server shows.
    pub fn server(&self) -> TlsConfig {
        self.server.config()
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
