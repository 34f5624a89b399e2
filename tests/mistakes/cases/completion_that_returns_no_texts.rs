#![allow(unused)]

use turbomcp::prelude::*;

struct Demo;
#[server]
impl Demo {
    #[prompt]
    fn review(&self, language: String) -> String {
        language
    }

    #[completion(prompt = "review", argument = "language")]
    fn languages(&self, typed: &str) -> Vec<u32> {
        vec![typed.len() as u32]
    }
}

fn main() {}
