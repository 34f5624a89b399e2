#![allow(unused)]

use turbomcp::prelude::*;

struct Demo;
#[server]
impl Demo {
    #[tool]
    unsafe fn first(&self) {}

    #[tool]
    extern "C" fn second(&self) {}
}

fn main() {}
