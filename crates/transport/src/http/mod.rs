//! Streamable HTTP without what is MCP's own: credentials, mirrored headers, event streams, who may connect, and a listener.

pub mod authorize;
pub mod headers;
pub mod listener;
pub mod origin;
mod request;
pub mod sse;

pub use request::HttpRequest;
