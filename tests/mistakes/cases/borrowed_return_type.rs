#![allow(unused)]

use turbomcp::prelude::*;

struct Demo {
    name: String,
}
#[server]
impl Demo {
    #[tool]
    fn name(&self) -> &str {
        &self.name
    }

    #[resource("app://name")]
    fn maybe(&self) -> Option<&str> {
        Some(&self.name)
    }
}

fn main() {}
