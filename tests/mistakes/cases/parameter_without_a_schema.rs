#![allow(unused)]

use turbomcp::prelude::*;

#[derive(serde::Deserialize)]
struct Query;

struct Demo;
#[server]
impl Demo {
    #[tool]
    async fn find(&self, limit: u32, query: &Query) {
        let _ = (query, limit);
    }
}

fn main() {}
