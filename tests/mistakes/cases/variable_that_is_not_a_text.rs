#![allow(unused)]

use turbomcp::prelude::*;

struct Name;

struct Demo;
#[server]
impl Demo {
    #[resource("file:///logs/{name}")]
    fn log(&self, name: Name) -> String {
        let _ = name;
        String::new()
    }
}

fn main() {}
