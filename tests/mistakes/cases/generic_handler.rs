#![allow(unused)]

use turbomcp::prelude::*;

struct Demo;
#[server]
impl Demo {
    #[tool]
    fn first<T: ToString>(&self, value: T) -> String {
        value.to_string()
    }

    #[tool]
    fn second<'a>(&'a self, text: &'a str) -> String {
        text.to_owned()
    }
}

fn main() {}
