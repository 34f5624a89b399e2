//! `#[cfg]` on a function holds for its registration; two versions may have one name.
#![deny(warnings)]

use turbomcp::prelude::*;

struct Demo;

#[server]
impl Demo {
    #[cfg(not(test))]
    #[tool]
    async fn never(&self, thing: DoesNotExist) -> NeitherDoesThis {
        thing.into()
    }

    #[cfg(test)]
    #[tool(name = "platform")]
    fn one(&self) -> &'static str {
        "one"
    }

    #[cfg(not(all()))]
    #[tool(name = "platform")]
    fn other(&self) -> &'static str {
        "other"
    }

    #[resource("app://never")]
    #[cfg(not(test))]
    fn never_too(&self) -> DoesNotExist {
        DoesNotExist
    }
}

#[cfg(not(test))]
#[tool]
fn never() -> DoesNotExist {
    DoesNotExist
}

#[test]
fn is_accepted() {
    let _ = Demo.into_server();
}
