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
    fn find(&self, #[arg(default)] query: Query) {
        let _ = query;
    }
}

fn main() {}
