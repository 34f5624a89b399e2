#![allow(unused)]

use turbomcp::prelude::*;

struct Demo;
#[server]
impl Demo {
    #[tool(scopes)]
    fn flag(&self) {}

    #[tool(scopes = "notes:read")]
    fn value(&self) {}

    #[tool(scopes())]
    fn none(&self) {}

    #[tool(scopes("notes:read", ""), roles(" "), permissions("a\nb"), visible_to_roles(""))]
    fn empty(&self) {}

    #[tool(scopes("notes:read notes:write"))]
    fn two_in_one(&self) {}

    #[resource("app://quotes", scopes("a\"b", "a\\b", "ä"))]
    fn quotes(&self) -> String {
        String::new()
    }

    #[prompt(roles("admin", "admin"), permissions(7), roles("ops"))]
    fn twice(&self) -> String {
        String::new()
    }

    #[tool(scope("notes:read"))]
    fn misspelt(&self) {}

    #[tool(roles(ADMIN, "a" "b"))]
    fn unseparated(&self) {}
}

fn main() {}
