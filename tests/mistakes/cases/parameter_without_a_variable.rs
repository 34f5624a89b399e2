#![allow(unused)]

use turbomcp::prelude::*;

struct Demo;
#[server]
impl Demo {
    #[resource("file:///logs/{name}")]
    fn log(&self, name: String, line: u32, ctx: Context) -> String {
        let _ = (line, ctx);
        name
    }
}

fn main() {}
