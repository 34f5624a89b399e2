#![allow(unused)]

use turbomcp::prelude::*;

struct Demo;
#[server]
impl Demo {
    #[tool]
    fn show(&self) -> impl ToString {
        1
    }
}

fn main() {}
