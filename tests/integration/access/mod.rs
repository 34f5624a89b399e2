//! What callers may do and may know of, on every binding that knows who calls.

mod bindings;
mod bound;
mod hidden;
mod needs;
mod notices;
mod people;
