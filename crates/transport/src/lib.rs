//! How MCP messages travel: the [`Transport`] trait and one feature-gated module per binding.
//!
//! | module | binding | feature |
//! |---|---|---|
//! | [`lines`] | any pair of byte streams, one message a line | always |
//! | [`memory`] | two ends in the same process | always |
//! | [`metrics`] | what all of them count | always |
//! | [`stdio`] | the standard input and output of this process | `stdio` |
//! | [`http`] | the rules of Streamable HTTP, and a listener | `http` |
//! | [`tcp`] | TCP | `tcp` |
//! | [`unix`] | Unix sockets | `unix` |
//! | [`tls`] | TLS, also beneath HTTP | `tls` |
//! | [`websocket`] | WebSocket | `websocket` |
//!
//! [`compression`] is of use to those that carry lines and to HTTP, with the feature `compression`.
//!
//! [`authenticate`] says who is at the other end of any of them.
//!
//! A transport carries messages and knows nothing of tools or sessions. To carry them over something new, implement
//! [`Transport`], or wrap a byte stream in [`lines::Lines`].

pub mod authenticate;
pub mod codec;
#[cfg(feature = "compression")]
pub mod compression;
mod error;
pub mod extensions;
mod health;
#[cfg(feature = "http")]
pub mod http;
pub mod lines;
#[cfg(any(feature = "http", feature = "tcp", feature = "tls", feature = "unix"))]
pub mod listener;
pub mod memory;
pub mod metrics;
mod principal;
pub mod proofs;
#[cfg(feature = "stdio")]
pub mod stdio;
// The listener for it is HTTP's and TLS's, too.
#[cfg(any(feature = "http", feature = "tcp", feature = "tls"))]
pub mod tcp;
#[cfg(feature = "tls")]
pub mod tls;
mod transport;
#[cfg(any(feature = "http", feature = "tcp", feature = "tls", feature = "websocket"))]
pub mod tuning;
#[cfg(all(unix, feature = "unix"))]
pub mod unix;
#[cfg(feature = "websocket")]
pub mod websocket;

pub use error::Error;
pub use extensions::{Extensions, Identity, ParentProcess, PeerAddr, PeerCredentials, TlsIdentity};
pub use health::HealthStatus;
pub use principal::Principal;
pub use transport::{Batch, Receive, Send, Transport};
