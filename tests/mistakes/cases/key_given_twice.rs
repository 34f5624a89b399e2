#![allow(unused)]

use turbomcp::prelude::*;

struct Demo;
#[server]
impl Demo {
    #[tool(name = "a", read_only, name = "b", read_only)]
    fn first(&self, #[arg(min = 1, range = 1..=2)] n: u8) {}

    #[tool("Does this", description = "Does that")]
    fn second(&self) {}
}

fn main() {}
