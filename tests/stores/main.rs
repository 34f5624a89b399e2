//! What a server keeps in Redis and PostgreSQL, with the engines themselves.

mod balancer;
mod bus;
mod engines;
