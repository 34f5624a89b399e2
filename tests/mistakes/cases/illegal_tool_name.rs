#![allow(unused)]

use turbomcp::prelude::*;

struct Demo;
#[server]
impl Demo {
    #[tool(name = "add numbers")]
    fn first(&self) {}

    #[tool(name = "")]
    fn second(&self) {}

    #[tool]
    fn größe(&self) {}
}

fn main() {}
