//! A Rust SDK for servers and clients of the Model Context Protocol: one handler, every revision.
//!
//! Annotate an `impl` block; its methods become tools, resources and prompts. Then serve it:
//!
//! ```no_run
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
//!
//!     /// A number that was measured.
//!     #[resource("constants://{name}", mime_type = "text/plain")]
//!     async fn constant(&self, name: String) -> McpResult<String> {
//!         match name.as_str() {
//!             "pi" => Ok(std::f64::consts::PI.to_string()),
//!             _ => Err(McpError::resource_not_found(format!("constants://{name}"))),
//!         }
//!     }
//!
//!     /// Asks for an explanation.
//!     #[prompt]
//!     async fn explain(&self, formula: String) -> String {
//!         format!("Explain {formula} to a child.")
//!     }
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), turbomcp::Error> {
//!     Calculator.run_stdio().await
//! }
//! ```
//!
//! With the feature `http`, `Calculator.run_http("127.0.0.1:8080")` serves the same at `http://127.0.0.1:8080/mcp`, and
//! `Calculator.into_router()` is a router to mount into an axum application.
//!
//! # What is where
//!
//! | to | see |
//! |---|---|
//! | write a server with macros | [`server`](macro@server), [`tool`](macro@tool), [`resource`](macro@resource), [`prompt`](macro@prompt), [`completion`](macro@completion) |
//! | write one by hand | [`ServerBuilder`]; [`FnTool`], [`FnResource`], [`FnPrompt`]; [`ToolHandler`] and its siblings |
//! | know who asks, report progress, log, ask the client | [`Context`], [`FromContext`] |
//! | fail | [`ToolError`], [`McpError`], [`ServerError`] |
//! | run, change and end a server | [`McpServer`], [`ServerConfig`], [`IntoServer`], [`ShutdownHandle`] |
//! | bound what it takes on | [`Limits`] |
//! | say whether it is well, and what it counts | [`health`], [`metrics`] |
//! | see it and try its tools in a browser, with the feature `dashboard` | `ServerBuilder::with_dashboard`, `DashboardConfig` |
//! | bound, record and word what passes, by one configuration | [`layers`], [`layers::MiddlewareStack`] |
//! | say all that by files and variables, with the feature `config-files` | `settings`, [`ServerBuilder::settings`](ServerBuilder) |
//! | wrap code around every request | [`Middleware`], [`ServerBuilder::layer`] |
//! | let in only whom it should, with the feature `auth` | [`ServerBuilder::auth`], [`Principal`], `auth::AuthManager` |
//! | decide what whoever calls may do and may know of | [`Access`], [`Visibility`], [`Claims`] |
//! | serve many customers, each apart from the others, with the feature `multi-tenancy` | [`ServerBuilder::with_tenancy`](ServerBuilder), `tenancy` |
//! | call a server, with the feature `client` | `Client` |
//!
//! | module | holds |
//! |---|---|
//! | [`prelude`] | what a first program uses |
//! | [`types`] | the types of the protocol: content, definitions, results, capabilities |
//! | [`transport`] | how messages travel: stdio, memory, byte streams, the rules of HTTP, and the trait for others |
//! | [`health`], [`metrics`] | what whoever operates a server reads |
//! | [`store`] | the engines in which a server keeps what outlives a process |
//! | [`schema`] | JSON Schemas of arguments and results |
//! | [`uri`], [`text`] | URI templates, and values read from a text |
//!
//! # Features
//!
//! | feature | brings | default |
//! |---|---|---|
//! | `macros` | the attribute macros | yes |
//! | `stdio` | standard input and output: `McpServer::run_stdio` | yes |
//! | `http` | Streamable HTTP: `McpServer::run_http`, `HttpServer` | no |
//! | `tcp`, `unix` | TCP and Unix sockets: `McpServer::run_tcp`, `McpServer::run_unix`; with `http` also `run_http_unix` | no |
//! | `tls` | TLS: `McpServer::run_tls`, `HttpServer::tls`, `transport::tls::TlsConfig`, `wss://` with `websocket`, and to the stores | no |
//! | `websocket` | WebSocket: `McpServer::run_websocket`, `HttpServer::websocket`, and `ws://` for the client | no |
//! | `compression` | compression over HTTP and over what carries lines: `transport::compression` | no |
//! | `client` | `client`: the client, over the bindings that are chosen beside it | no |
//! | `auth`, or `oauth` | `auth`: who may call a server, `auth::AuthManager`; OAuth for the client, `auth::OAuthClient`; logins of a server's users, `auth::OAuth2Provider` | no |
//! | `dev` | `auth::dev`: tokens for development. Not for production | no |
//! | `cache` | results of tools that are kept for a while: `layers::CacheConfig`, `layers::CacheManager` | no |
//! | `multi-tenancy` | `tenancy`: many tenants on one server, each with limits of its own | no |
//! | `config-files` | `settings`: configuration from TOML, YAML and environment variables | no |
//! | `hot-reload` | settings that are replaced while a server runs: `McpServer::replace_settings`, SIGHUP | no |
//! | `dashboard` | pages for developers and operators: `ServerBuilder::with_dashboard`, `DashboardConfig` | no |
//! | `otel` | `otel`: traces and metrics over OTLP | no |
//! | `session-redis`, `session-postgres` | `store`: Redis and PostgreSQL, for what outlives a process and what replicas share | no |
//! | `basic` | `macros` and `stdio` | |
//! | `all-transports` | `stdio`, `http`, `websocket`, `tcp`, `unix` and `tls` | |
//! | `full` | everything but `dev` | |

#[cfg(feature = "client")]
pub mod client;
pub mod health;
pub mod prelude;

#[cfg(feature = "auth")]
pub use turbomcp_auth as auth;
pub use turbomcp_protocol::{ErrorCode, McpError, McpResult, Method, Revision, types};
#[cfg(all(unix, feature = "http", feature = "unix"))]
pub use turbomcp_server::HttpUnixListener;
#[cfg(feature = "tcp")]
pub use turbomcp_server::TcpServer;
#[cfg(feature = "tls")]
pub use turbomcp_server::TlsServer;
#[cfg(all(unix, feature = "unix"))]
pub use turbomcp_server::UnixServer;
#[cfg(feature = "otel")]
pub use turbomcp_server::otel;
#[cfg(any(feature = "http", feature = "websocket"))]
pub use turbomcp_server::sessions;
#[cfg(feature = "config-files")]
pub use turbomcp_server::settings;
#[cfg(feature = "multi-tenancy")]
pub use turbomcp_server::tenancy;
pub use turbomcp_server::{
    Access, Answer, ArgumentError, Arguments, Ask, BoxError, CallToolRequest, Claims, CompleteRequest,
    CompletionHandler, Context, Ending, Error, FnPrompt, FnResource, FnTool, FromContext, GetPromptRequest, Handle,
    HandlerRegistry, IntoCallToolResult, IntoCompletion, IntoGetPromptResult, IntoReadResourceResult,
    IntoResourceHandler, IntoServer, IntoToolHandler, Json, Limits, McpServer, Middleware, MiddlewareError,
    MiddlewareResult, Next, Params, Primitive, PrimitiveKind, Progress, PromptHandler, ReadResourceRequest, Request,
    RequestContext, ResourceDefinition, ResourceFunction, ResourceHandler, Response, SchemaValidator, ServerBuilder,
    ServerConfig, ServerError, ServerResult, ShutdownHandle, StackFuture, ToolError, ToolFunction, ToolHandler,
    TraceContext, Validation, ValidationConfig, Visibility, bus, layers, metrics, schema, store, tasks, text, uri,
};
#[cfg(any(feature = "http", feature = "websocket"))]
pub use turbomcp_server::{CorsConfig, HttpListener, HttpServer, ManagementListener, ManagementServer};
#[cfg(feature = "dashboard")]
pub use turbomcp_server::{DashboardConfig, DashboardListener};
pub use turbomcp_transport as transport;
pub use turbomcp_transport::Principal;

#[cfg(feature = "client")]
pub use turbomcp_client::Client;

#[cfg(feature = "macros")]
pub use turbomcp_macros::{completion, prompt, resource, server, tool};

#[doc(hidden)]
pub use turbomcp_server::__private;

/// The README's program is compiled with the doctests.
#[cfg(all(doctest, feature = "macros", feature = "stdio"))]
#[doc = include_str!("../../../README.md")]
mod readme {}

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
