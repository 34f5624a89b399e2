//! The rules of Streamable HTTP that need no server: mirrored headers, event streams, and who may connect.

pub mod headers;
pub mod origin;
pub mod sse;
