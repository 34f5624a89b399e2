#![allow(unused)]

use turbomcp::prelude::*;

struct Demo;
#[server]
impl Demo {
    #[tool(name = "add", "Adds two numbers")]
    fn add(&self) {}
}

fn main() {}
