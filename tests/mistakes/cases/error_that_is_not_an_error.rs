#![allow(unused)]

use turbomcp::prelude::*;

struct Failure;

struct Demo;
#[server]
impl Demo {
    #[tool]
    async fn first(&self) -> Result<i64, Failure> {
        Err(Failure)
    }

    #[tool]
    async fn second(&self) -> Result<Vec<u8>, Failure> {
        Err(Failure)
    }

    #[resource("app://third")]
    async fn third(&self) -> Result<String, Failure> {
        Err(Failure)
    }
}

fn main() {}
