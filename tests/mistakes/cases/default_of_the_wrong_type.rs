#![allow(unused)]

use turbomcp::prelude::*;

struct Demo;
#[server]
impl Demo {
    #[tool]
    fn first(&self, #[arg(default = true)] limit: u32) -> u32 {
        limit
    }
}

fn main() {}
