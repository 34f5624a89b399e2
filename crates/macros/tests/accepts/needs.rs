//! What a caller needs, in every form.

use turbomcp::prelude::*;
use turbomcp::{Claims, Principal};

const WRITE: &str = "notes:write";

#[derive(serde::Deserialize)]
struct Profile {
    email: String,
}

struct Notes;

#[server]
impl Notes {
    #[tool(
        scopes("notes:read", WRITE),
        roles("editor", "admin"),
        permissions("database:write"),
        visible_to_roles("staff")
    )]
    async fn erase(&self, id: u32, principal: Principal, claims: Claims<Profile>) -> String {
        format!("{id} {} {}", principal.subject(), claims.email)
    }

    #[tool]
    fn who(&self, principal: Option<Principal>, claims: Option<Claims<Profile>>, raw: &Principal) -> bool {
        principal.is_some_and(|principal| principal.subject() == raw.subject()) && claims.is_none()
    }

    #[resource("notes://{id}", scopes("notes:read"), roles("editor"), permissions("p"), visible_to_roles("staff"))]
    async fn note(&self, id: String, claims: Claims) -> String {
        format!("{id} {}", claims.len())
    }

    #[prompt(scopes("notes:read"), roles("editor"), permissions("p"), visible_to_roles("staff"))]
    async fn summarize(&self, note: String, principal: Principal) -> String {
        note + principal.subject()
    }
}

#[tool(scopes("notes:read"))]
fn free(principal: &Principal) -> String {
    principal.subject().to_owned()
}

#[test]
fn is_accepted() {
    let _ = Notes.into_builder().tool("free", free_tool()).unwrap();
}
