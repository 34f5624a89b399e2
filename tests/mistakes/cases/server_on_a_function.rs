#![allow(unused)]

use turbomcp::prelude::*;

#[server]
fn demo() {}

fn main() {}
