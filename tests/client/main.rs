//! The client: its eras, its operations, and servers that do not behave.

mod asking;
mod breaker;
mod credentials;
mod group;
mod health;
mod http;
mod misbehaving;
mod negotiation;
mod operations;
mod peer;
#[cfg(unix)]
mod processes;
mod requirements;
mod retry;
mod sessions;
mod tasks;
mod web;
