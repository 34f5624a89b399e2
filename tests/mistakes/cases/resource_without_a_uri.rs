#![allow(unused)]

use turbomcp::prelude::*;

struct Demo;
#[server]
impl Demo {
    #[resource]
    fn first(&self) -> String {
        String::new()
    }

    #[resource(uri = "file:///log")]
    fn second(&self) -> String {
        String::new()
    }
}

fn main() {}
