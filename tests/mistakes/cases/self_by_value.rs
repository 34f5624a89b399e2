#![allow(unused)]

use turbomcp::prelude::*;

struct Demo;
#[server]
impl Demo {
    #[tool]
    fn add(self) {}

    #[tool]
    fn sum(mut self) {}
}

fn main() {}
