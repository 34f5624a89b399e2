#![allow(unused)]

use turbomcp::prelude::*;

struct Demo;
#[server]
impl Demo {
    #[tool]
    async fn find(&self, #[arg(description = "The context")] ctx: Context) {
        let _ = ctx;
    }
}

fn main() {}
