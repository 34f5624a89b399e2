#![allow(unused)]

use turbomcp::prelude::*;

struct Demo;
#[server]
impl Demo {
    #[tool]
    fn find(&self, #[arg(header = "My Region")] region: String) {}
}

fn main() {}
