#![allow(unused)]

use turbomcp::prelude::*;

struct Demo;
#[server("calculator")]
impl Demo {
    #[tool]
    fn add(&self) {}
}

fn main() {}
