#![allow(unused)]

use turbomcp::prelude::*;

struct Demo;
#[server(versoin = "1")]
impl Demo {
    #[tool(nmae = "first")]
    fn first(&self) {}

    #[tool(colour = "red")]
    fn second(&self, #[arg(descripton = "x", lenght = 1..=2)] a: String) {}

    #[resource("app://third", mime = "text/plain")]
    fn third(&self) -> String {
        String::new()
    }

    #[prompt(readonly)]
    fn fourth(&self) -> String {
        String::new()
    }
}

fn main() {}
