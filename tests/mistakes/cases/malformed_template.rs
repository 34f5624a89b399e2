#![allow(unused)]

use turbomcp::prelude::*;

struct Demo;
#[server]
impl Demo {
    #[resource("file:///logs/{name")]
    fn first(&self, name: String) -> String {
        name
    }

    #[resource("file:///logs/{}")]
    fn second(&self) -> String {
        String::new()
    }

    #[resource("/logs/{name}")]
    fn third(&self, name: String) -> String {
        name
    }

    #[resource("file:///{name}/{name}")]
    fn fourth(&self, name: String) -> String {
        name
    }
}

fn main() {}
