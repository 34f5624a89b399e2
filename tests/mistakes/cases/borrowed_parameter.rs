#![allow(unused)]

use turbomcp::prelude::*;

struct Demo;
#[server]
impl Demo {
    #[tool]
    fn first(&self, name: &'static str) {}

    #[tool]
    fn second(&self, names: Vec<&str>) {}

    #[tool]
    fn third(&self, shape: &dyn std::fmt::Debug) {}
}

fn main() {}
