#![allow(unused)]

use turbomcp::prelude::*;
use std::rc::Rc;

struct Demo;
#[server]
impl Demo {
    #[tool]
    async fn wait(&self, n: u32) -> u32 {
        let shared = Rc::new(n);
        std::future::ready(()).await;
        *shared
    }
}

fn main() {}
