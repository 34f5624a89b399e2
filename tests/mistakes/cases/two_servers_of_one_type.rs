#![allow(unused)]

use turbomcp::prelude::*;

struct Demo;

#[server]
impl Demo {
    #[tool]
    async fn first(&self) -> i64 {
        1
    }
}

#[server]
impl Demo {
    #[tool]
    async fn second(&self) -> i64 {
        2
    }
}

fn main() {}
