#![allow(unused)]

use turbomcp::prelude::*;

struct Demo;
#[server]
impl Demo {
    #[tool]
    fn fill(&self, list: &mut Vec<String>) {
        list.clear();
    }
}

fn main() {}
