#![allow(unused)]

use turbomcp::prelude::*;

struct Demo;
#[server]
impl Demo {
    #[resource("file:///logs/{name}")]
    fn log(&self, #[arg(name = "nmae")] file: String) -> String {
        file
    }
}

fn main() {}
