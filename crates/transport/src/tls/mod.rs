//! TLS: what both sides are configured by, and messages over it, one a line.
//!
//! Only rustls and `ring` are used; every cipher suite of theirs has forward secrecy.
//!
//! ```no_run
//! use turbomcp_transport::tls::{ClientAuthMode, TlsConfig, TlsVersion};
//!
//! // A server that takes clients with a certificate of the company's, and others.
//! let server = TlsConfig::new("server.pem", "server.key")
//!     .with_ca_bundle("company.pem")
//!     .with_client_auth(ClientAuthMode::Optional);
//! // A client that still speaks to servers without TLS 1.3, if they are certified by the company.
//! let client = TlsConfig::default().with_ca_bundle("company.pem").with_min_version(TlsVersion::V1_2);
//! # drop((server, client));
//! ```

mod accept;
mod config;
mod connect;
mod der;
mod error;
mod handle;
mod listen;
mod ocsp;
mod pem;
mod pins;
mod transport;
mod verify;
mod watch;

pub use accept::{Handshakes, TlsAcceptor};
pub use config::{CertValidationConfig, ClientAuthMode, TlsConfig, TlsVersion};
pub use error::TlsError;
pub use handle::TlsHandle;
pub use listen::TlsListener;
pub use pins::CertPinningConfig;
pub use transport::TlsTransport;
