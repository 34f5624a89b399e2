#![allow(unused)]

use turbomcp::prelude::*;

struct Demo;
#[server]
impl Demo {
    #[tool]
    fn add(&self, a: i64, #[arg(name = "a")] b: i64) -> i64 {
        a + b
    }
}

fn main() {}
