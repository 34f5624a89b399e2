//! What a server keeps in Redis and PostgreSQL, with the engines themselves.

mod engines;
mod tasks;
