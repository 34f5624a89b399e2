#![allow(unused)]

use turbomcp::prelude::*;

struct Demo;
#[server]
impl Demo {
    #[prompt]
    fn review(&self, language: String) -> String {
        language
    }

    #[completion(prompt = "reveiw", argument = "language")]
    fn first(&self, typed: &str) -> Vec<String> {
        vec![typed.to_owned()]
    }

    #[completion(prompt = "review", argument = "langauge")]
    fn second(&self, typed: &str) -> Vec<String> {
        vec![typed.to_owned()]
    }

    #[completion(resource = "file:///{name}", argument = "name")]
    fn third(&self, typed: &str) -> Vec<String> {
        vec![typed.to_owned()]
    }
}

fn main() {}
