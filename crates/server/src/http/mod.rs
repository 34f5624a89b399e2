//! Streamable HTTP, both eras on one URL.

mod body;
#[cfg_attr(not(feature = "compression"), path = "compression/without.rs")]
mod compression;
mod cors;
#[cfg(feature = "dashboard")]
pub(crate) mod dashboard;
mod endpoint;
mod events;
mod first;
mod head;
mod kept;
mod legacy;
mod metadata;
mod mirrored;
mod modern;
mod operator;
mod owner;
mod renewal;
mod server;
mod service;
mod session;
mod stream;
#[cfg_attr(not(feature = "tls"), path = "tls/without.rs")]
mod tls;
#[cfg(all(unix, feature = "unix"))]
mod unix;
#[cfg(feature = "websocket")]
mod websocket;

pub use cors::CorsConfig;
#[cfg(feature = "dashboard")]
pub use dashboard::{DashboardConfig, DashboardListener};
pub(crate) use events::Events;
pub(crate) use mirrored::check as check_mirrored;
pub use operator::{ManagementListener, ManagementServer};
pub use server::{HttpListener, HttpServer};
pub(crate) use stream::{Last, Stream};
#[cfg(all(unix, feature = "unix"))]
pub use unix::HttpUnixListener;
