#![allow(unused)]

use turbomcp::prelude::*;

struct Demo;
#[server]
impl Demo {
    #[tool(name = "add" title = "Add")]
    fn add(&self) {}

    #[tool(description "Adds")]
    fn sum(&self) {}
}

fn main() {}
