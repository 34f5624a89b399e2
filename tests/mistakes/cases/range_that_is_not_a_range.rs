#![allow(unused)]

use turbomcp::prelude::*;

struct Demo;
#[server]
impl Demo {
    #[tool]
    fn first(&self, #[arg(range = 10)] n: u8) {}

    #[tool]
    fn second(&self, #[arg(length = ..)] text: String) {}

    #[tool]
    fn third(&self, #[validate(range(minimum = 1))] n: u8) {}

    #[tool]
    fn fourth(&self, #[validate(email)] text: String) {}
}

fn main() {}
