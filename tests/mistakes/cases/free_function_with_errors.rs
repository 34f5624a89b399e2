#![allow(unused)]

use turbomcp::prelude::*;

struct Value;

#[tool(timeout = "soon")]
fn add((a, b): (i64, i64)) -> i64 {
    a + b
}

#[tool]
async fn show(value: Value) -> Value {
    value
}

fn main() {}
