//! The wire types against the official examples and schemas.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod examples;
mod revisions;
mod round_trip;
mod schema;
mod vectors;
