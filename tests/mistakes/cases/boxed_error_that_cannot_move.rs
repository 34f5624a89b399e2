#![allow(unused)]

use turbomcp::prelude::*;

struct Demo;
#[server]
impl Demo {
    #[tool]
    async fn first(&self) -> Result<String, Box<dyn std::error::Error>> {
        Ok(String::new())
    }
}

fn main() {}
