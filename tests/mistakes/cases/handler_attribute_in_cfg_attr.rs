#![allow(unused)]

use turbomcp::prelude::*;

struct Demo;
#[server]
impl Demo {
    #[cfg_attr(unix, tool("Adds two numbers"))]
    fn add(&self) {}
}

fn main() {}
