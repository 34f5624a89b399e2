#![allow(unused)]

use turbomcp::prelude::*;

struct Log;

struct Demo;
#[server]
impl Demo {
    #[resource("file:///logs")]
    fn log(&self) -> Log {
        Log
    }
}

fn main() {}
