//! Who is let in, and what is answered to everybody else.

#[path = "../tls/authority.rs"]
#[expect(dead_code, reason = "the tests of TLS need more of it")]
mod authority;
mod bindings;
mod cases;
mod certificates;
mod environment;
mod good;
mod issuer;
mod keys;
mod leaks;
mod metadata;
mod refusals;
mod relay;
mod site;
mod state;
