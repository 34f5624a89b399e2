//! Tools without a server type.
#![deny(warnings, missing_docs)]

use turbomcp::prelude::*;

/// Adds two numbers.
#[tool]
pub async fn add(a: i64, b: i64) -> i64 {
    a + b
}

#[tool("Divides", name = "divide.v1", timeout = "1s", tags = ["arithmetic"])]
fn divide(ctx: &Context, a: f64, #[arg(default = 2.0)] b: f64) -> McpResult<f64> {
    let _ = ctx;
    Ok(a / b)
}

mod inner {
    use turbomcp::prelude::*;

    #[tool]
    pub(crate) fn r#loop() {}
}

#[test]
fn is_accepted() {
    fn registered() -> Result<McpServer, Box<dyn std::error::Error>> {
        #[tool]
        fn local(text: &str) -> String {
            text.to_owned()
        }
        let builder = ServerBuilder::new().name("free").version("1.0.0");
        let builder = builder.tool("add", add_tool())?.tool("divide.v1", divide_tool())?;
        Ok(builder.tool("loop", inner::loop_tool())?.tool("local", local_tool())?.build())
    }
    registered().unwrap();
}
