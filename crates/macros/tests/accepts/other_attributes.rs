//! Attributes of others stay, and lints find nothing in what is emitted.
#![deny(warnings, missing_docs, unused_qualifications, unreachable_pub, elided_lifetimes_in_paths)]

use turbomcp::prelude::*;

/// A server.
#[derive(Clone, Debug)]
pub struct Demo;

#[server]
#[allow(clippy::unused_self)]
impl Demo {
    #[inline]
    #[must_use]
    #[tool]
    #[doc(alias = "plus")]
    /// Adds.
    pub async fn add(&self, #[allow(unused_variables)] a: i64, mut b: i64) -> i64 {
        b += 1;
        b
    }

    #[doc = concat!("Sub", "tracts.")]
    #[tool(name = "subtract")]
    pub fn sub(&self, a: i64, b: i64) -> i64 {
        a - b
    }

    /// Not a handler.
    pub fn not_a_handler(self) -> Self {
        self
    }
}

#[test]
fn is_accepted() {
    let _ = Demo.not_a_handler().into_server();
}
