#![allow(unused)]

use turbomcp::prelude::*;

struct Demo;
#[server]
impl Demo {
    #[tool]
    fn add(&self, a: i64, #[cfg(unix)] b: i64) {}
}

fn main() {}
