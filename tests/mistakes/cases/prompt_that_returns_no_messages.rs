#![allow(unused)]

use turbomcp::prelude::*;

struct Demo;
#[server]
impl Demo {
    #[prompt]
    fn review(&self) -> u32 {
        1
    }
}

fn main() {}
