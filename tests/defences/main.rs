//! A test for each defence that is on by default, named after its number, and tables of bad input.
//!
//! | | |
//! |---|---|
//! | 1–8 | HTTP |
//! | 9–12 | standard input and output |
//! | 13–20 | what every transport shares |

mod bad_http;
mod bad_stdio;
mod core;
#[cfg(unix)]
mod ending;
mod http;
mod stdio;
