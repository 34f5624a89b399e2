#![allow(unused)]

use turbomcp::prelude::*;
use std::cell::Cell;

struct Demo {
    count: Cell<u32>,
}
#[server]
impl Demo {
    #[tool]
    async fn count(&self) -> u32 {
        self.count.set(self.count.get() + 1);
        self.count.get()
    }
}

fn main() {}
