#![allow(unused)]

use turbomcp::prelude::*;

#[tool]
struct Demo;


fn main() {}
