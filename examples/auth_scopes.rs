//! What callers may do and may know of, shown without a network: `cargo run --example auth_scopes`

use serde_json::json;
use turbomcp::client::{Client, Era};
use turbomcp::prelude::*;
use turbomcp::transport::{Extensions, memory};
use turbomcp::{Claims, Principal, Visibility};

// ANCHOR: needs
#[derive(serde::Deserialize)]
struct Profile {
    email: String,
}

struct Notes;

#[server(name = "notes", version = "1.0.0")]
impl Notes {
    /// Reads a note.
    #[tool(scopes("notes:read"))]
    async fn read(&self, id: u32) -> String {
        format!("note {id}")
    }

    /// Erases a note.
    #[tool(scopes("notes:read", "notes:write"), roles("editor", "owner"))]
    async fn erase(&self, id: u32, principal: Principal, profile: Claims<Profile>) -> String {
        format!("{} <{}> erased note {id}", principal.subject(), profile.email)
    }

    /// Says who has erased what.
    #[tool(tags = ["internal"])]
    async fn audit(&self) -> &'static str {
        "nothing was erased"
    }

    /// Counts the notes, of everybody for whoever may see them.
    #[tool]
    async fn count(&self, ctx: &Context) -> McpResult<String> {
        if ctx.has_any_role(["owner"]) {
            ctx.check_permission("database:read")?;
            return Ok("3 notes of everybody".to_owned());
        }
        Ok(format!("1 note of {}", ctx.user_id().unwrap_or("nobody")))
    }
}
// ANCHOR_END: needs

// ANCHOR: visibility
/// Only the staff knows of what is internal. A server that others reach has `.auth(..)`, too.
fn server() -> McpServer {
    let visibility = Visibility::by(|principal, primitive| {
        !primitive.has_tag("internal") || principal.is_some_and(|principal| principal.has_role("staff"))
    });
    Notes.into_builder().visibility(visibility).build()
}
// ANCHOR_END: visibility

// ANCHOR: connect
/// Connects somebody to the server, as if the transport had said who it is.
async fn connect(server: &McpServer, principal: Option<Principal>) -> Result<Client, Box<dyn std::error::Error>> {
    let (ours, theirs) = memory::pair();
    let mut extensions = Extensions::new();
    if let Some(principal) = principal {
        extensions.insert(principal);
    }
    tokio::spawn(server.serve(theirs.with_extensions(extensions)));
    Ok(Client::builder().era(Era::Modern).connect(ours).await?)
}
// ANCHOR_END: connect

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let claims = |email: &str| serde_json::value::to_raw_value(&json!({"email": email}));
    let people = [
        None,
        Some(Principal::new("eve")),
        Some(Principal::new("ada").with_scopes(["notes:read", "notes:write"])),
        Some(
            Principal::new("grace")
                .with_scopes(["notes:read", "notes:write"])
                .with_roles(["owner", "staff"])
                .with_claims(claims("grace@example.com")?),
        ),
    ];
    let server = server();
    for principal in people {
        let name = principal.as_ref().map_or("nobody", Principal::subject).to_owned();
        let client = connect(&server, principal).await?;
        let tools = client.list_all_tools().await?;
        println!("{name} sees {}", tools.iter().map(|tool| &*tool.name).collect::<Vec<_>>().join(", "));
        for tool in ["read", "erase", "audit", "count"] {
            match client.call_tool(tool, json!({"id": 7})).await {
                Ok(answer) => println!("  {tool}: {}", answer.as_text().unwrap_or_default()),
                Err(error) => println!("  {tool}: {error}"),
            }
        }
        client.close().await;
    }
    Ok(())
}
