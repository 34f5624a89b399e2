//! What is written on an impl block: F14 to F22, F26, D10.

use std::sync::{Arc, Mutex};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tracing::instrument;
use turbomcp::prelude::*;
use turbomcp_tests::http::{Request, Site};
use turbomcp_tests::{Client, modern};

use crate::text;

#[derive(Serialize, JsonSchema)]
struct User {
    id: String,
    name: String,
}

#[derive(Deserialize, JsonSchema)]
struct Renaming {
    user_id: String,
    name: String,
}

#[derive(Clone)]
struct Users {
    seen: Arc<Mutex<Vec<String>>>,
}

#[server(name = "users", version = "1.0.0")]
impl Users {
    #[tool("Finds a user.")]
    async fn find(&self, ctx: Context, user_id: String) -> McpResult<User> {
        ctx.info("looking").await?;
        self.seen.lock().unwrap().push(user_id.clone());
        Ok(User { id: user_id, name: "Ada".to_owned() })
    }

    #[tool(description = "Renames a user.")]
    async fn rename(&self, #[tool(aggr)] request: Renaming, ctx: &Context) -> McpResult<User> {
        let _ = ctx.request_id();
        Ok(User { id: request.user_id, name: request.name })
    }

    /// Says from where it is asked.
    #[tool]
    async fn whence(&self, ctx: &Context) -> String {
        let host = ctx.peer_addr().map(|address| address.ip().to_string());
        format!("{:?} {:?} {}", ctx.header("X-Region"), host, ctx.headers().is_some())
    }

    /// Deletes a user.
    #[tool]
    #[instrument(skip(self), fields(user = %user_id))]
    async fn delete(&self, user_id: String) -> McpResult<String> {
        match &*user_id {
            "root" => Err(mcp_error!("{user_id} stays")),
            _ => Ok(format!("deleted {user_id}")),
        }
    }
}

fn users() -> Users {
    Users { seen: Arc::default() }
}

#[tokio::test]
async fn f14_the_struct_is_cloned_and_shared_as_its_owner_likes() {
    let users = users();
    let mut client = Client::connect(&users.clone().into_server());
    client.tool("find", json!({"user_id": "1"})).await;
    assert_eq!(*users.seen.lock().unwrap(), ["1"]);
}

#[tokio::test]
async fn f15_and_f20_a_description_is_the_text_of_the_attribute() {
    let mut client = Client::connect(&users().into_server());
    let listed = client.modern("tools/list", json!({}), json!({})).await;
    let descriptions: Vec<_> = listed["result"]["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| tool["description"].as_str().unwrap())
        .collect();
    assert_eq!(descriptions, ["Finds a user.", "Renames a user.", "Says from where it is asked.", "Deletes a user."]);
}

/// Holds F18.
#[tokio::test]
async fn f16_the_signature_is_the_schema_without_what_the_request_gives() {
    let mut client = Client::connect(&users().into_server());
    let listed = client.modern("tools/list", json!({}), json!({})).await;
    let schema = &listed["result"]["tools"][0]["inputSchema"];
    assert_eq!(
        *schema,
        json!({"type": "object", "properties": {"user_id": {"type": "string"}}, "required": ["user_id"]})
    );
}

#[tokio::test]
async fn f17_a_struct_is_returned_bare() {
    let mut client = Client::connect(&users().into_server());
    let result = client.tool("find", json!({"user_id": "1"})).await["result"].take();
    assert_eq!(result["structuredContent"], json!({"id": "1", "name": "Ada"}));
    let listed = client.modern("tools/list", json!({}), json!({})).await;
    assert_eq!(listed["result"]["tools"][0]["outputSchema"]["required"], json!(["id", "name"]));
}

#[tokio::test]
async fn f19_the_struct_runs_itself() {
    let running = [
        tokio::spawn(async { users().run_http("127.0.0.1:0").await.is_ok() }),
        tokio::spawn(async { users().into_server().run_http("no address").await.is_ok() }),
    ];
    let [served, refused] = running;
    assert!(!refused.await.unwrap());
    served.abort();
    assert!(served.await.unwrap_err().is_cancelled());
    // Not polled: standard input is the test's.
    drop(users().run_stdio());
}

#[tokio::test]
async fn f21_one_struct_takes_all_arguments() {
    let mut client = Client::connect(&users().into_server());
    let result = client.tool("rename", json!({"user_id": "1", "name": "Grace"})).await["result"].take();
    assert_eq!(result["structuredContent"], json!({"id": "1", "name": "Grace"}));
}

/// Holds F26.
#[tokio::test]
async fn f22_attributes_of_others_stay() {
    let mut client = Client::connect(&users().into_server());
    assert_eq!(text(&client.tool("delete", json!({"user_id": "1"})).await), "deleted 1");
    let refused = client.tool("delete", json!({"user_id": "root"})).await;
    assert_eq!(refused["error"], json!({"code": -32603, "message": "root stays"}));
}

#[tokio::test]
async fn b13_headers_and_the_address_of_the_peer_are_read_in_the_handler() {
    let server = users().into_server();
    let site = Site::start(&server).await;
    let call = modern(1, "tools/call", json!({"name": "whence"}), json!({}));
    let answer = site.client().send(Request::modern(&call).header("X-Region", "north")).await.answer().await;
    assert_eq!(text(&answer), r#"Some("north") Some("127.0.0.1") true"#);
    assert_eq!(text(&Client::connect(&server).tool("whence", json!({})).await), "None None false");
}
