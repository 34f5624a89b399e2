#![allow(unused)]

use turbomcp::prelude::*;

struct Demo;
#[server]
impl Demo {
    #[tool]
    fn add(&self) {}

    #[tool(name = "add")]
    fn sum(&self) {}

    #[resource("app://state")]
    fn state(&self) -> String {
        String::new()
    }

    #[resource("app://state", name = "other")]
    fn other(&self) -> String {
        String::new()
    }

    #[prompt(name = "review")]
    fn first(&self, code: String) -> String {
        code
    }

    #[prompt]
    fn review(&self, code: String) -> String {
        code
    }

    #[completion(prompt = "review", argument = "code")]
    fn codes(&self, typed: String) -> Vec<String> {
        vec![typed]
    }

    #[completion(prompt = "review", argument = "code")]
    fn more_codes(&self, typed: String) -> Vec<String> {
        vec![typed]
    }
}

fn main() {}
