#![allow(unused)]

use turbomcp::prelude::*;

struct Named<'a>(&'a str);

#[server]
impl<'a> Named<'a> {
    #[tool]
    async fn name(&self) -> String {
        self.0.to_owned()
    }
}

struct Elided<'a>(&'a str);

#[server]
impl Elided<'_> {
    #[tool]
    async fn name(&self) -> String {
        self.0.to_owned()
    }
}

fn main() {}
