//! A Rust SDK for the Model Context Protocol: one handler, every revision.
//!
//! ```
//! use turbomcp::prelude::*;
//!
//! struct Calculator;
//!
//! #[server(name = "calculator", version = "1.0.0")]
//! impl Calculator {
//!     /// Adds two numbers.
//!     #[tool]
//!     async fn add(&self, a: i64, b: i64) -> i64 {
//!         a + b
//!     }
//! }
//!
//! let server = Calculator.into_server();
//! # drop(server);
//! ```
//!
//! Then `Calculator.run_stdio().await` serves it to any MCP client.

#[cfg(feature = "client")]
pub mod client;
pub mod prelude;

pub use turbomcp_protocol::{ErrorCode, McpError, McpResult, Method, Revision, types};
pub use turbomcp_server::{
    ArgumentError, Arguments, Ask, BoxError, CallToolRequest, CompleteRequest, CompletionHandler, Context, Error,
    FnPrompt, FnResource, FnTool, FromContext, GetPromptRequest, Handle, HandlerRegistry, IntoCallToolResult,
    IntoCompletion, IntoGetPromptResult, IntoReadResourceResult, IntoServer, IntoToolHandler, Json, Limits, McpServer,
    Middleware, MiddlewareError, MiddlewareResult, Next, Progress, PromptHandler, ReadResourceRequest, Request,
    ResourceDefinition, ResourceHandler, Response, ServerBuilder, ServerError, ServerResult, ShutdownHandle,
    StackFuture, ToolError, ToolHandler, Validation, schema, text, uri,
};
#[cfg(feature = "http")]
pub use turbomcp_server::{HttpListener, HttpServer};
pub use turbomcp_transport as transport;

#[cfg(feature = "client")]
pub use turbomcp_client::Client;

#[cfg(feature = "macros")]
pub use turbomcp_macros::{completion, prompt, resource, server, tool};

#[doc(hidden)]
pub use turbomcp_server::__private;

/// Creates an [`McpError`] with a formatted message that the peer sees, and the code of an internal error.
///
/// ```
/// let error = turbomcp::mcp_error!("no tenant named {}", "acme");
/// assert_eq!(error.message(), "no tenant named acme");
/// ```
#[macro_export]
macro_rules! mcp_error {
    ($($arg:tt)*) => {
        $crate::McpError::new($crate::ErrorCode::INTERNAL_ERROR, ::std::format!($($arg)*))
    };
}
