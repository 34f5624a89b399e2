//! Streamable HTTP, both eras on one URL.

mod body;
mod cors;
mod endpoint;
mod events;
mod first;
mod head;
mod legacy;
mod mirrored;
mod modern;
mod owner;
mod server;
mod service;
mod session;
mod stream;
#[cfg_attr(not(feature = "tls"), path = "tls/without.rs")]
mod tls;
#[cfg(feature = "websocket")]
mod websocket;

pub use cors::CorsConfig;
pub(crate) use events::Events;
pub(crate) use mirrored::check as check_mirrored;
pub use server::{HttpListener, HttpServer};
pub(crate) use stream::Stream;
