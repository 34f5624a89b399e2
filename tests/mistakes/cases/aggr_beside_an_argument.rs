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
    #[tool]
    fn find(&self, #[arg(aggr)] query: Query, limit: u32, ctx: Context) {
        let _ = (query, limit, ctx);
    }
}

fn main() {}
