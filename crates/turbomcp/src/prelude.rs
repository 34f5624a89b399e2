//! What a server's first program uses.

pub use crate::{Context, IntoServer, Json, McpError, McpResult, McpServer, ServerBuilder, mcp_error};
#[cfg(feature = "macros")]
pub use crate::{completion, prompt, resource, server, tool};
