#![allow(unused)]

use turbomcp::prelude::*;

#[resource("file:///logs/{name}")]
fn log(#[arg(name = "name")] file: String) -> String {
    file
}

#[prompt]
fn review(code: String) -> String {
    code
}

#[completion(prompt = "review", argument = "code")]
fn codes(typed: String) -> Vec<String> {
    vec![typed]
}

fn main() {}
