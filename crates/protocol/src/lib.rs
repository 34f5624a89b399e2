//! The Model Context Protocol as it is on the wire: JSON-RPC messages, MCP types, methods, revisions and error codes.
//!
//! This crate does no I/O, reads no clock and spawns nothing. Most users meet it through the `turbomcp` crate, which
//! re-exports it.
//!
//! ```
//! use turbomcp_protocol::{Message, Revision};
//!
//! let text = br#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
//! let message = Message::decode(text).unwrap();
//! assert_eq!(message.method(text), "tools/list");
//! assert_eq!(Revision::parse("2025-06-18"), Some(Revision::V2025_06_18));
//! ```
//!
//! | module | what is in it |
//! |---|---|
//! | [`types`] | the MCP types of all five revisions, as one superset |
//! | [`message`] | the outer members of a message, located without copying |
//! | [`method`] | the names of requests and notifications |
//! | [`revision`] | the dated revisions and what each can do |
//! | [`error`] | error codes and [`McpError`] |
//! | [`encode`] | results in the form a peer of a given revision may see |
//! | [`scan`], [`escape`] | reading and writing JSON without building values |
//! | [`date`] | days, counted and named |

pub mod date;
pub mod encode;
pub mod error;
pub mod escape;
pub mod message;
pub mod method;
pub mod revision;
pub mod scan;
pub mod types;

pub use encode::EncodeResult;
pub use error::{ErrorCode, McpError, McpResult};
pub use message::{Kind, Message};
pub use method::Method;
pub use revision::Revision;
