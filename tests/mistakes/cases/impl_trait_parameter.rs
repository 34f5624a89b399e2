#![allow(unused)]

use turbomcp::prelude::*;

struct Demo;
#[server]
impl Demo {
    #[tool]
    fn show(&self, value: impl ToString, more: Vec<impl ToString>) -> String {
        let _ = more;
        value.to_string()
    }
}

fn main() {}
