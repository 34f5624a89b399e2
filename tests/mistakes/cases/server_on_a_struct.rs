#![allow(unused)]

use turbomcp::prelude::*;

#[server]
struct Demo;


fn main() {}
