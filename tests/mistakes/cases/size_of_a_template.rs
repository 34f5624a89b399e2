#![allow(unused)]

use turbomcp::prelude::*;

struct Demo;
#[server]
impl Demo {
    #[resource("file:///logs/{name}", size = 100)]
    fn log(&self, name: String) -> String {
        name
    }
}

fn main() {}
