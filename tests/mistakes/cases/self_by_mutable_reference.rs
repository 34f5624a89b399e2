#![allow(unused)]

use turbomcp::prelude::*;

struct Demo {
    sum: i64,
}
#[server]
impl Demo {
    #[tool]
    async fn add(&mut self, n: i64) {
        self.sum += n;
    }
}

fn main() {}
