#![allow(unused)]

use turbomcp::prelude::*;

struct Demo;
#[tool]
impl Demo {
    fn add(&self) {}
}

fn main() {}
