//! What a server keeps in files, in Redis and in PostgreSQL, with the engines themselves.

mod balancer;
mod bus;
mod engines;
mod examples;
mod file;
mod folder;
mod managing;
mod replicas;
mod suite;
mod tasks;
