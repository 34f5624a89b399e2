#![allow(unused)]

use turbomcp::prelude::*;

struct Demo;
#[server]
impl Demo {
    #[tool(name)]
    fn first(&self) {}

    #[tool(description)]
    fn second(&self) {}

    #[tool(title = , read_only)]
    fn third(&self) {}

    #[tool(icons)]
    fn fourth(&self) {}
}

fn main() {}
