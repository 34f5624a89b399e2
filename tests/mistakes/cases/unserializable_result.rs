#![allow(unused)]

use turbomcp::prelude::*;

struct Found;

struct Demo;
#[server]
impl Demo {
    #[tool]
    async fn first(&self) -> Found {
        Found
    }

    #[tool]
    async fn second(&self) -> McpResult<Found> {
        Ok(Found)
    }

    #[tool]
    async fn third(&self) -> Vec<Found> {
        vec![Found]
    }
}

fn main() {}
