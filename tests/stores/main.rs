//! What a server keeps in files, in Redis and in PostgreSQL, with the engines themselves.

#[allow(dead_code, reason = "the tests of TLS have more use for it")]
#[path = "../tls/authority.rs"]
mod authority;
mod balancer;
mod bus;
mod crowd;
mod engines;
mod examples;
mod file;
mod folder;
mod limits;
mod managing;
mod model;
mod once;
mod proofs;
mod replicas;
mod sql;
mod suite;
mod tasks;
mod tls;
