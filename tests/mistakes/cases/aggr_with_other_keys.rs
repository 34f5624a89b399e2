#![allow(unused)]

use turbomcp::prelude::*;

struct Demo;
#[server]
impl Demo {
    #[tool]
    fn first(&self, #[arg(aggr, range = 1..=2)] n: u8) {}

    #[tool(aggr)]
    fn second(&self, #[arg(description = "x")] n: u8) {}

    #[tool]
    fn third(&self, #[arg(aggr)] a: String, #[tool(aggr)] b: String) {}

    #[tool(aggr)]
    fn fourth(&self) {}
}

fn main() {}
