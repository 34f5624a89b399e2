#![allow(unused)]

use turbomcp::prelude::*;

struct Demo;
#[server]
impl Demo {
    #[tool = "Adds two numbers"]
    fn add(&self, a: i64, b: i64) -> i64 {
        a + b
    }
}

fn main() {}
