#![allow(unused)]

use turbomcp::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
struct Query {
    text: String,
}

struct Demo;
#[server]
impl Demo {
    #[tool(aggr)]
    fn find(&self, ctx: Context, query: Query, limit: u32) {
        let _ = (query, limit, ctx);
    }
}

fn main() {}
