//! From an MCP request to your handler and back: the registry, the Tower stack, and [`McpServer`].
//!
//! Most users meet this crate through `turbomcp`, which re-exports it and adds the macros.
//!
//! ```
//! use schemars::JsonSchema;
//! use serde::Deserialize;
//! use turbomcp_server::{Context, McpServer};
//!
//! #[derive(Deserialize, JsonSchema)]
//! struct Add {
//!     a: i64,
//!     b: i64,
//! }
//!
//! let server = McpServer::builder()
//!     .name("calculator")
//!     .tool("add", |Add { a, b }: Add, _: Context| async move { a + b })?
//!     .build();
//! # drop(server);
//! # Ok::<(), turbomcp_server::Error>(())
//! ```

mod access;
mod arguments;
mod auth;
mod batch;
mod builder;
pub mod bus;
#[cfg(any(feature = "tcp", feature = "tls", all(unix, feature = "unix")))]
#[cfg_attr(not(feature = "compression"), path = "compression/without.rs")]
mod compression;
mod config;
mod connection;
mod context;
mod deadline;
mod environment;
mod era;
mod error;
mod form;
mod handler;
#[cfg_attr(not(feature = "http"), expect(dead_code, reason = "only HTTP has paths to ask at"))]
pub mod health;
#[cfg(feature = "http")]
mod http;
mod hub;
mod in_flight;
mod inner;
mod input;
pub mod layers;
mod limits;
#[cfg(any(feature = "http", feature = "tcp", feature = "tls", all(unix, feature = "unix")))]
mod listening;
#[cfg_attr(not(feature = "http"), expect(dead_code, reason = "only HTTP shows all that is counted"))]
pub mod metrics;
mod operator;
#[cfg(feature = "otel")]
pub mod otel;
mod outbox;
mod outlet;
mod peer;
#[doc(hidden)]
pub mod private;
mod registry;
mod reply;
mod request;
mod roots;
mod router;
mod run;
mod sampling;
pub mod schema;
mod seal;
mod server;
#[cfg(feature = "http")]
pub mod sessions;
#[cfg(feature = "config-files")]
pub mod settings;
mod shutdown;
#[cfg(any(feature = "stdio", feature = "http", feature = "tcp", feature = "tls", all(unix, feature = "unix")))]
mod signal;
#[cfg(any(feature = "tcp", all(unix, feature = "unix")))]
mod sockets;
mod stack;
pub mod store;
mod sync;
pub mod tasks;
#[cfg(feature = "multi-tenancy")]
pub mod tenancy;
#[cfg(not(feature = "multi-tenancy"))]
#[path = "tenancy/without.rs"]
mod tenancy;
pub mod text;
#[cfg(feature = "tls")]
mod tls;
mod trace;
pub mod uri;
mod validation;

pub use access::{Access, Claims, Primitive, PrimitiveKind, Visibility};
pub use arguments::{ArgumentError, Arguments, Params};
pub use builder::{IntoServer, ServerBuilder};
pub use config::ServerConfig;
pub use context::{Context, FromContext, Progress, RequestContext};
pub use error::{Error, ServerError, ServerResult, ToolError};
pub use form::Answer;
pub use handler::{
    ByFunction, ByTrait, CallToolRequest, CompleteRequest, CompletionHandler, FnPrompt, FnResource, FnTool,
    GetPromptRequest, IntoCallToolResult, IntoCompletion, IntoGetPromptResult, IntoReadResourceResult,
    IntoResourceHandler, IntoToolHandler, Json, PromptHandler, ReadResourceRequest, ResourceDefinition,
    ResourceFunction, ResourceHandler, ToolFunction, ToolHandler, Validation,
};
#[cfg(all(unix, feature = "http", feature = "unix"))]
pub use http::HttpUnixListener;
#[cfg(feature = "http")]
pub use http::{CorsConfig, HttpListener, HttpServer, ManagementListener, ManagementServer};
#[cfg(feature = "dashboard")]
pub use http::{DashboardConfig, DashboardListener};
pub use input::Ask;
pub use limits::Limits;
#[doc(hidden)]
pub use private as __private;
pub use registry::HandlerRegistry;
pub use request::{Request, Response};
pub use server::McpServer;
pub use shutdown::{Ending, ShutdownHandle};
#[cfg(feature = "tcp")]
pub use sockets::TcpServer;
#[cfg(all(unix, feature = "unix"))]
pub use sockets::UnixServer;
pub use stack::{BoxError, Handle, Middleware, MiddlewareError, MiddlewareResult, Next, StackFuture};
#[cfg(feature = "tls")]
pub use tls::TlsServer;
pub use trace::TraceContext;
pub use validation::{SchemaValidator, ValidationConfig};
