#![allow(unused)]

use turbomcp::prelude::*;

struct Query;

struct Demo;
#[server]
impl Demo {
    #[tool]
    async fn find(&self, query: Query, limit: u32) {
        let _ = (query, limit);
    }
}

fn main() {}
