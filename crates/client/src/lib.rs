//! From your call to an MCP request and back: [`Client`], for servers of every revision.
//!
//! Most users meet this crate through `turbomcp` with its feature `client`, which re-exports it and adds servers in the
//! same process as targets.
//!
//! ```no_run
//! use serde_json::json;
//! use turbomcp_client::Client;
//!
//! # async fn run() -> Result<(), turbomcp_client::Error> {
//! let client = Client::connect("npx -y @modelcontextprotocol/server-everything").await?;
//! for tool in client.list_all_tools().await? {
//!     println!("{}", tool.name);
//! }
//! let result = client.call_tool("echo", json!({"message": "hello"})).await?;
//! println!("{:?}", result.content);
//! client.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! | to | see |
//! |---|---|
//! | connect, and say what the client can do | [`Client::connect`], [`ClientBuilder`], [`Target`] |
//! | call tools, read resources, get prompts | [`Client`], [`Call`] |
//! | read long lists | [`Pages`] |
//! | hear of changes | [`Client::subscribe`], [`Subscription`] |
//! | answer what the server asks | [`ClientHandler`], [`ClientBuilder::on_elicit`] |
//! | start a server as a child process | [`Command`] |
//! | leave a server alone that fails | [`CircuitBreakerConfig`] |
//! | try again what has failed in passing | [`RetryPolicy`] |
//! | find out how a server is doing | [`Client::health`], [`HealthChecker`] |
//! | hold many servers, or those of a configuration | [`ClientGroup`], [`ServerConfigs`] |
//! | reach a server over HTTP | [`HttpTarget`](http::HttpTarget) |
//! | reach a server over TCP, TLS or a Unix socket, one message per line | `TcpTarget`, `TlsTarget`, `UnixTarget`, with the features of these names |

mod backoff;
mod breaker;
mod builder;
mod cache;
mod call;
#[cfg(feature = "stdio")]
mod child;
mod client;
#[cfg(feature = "stdio")]
mod command;
#[cfg(any(feature = "tcp", feature = "tls", all(unix, feature = "unix")))]
#[cfg_attr(not(feature = "compression"), path = "compression/without.rs")]
mod compression;
mod config;
mod error;
mod exchange;
mod group;
mod handler;
mod health;
#[cfg(feature = "http")]
pub mod http;
mod ids;
mod inbox;
mod negotiate;
mod operations;
mod outbox;
#[cfg_attr(not(feature = "validation"), path = "outputs/unchecked.rs")]
mod outputs;
mod pages;
mod questions;
mod retry;
mod stream;
mod subscribe;
mod subscription;
mod sync;
mod target;
mod task;
#[cfg(feature = "tcp")]
mod tcp;
#[cfg(feature = "tls")]
mod tls;
#[cfg(all(unix, feature = "unix"))]
mod unix;
#[cfg(feature = "websocket")]
mod websocket;

pub use breaker::{CircuitBreakerConfig, CircuitState, FailureThreshold, RecoveryStrategy};
pub use builder::{ClientBuilder, Era};
pub use call::Call;
pub use client::Client;
#[cfg(feature = "stdio")]
pub use command::Command;
pub use config::{ServerConfig, ServerConfigs};
pub use error::Error;
pub use group::{ClientGroup, Health};
pub use handler::ClientHandler;
pub use health::{ClientHealth, HealthChecker, HealthConfig};
pub use pages::{Page, Pages};
pub use retry::{BackoffStrategy, ErrorKind, Repeat, RetryConfig, RetryPolicy};
pub use subscription::{Change, Subscription};
pub use target::{ByText, ByTransport, IntoTarget, Ready, Target};
pub use task::TaskHandle;
#[cfg(feature = "tcp")]
pub use tcp::TcpTarget;
#[cfg(feature = "tls")]
pub use tls::TlsTarget;
pub use turbomcp_transport::HealthStatus;
#[cfg(feature = "websocket")]
pub use turbomcp_transport::websocket::WsConfig;
#[cfg(all(unix, feature = "unix"))]
pub use unix::UnixTarget;
