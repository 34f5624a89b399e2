#![allow(unused)]

use turbomcp::prelude::*;

struct Demo;
#[server(nam = "demo")]
impl Demo {
    #[tool(name = "not legal", timeout = "soon")]
    fn first<T>(self, (a, b): (T, T)) -> impl ToString {
        a + b
    }

    #[resource("file:///{a}")]
    fn second(&mut self) -> String {
        String::new()
    }
}

fn main() {
    let _ = Demo.into_server();
}
