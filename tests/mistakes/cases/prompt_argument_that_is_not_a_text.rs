#![allow(unused)]

use turbomcp::prelude::*;

struct Code;

struct Demo;
#[server]
impl Demo {
    #[prompt]
    fn review(&self, code: Code) -> String {
        let _ = code;
        String::new()
    }
}

fn main() {}
