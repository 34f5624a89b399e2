#![allow(unused)]

use turbomcp::prelude::*;

struct Demo;
#[server]
impl Demo {
    #[tool]
    fn first(&self, (a, b): (i64, i64)) -> i64 {
        a + b
    }

    #[tool]
    fn second(&self, _: i64) {}
}

fn main() {}
