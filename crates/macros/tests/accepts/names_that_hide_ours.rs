//! Nothing of a user's can change the meaning of what is emitted.
#![allow(dead_code, non_camel_case_types)]

use turbomcp::{IntoServer as _, server};

mod std {}
mod core {}
mod serde {}
struct Option;
struct Result;
struct String;
struct Vec;
struct Box;
struct Probe;
struct Argument;
struct Context;
struct Arc;
struct Ok;
struct Err;
struct Some;
struct None;
trait Send {}
trait Default {}
trait From {}
fn builder() {}
fn tool() {}
fn source_this() {}
#[allow(unused_macros)]
macro_rules! vec {
    () => {};
}
#[allow(unused_macros)]
macro_rules! env {
    () => {};
}

trait Fit {
    fn fit(&self) {}
    fn output(&self) {}
    fn reply(&self) {}
    fn check(&self) {}
    fn add(&self) {}
}

impl<T> Fit for T {}

struct Demo;

#[server(icons = ["https://example.com/icon.png"])]
impl Demo {
    #[tool]
    async fn add(
        &self,
        this: i64,
        request: i64,
        context: i64,
        output: i64,
        layout: i64,
        #[arg(default = 1)] input: i64,
    ) -> i64 {
        (builder(), tool(), source_this());
        this + request + context + output + layout + input
    }

    #[resource("app://{arguments}/{request}")]
    fn state(&self, arguments: u8, request: u8) -> &'static str {
        let _ = (arguments, request);
        "on"
    }

    #[prompt]
    fn prompt(&self, arguments: u8, prompt: u8) -> ::std::string::String {
        ::std::format!("{arguments}{prompt}")
    }
}

#[test]
fn is_accepted() {
    let _ = Demo.into_server();
}
