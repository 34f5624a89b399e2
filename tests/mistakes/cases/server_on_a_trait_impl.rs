#![allow(unused)]

use turbomcp::prelude::*;

struct Demo;
trait Tools {
    fn add(&self);
}

#[server]
impl Tools for Demo {
    #[tool]
    fn add(&self) {}
}

fn main() {}
