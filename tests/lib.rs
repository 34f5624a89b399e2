//! What the tests share: a client that checks what it is sent, a server in a child process, and servers to talk to.

pub mod child;
pub mod client;
pub mod engines;
pub mod fixture;
pub mod http;
pub mod schema;
pub mod stage;
pub mod websocket;

pub use child::Child;
pub use client::{Client, PATIENCE, initialize_params, modern};
pub use http::{Http, Reply, Request, Site};
pub use websocket::{Frame, WebSocket};
