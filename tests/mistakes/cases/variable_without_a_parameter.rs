#![allow(unused)]

use turbomcp::prelude::*;

struct Demo;
#[server]
impl Demo {
    #[resource("file:///logs/{service}/{day}")]
    fn log(&self, service: String) -> String {
        service
    }
}

fn main() {}
