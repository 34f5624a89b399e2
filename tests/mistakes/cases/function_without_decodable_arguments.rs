#![allow(unused)]

use turbomcp::prelude::*;

struct Add {
    a: i64,
}

fn main() {
    ServerBuilder::new().tool("add", |add: Add, _: Context| async move { add.a });
    ServerBuilder::new().tool("sum", |a: i64, b: i64| async move { a + b });
    ServerBuilder::new().resource("app://add", |id: u32| async move { id.to_string() });
}
