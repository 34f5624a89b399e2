#![allow(unused)]

use turbomcp::prelude::*;

struct Demo;
#[server]
impl Demo {
    #[completion]
    fn first(&self, typed: &str) -> Vec<String> {
        vec![typed.to_owned()]
    }

    #[completion(prompt = "review", resource = "file:///{name}", argument = "name")]
    fn second(&self, typed: &str) -> Vec<String> {
        vec![typed.to_owned()]
    }

    #[completion("review")]
    fn third(&self, typed: &str) -> Vec<String> {
        vec![typed.to_owned()]
    }
}

fn main() {}
