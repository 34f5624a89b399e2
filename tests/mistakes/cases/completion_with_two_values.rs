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
    fn languages(&self, ctx: Context, typed: &str, other: String) -> Vec<String> {
        let _ = (ctx, other);
        vec![typed.to_owned()]
    }
}

fn main() {}
