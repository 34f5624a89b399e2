//! `#[cfg]` on a function holds for its registration; two versions may have one name.
#![deny(warnings)]

use turbomcp::prelude::*;

struct Demo;

#[server]
impl Demo {
    #[cfg(any())]
    #[tool]
    async fn never(&self, thing: DoesNotExist) -> NeitherDoesThis {
        thing.into()
    }

    #[cfg(all())]
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
    #[cfg(any())]
    fn never_too(&self) -> DoesNotExist {
        DoesNotExist
    }
}

#[cfg(any())]
#[tool]
fn never() -> DoesNotExist {
    DoesNotExist
}

fn main() {
    let _ = Demo.into_server();
}
