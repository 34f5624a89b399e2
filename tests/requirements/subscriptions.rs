//! SUB: hearing of changes in the modern era.

use serde_json::{Value, json};
use turbomcp_tests::{Client, fixture, modern};

const ID: &str = "io.modelcontextprotocol/subscriptionId";

async fn listen(client: &mut Client, id: impl Into<Value>, filter: Value) -> Value {
    client.send(&modern(id, "subscriptions/listen", json!({"notifications": filter}), json!({}))).await;
    client.next().await
}

/// Holds RES-16.
#[tokio::test]
async fn sub_02_only_what_the_filter_asked_for_is_sent() {
    let changes = |server: &turbomcp::McpServer| {
        server.register_tool("new", fixture::raw_tool("new", json!({"type": "object"}))).unwrap();
        assert!(server.remove_prompt("gallery") && server.remove_resource("test://blob"));
        for uri in ["test://fixed", "test://fixed/below", "test://fixedx", "test://other", "file:///srv/a"] {
            server.resource_updated(uri);
        }
    };
    let tools = "notifications/tools/list_changed";
    let prompts = "notifications/prompts/list_changed";
    let resources = "notifications/resources/list_changed";
    for (filter, expected) in [
        (json!({}), vec![]),
        (json!({"toolsListChanged": true}), vec![tools]),
        (json!({"toolsListChanged": false, "promptsListChanged": true}), vec![prompts]),
        (json!({"resourcesListChanged": true}), vec![resources]),
        (json!({"resourceSubscriptions": ["test://fixed"]}), vec!["test://fixed", "test://fixed/below"]),
        (json!({"resourceSubscriptions": []}), vec![]),
        (json!({"resourceSubscriptions": ["file:///srv/"], "toolsListChanged": true}), vec![tools, "file:///srv/a"]),
    ] {
        let server = fixture::server();
        let mut client = Client::connect(&server);
        let acknowledged = listen(&mut client, 1, filter.clone()).await;
        assert_eq!(acknowledged["method"], "notifications/subscriptions/acknowledged");
        changes(&server);
        let heard: Vec<_> = client
            .sync()
            .await
            .into_iter()
            .map(|message| message["params"]["uri"].as_str().or(message["method"].as_str()).unwrap().to_owned())
            .collect();
        assert_eq!(heard, expected, "{filter}");
    }
}

/// Changes go on all the time meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sub_03_the_acknowledgement_comes_first() {
    let server = fixture::server();
    let announcing = server.clone();
    let announcer = tokio::spawn(async move {
        loop {
            announcing.resource_updated("test://fixed");
            tokio::task::yield_now().await;
        }
    });
    for _ in 0..100 {
        let mut client = Client::connect(&server);
        let acknowledged = listen(&mut client, 1, json!({"resourceSubscriptions": ["test://fixed"]})).await;
        assert_eq!(acknowledged["method"], "notifications/subscriptions/acknowledged");
        assert_eq!(client.next().await["method"], "notifications/resources/updated");
    }
    announcer.abort();
}

#[tokio::test]
async fn sub_04_what_the_server_never_announces_is_left_out() {
    let all = json!({"toolsListChanged": true, "promptsListChanged": true, "resourcesListChanged": true,
        "resourceSubscriptions": ["test://fixed"]});
    let acknowledged = listen(&mut Client::connect(&fixture::server()), 1, all.clone()).await;
    assert_eq!(acknowledged["params"]["notifications"], all);
    let tools =
        turbomcp::McpServer::builder().tool("raw", fixture::raw_tool("raw", json!({"type": "object"}))).unwrap();
    let acknowledged = listen(&mut Client::connect(&tools.build()), 1, all.clone()).await;
    assert_eq!(acknowledged["params"]["notifications"], json!({"toolsListChanged": true}));
    let acknowledged = listen(&mut Client::connect(&turbomcp::McpServer::builder().build()), 1, all).await;
    assert_eq!(acknowledged["params"]["notifications"], json!({}));
    let mut client = Client::connect(&fixture::server());
    for params in [json!({}), json!({"notifications": 1}), json!({"notifications": {"toolsListChanged": "yes"}})] {
        let answer = client.modern("subscriptions/listen", params.clone(), json!({})).await;
        assert_eq!(answer["error"]["code"], -32602, "{params}: {answer}");
    }
}

/// Holds SUB-08, CANC-04, CANC-05.
#[tokio::test]
async fn sub_05_everything_of_a_subscription_names_it_and_its_end_is_told() {
    let server = fixture::server();
    let mut client = Client::connect(&server);
    for id in [json!(7), json!("7"), json!("sub\"ä")] {
        let acknowledged = listen(&mut client, id.clone(), json!({"toolsListChanged": true})).await;
        assert_eq!(acknowledged["params"]["_meta"][ID], id);
    }
    assert!(server.remove_tool("add"));
    let mut told: Vec<_> = (0..3).map(|_| json!(null)).collect();
    for message in &mut told {
        *message = client.next().await["params"]["_meta"][ID].take();
    }
    for id in [json!(7), json!("7"), json!("sub\"ä")] {
        assert!(told.contains(&id), "{told:?}");
    }
    server.shutdown_handle().shutdown();
    let rest = client.rest().await;
    assert_eq!(rest.len(), 6, "{rest:?}");
    for id in [json!(7), json!("7"), json!("sub\"ä")] {
        let result = rest.iter().position(|message| message["id"] == id).unwrap();
        assert_eq!(rest[result]["result"]["resultType"], "complete");
        assert_eq!(rest[result]["result"]["_meta"][ID], id);
        let cancelled = rest.iter().position(|message| message["params"]["requestId"] == id).unwrap();
        assert_eq!(rest[cancelled]["method"], "notifications/cancelled");
        assert!(cancelled > result);
    }
}

#[tokio::test]
async fn a_client_ends_its_subscription() {
    let server = fixture::server();
    let mut client = Client::connect(&server);
    listen(&mut client, 7, json!({"toolsListChanged": true})).await;
    client.notify("notifications/cancelled", json!({"requestId": 7})).await;
    assert_eq!(client.sync().await, Vec::<Value>::new());
    tokio::task::yield_now().await;
    assert!(server.remove_tool("add"));
    assert_eq!(client.sync().await, Vec::<Value>::new());
}
