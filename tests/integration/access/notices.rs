//! No notification tells of what is hidden, or may not be read.

use serde_json::{Value, json};
use turbomcp::{Access, Arguments, FnResource, FnTool, HandlerRegistry, McpServer, ResourceDefinition};
use turbomcp_tests::{Client, modern};

use super::people::{connect, discreet, server};

const ALL: [&str; 3] =
    ["notifications/tools/list_changed", "notifications/resources/list_changed", "notifications/prompts/list_changed"];

async fn listening(server: &McpServer, name: &'static str, uris: &[&str]) -> Client {
    let mut client = connect(server, name);
    let filter = json!({"toolsListChanged": true, "resourcesListChanged": true, "promptsListChanged": true,
        "resourceSubscriptions": uris});
    client.send(&modern("listen", "subscriptions/listen", json!({"notifications": filter}), json!({}))).await;
    let acknowledged = client.next().await;
    assert_eq!(acknowledged["method"], "notifications/subscriptions/acknowledged", "{acknowledged}");
    // Nothing in it tells a hidden resource from one that is not there.
    assert_eq!(acknowledged["params"]["notifications"]["resourceSubscriptions"], json!(uris));
    client
}

async fn subscribed(server: &McpServer, name: &'static str, uris: &[&str]) -> Client {
    let mut client = connect(server, name);
    client.initialize("2025-11-25", json!({})).await;
    for uri in uris {
        let answer = client.call("resources/subscribe", json!({"uri": uri})).await;
        assert_eq!(answer["result"], json!({}), "{answer}");
    }
    assert!(client.sync().await.is_empty());
    client
}

async fn heard(client: &mut Client) -> Vec<String> {
    let told = |message: Value| message["params"]["uri"].as_str().or(message["method"].as_str()).unwrap().to_owned();
    client.sync().await.into_iter().map(told).collect()
}

fn audit_only() -> Access {
    Access::new().visible_to_roles(["staff"])
}

#[tokio::test]
async fn b8_changes_of_what_is_hidden_are_not_told() {
    let server = server();
    let uris = ["audits://1", "audits://", "notes://7", "absent://1"];
    let mut ears = Vec::new();
    for name in ["reader", "admin"] {
        ears.push((name, listening(&server, name, &uris).await));
        ears.push((name, subscribed(&server, name, &uris).await));
    }
    let tool = || FnTool::new(|_: Arguments| async { "" });
    server.register_tool("hidden", tool().access(audit_only())).unwrap();
    assert!(server.remove_tool("hidden") && server.remove_prompt("inspect"));
    let resource = FnResource::new(ResourceDefinition::new("hidden"), |_: String| async { "" });
    server.register_resource("hidden://", resource.access(audit_only())).unwrap();
    for uri in ["audits://1", "audits://2", "notes://7", "notes://plan", "absent://1"] {
        server.resource_updated(uri);
    }
    for (name, client) in &mut ears {
        let expected: &[&str] = match *name {
            "admin" => &[ALL[0], ALL[0], ALL[2], ALL[1], "audits://1", "audits://2", "notes://7", "absent://1"],
            _ => &["notes://7", "absent://1"],
        };
        assert_eq!(heard(client).await, expected, "{name}");
    }
    // What is not hidden is told to everybody.
    server.register_tool("open_too", tool()).unwrap();
    for (name, client) in &mut ears {
        assert_eq!(heard(client).await, [ALL[0]], "{name}");
    }
}

#[tokio::test]
async fn what_may_not_be_read_is_not_heard_of_either() {
    let server = server();
    // Beneath what is subscribed to, there is what needs more.
    let mut reader = listening(&server, "reader", &["notes://"]).await;
    let mut writer = subscribed(&server, "writer", &["notes://"]).await;
    server.resource_updated("notes://plan");
    server.resource_updated("notes://7");
    assert_eq!(heard(&mut reader).await, ["notes://7"]);
    assert_eq!(heard(&mut writer).await, ["notes://plan", "notes://7"]);
}

#[tokio::test]
async fn a_registry_that_is_replaced_concerns_those_who_see_any_of_it() {
    let server = discreet();
    let mut eve = listening(&server, "eve", &[]).await;
    let mut admin = subscribed(&server, "admin", &[]).await;
    let registry = |access: Access| {
        let mut registry = HandlerRegistry::new();
        registry.register_tool("new", FnTool::new(|_: Arguments| async { "" }).access(access)).unwrap();
        registry
    };
    server.reload(registry(audit_only()));
    // The tools that eve could see are gone; of the others she never knew.
    assert_eq!(heard(&mut eve).await, [ALL[0]]);
    assert_eq!(heard(&mut admin).await, ALL);
    server.reload(registry(audit_only()));
    assert!(heard(&mut eve).await.is_empty());
    assert_eq!(heard(&mut admin).await, [ALL[0]]);
}
