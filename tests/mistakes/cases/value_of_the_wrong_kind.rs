#![allow(unused)]

use turbomcp::prelude::*;

struct Demo;
#[server(crate = "turbomcp")]
impl Demo {
    #[tool(name = 5)]
    fn first(&self) {}

    #[tool(read_only = "yes")]
    fn second(&self) {}

    #[tool(icons = "https://example.com/icon.png")]
    fn third(&self) {}

    #[tool(aggr = true)]
    fn fourth(&self, a: String) {}
}

fn main() {}
