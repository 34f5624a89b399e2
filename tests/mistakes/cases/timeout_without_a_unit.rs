#![allow(unused)]

use turbomcp::prelude::*;

struct Demo;
#[server]
impl Demo {
    #[tool(timeout = 30)]
    fn first(&self) {}

    #[tool(timeout = "30")]
    fn second(&self) {}

    #[tool(timeout = "1.5s")]
    fn third(&self) {}

    #[tool(timeout = "0s")]
    fn fourth(&self) {}
}

fn main() {}
