#![allow(unused)]

use turbomcp::prelude::*;

struct Demo;
impl Demo {
    #[tool("Adds two numbers")]
    async fn add(&self, #[arg(description = "The first")] a: i64, b: i64) -> i64 {
        a + b
    }
}

fn main() {}
