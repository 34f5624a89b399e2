//! `r#` is not part of a name on the wire.

use turbomcp::prelude::*;

struct Demo;

#[server]
impl Demo {
    #[tool]
    fn r#match(&self, r#type: String, r#in: Option<u8>) -> String {
        let _ = r#in;
        r#type
    }

    #[resource("app://{type}")]
    fn r#static(&self, r#type: String) -> String {
        r#type
    }

    #[prompt]
    fn r#loop(&self, r#type: String) -> String {
        r#type
    }

    #[completion(prompt = "loop", argument = "type")]
    fn types(&self, r#type: &str) -> Vec<String> {
        vec![r#type.to_owned()]
    }
}

#[test]
fn is_accepted() {
    let _ = Demo.into_server();
}
