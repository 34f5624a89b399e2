//! The bindings of the suite, a module each.

mod http;
mod https;
mod memory;
mod ports;
mod stdio;
mod tcp;
mod tls;
#[cfg(unix)]
mod unix;
mod websocket;
mod wss;

use crate::binding::Binding;

pub static BINDINGS: &[&dyn Binding] = &[
    &stdio::Stdio,
    &memory::Memory,
    &http::Http,
    &https::Https,
    &websocket::WebSocket,
    &wss::Wss,
    &tcp::Tcp,
    &tls::Tls,
    #[cfg(unix)]
    &unix::Unix,
];
