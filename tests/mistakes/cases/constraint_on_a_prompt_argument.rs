#![allow(unused)]

use turbomcp::prelude::*;

struct Demo;
#[server]
impl Demo {
    #[prompt]
    fn review(&self, #[arg(range = 1..=5)] strictness: u8) -> String {
        strictness.to_string()
    }

    #[resource("app://{id}")]
    fn item(&self, #[arg(pattern = "[a-z]+")] id: String) -> String {
        id
    }

    #[completion(prompt = "review", argument = "strictness")]
    fn levels(&self, #[arg(description = "typed")] typed: &str) -> Vec<String> {
        vec![typed.to_owned()]
    }
}

fn main() {}
