#![allow(unused)]

use turbomcp::prelude::*;

struct Demo;
#[server]
impl Demo {
    #[tool]
    #[prompt]
    fn add(&self) -> String {
        String::new()
    }
}

fn main() {}
