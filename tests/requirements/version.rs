//! VER: versions, discovery, both eras.

use serde_json::{Value, json};
use turbomcp_tests::{Client, fixture, initialize_params, modern};

const VERSION: &str = "io.modelcontextprotocol/protocolVersion";

#[tokio::test]
async fn ver_02_a_version_that_is_not_implemented_is_answered_with_those_that_are() {
    let mut client = Client::connect(&fixture::server());
    for version in ["2099-01-01", "2025-11-25", "2024-11-05", "", "2026-07-28 ", "DRAFT-2026"] {
        for method in ["tools/list", "server/discover", "no/such"] {
            let mut request = modern("v", method, json!({}), json!({}));
            request["params"]["_meta"][VERSION] = json!(version);
            client.send(&request).await;
            let answer = client.next().await;
            assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!("v"), &json!(-32022)), "{answer}");
            assert_eq!(answer["error"]["data"], json!({"supported": ["2026-07-28"], "requested": version}));
        }
    }
}

/// Holds VER-04.
#[tokio::test]
async fn ver_05_discovery_says_all_that_it_has_to() {
    let mut client = Client::connect(&fixture::server());
    let result = client.modern("server/discover", json!({}), json!({})).await["result"].take();
    assert_eq!(result["resultType"], "complete");
    assert_eq!(
        result["supportedVersions"],
        json!(["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"])
    );
    assert_eq!(result["instructions"], "For tests.");
    assert!(result["ttlMs"].is_u64() && result["cacheScope"].is_string(), "{result}");
    assert_eq!(result.get("serverInfo"), None, "it is in the metadata");
    assert_eq!(result["_meta"]["io.modelcontextprotocol/serverInfo"], json!({"name": "fixture", "version": "1.0.0"}));
}

/// Holds TOOL-01, RES-01, PROMPT-01, COMP-01, LOG-01.
#[tokio::test]
async fn ver_06_what_the_server_has_it_advertises_and_nothing_else() {
    let all = json!({"tools": {"listChanged": true}, "resources": {"subscribe": true, "listChanged": true},
        "prompts": {"listChanged": true}, "completions": {}, "logging": {}});
    let discovered = async |server: &turbomcp::McpServer| {
        let mut answer = Client::connect(server).modern("server/discover", json!({}), json!({})).await;
        answer["result"]["capabilities"].take()
    };
    let server = fixture::server();
    assert_eq!(discovered(&server).await, all);
    for version in ["2025-03-26", "2025-06-18", "2025-11-25"] {
        let mut client = Client::connect(&server);
        assert_eq!(client.initialize(version, json!({})).await["capabilities"], all, "{version}");
    }
    // The first revision has no such capability.
    let mut first = all.clone();
    first.as_object_mut().unwrap().remove("completions");
    assert_eq!(Client::connect(&server).initialize("2024-11-05", json!({})).await["capabilities"], first);
    let empty = turbomcp::McpServer::builder().build();
    assert_eq!(discovered(&empty).await, json!({"logging": {}}));
    let one = turbomcp::McpServer::builder().tool("raw", fixture::raw_tool("raw", json!({"type": "object"})));
    assert_eq!(discovered(&one.unwrap().build()).await, json!({"tools": {"listChanged": true}, "logging": {}}));
}

#[tokio::test]
async fn ver_08_any_method_may_be_the_first() {
    for (method, params) in crate::requests() {
        let first = Client::connect(&fixture::server()).modern(method, params.clone(), json!({})).await;
        let mut client = Client::connect(&fixture::server());
        client.modern("server/discover", json!({}), json!({})).await;
        assert_eq!(first, client.modern(method, params, json!({})).await, "{method}");
    }
}

#[tokio::test]
async fn ver_10_an_extension_only_the_client_has_changes_nothing() {
    let mut client = Client::connect(&fixture::server());
    let with = json!({"extensions": {"com.example/x": {"on": true}, "io.modelcontextprotocol/tasks": {}}});
    for (method, params) in crate::requests() {
        let plain = client.modern(method, params.clone(), json!({})).await;
        assert_eq!(client.modern(method, params, with.clone()).await, plain, "{method}");
    }
}

#[tokio::test]
async fn ver_18_the_metadata_of_a_request_decides_its_era() {
    let mut client = Client::connect(&fixture::server());
    let call = json!({"name": "add", "arguments": {"a": 1, "b": 2}});
    let text = json!([{"type": "text", "text": "3"}]);
    let modern_result = async |client: &mut Client| client.modern("tools/call", call.clone(), json!({})).await;
    assert_eq!(modern_result(&mut client).await["result"]["resultType"], "complete");
    // Methods of the legacy era do not exist for a request with modern metadata, whatever else goes on.
    for method in ["initialize", "ping", "logging/setLevel", "resources/subscribe"] {
        let params = initialize_params("2025-11-25", json!({}));
        assert_eq!(client.modern(method, params, json!({})).await["error"]["code"], -32601, "{method}");
    }
    client.initialize("2025-06-18", json!({})).await;
    assert_eq!(client.call("tools/call", call.clone()).await["result"], json!({"content": text}));
    assert_eq!(modern_result(&mut client).await["result"]["resultType"], "complete");
    assert_eq!(client.modern("ping", json!({}), json!({})).await["error"]["code"], -32601);
    assert_eq!(client.call("server/discover", json!({})).await["error"]["code"], -32601);
    assert_eq!(client.call("subscriptions/listen", json!({"notifications": {}})).await["error"]["code"], -32601);
    // The handshake holds for its own connection only.
    let mut other = Client::connect(&fixture::server());
    assert_eq!(other.call("tools/list", json!({})).await["error"]["code"], -32602);
}

/// Every revision is spoken in its own words; the client of the tests holds each answer against its schema.
#[tokio::test]
async fn base_04_one_handler_serves_every_revision() {
    for version in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        let mut client = Client::legacy(&fixture::server(), version, json!({})).await;
        let mut results = 0;
        for (method, params) in crate::requests().into_iter().filter(|(method, _)| *method != "initialize") {
            let answer = client.call(method, params).await;
            if let Some(result) = answer.get("result") {
                results += 1;
                for modern in ["resultType", "ttlMs", "cacheScope"] {
                    assert_eq!(result.get(modern), None::<&Value>, "{version} {method}: {answer}");
                }
            }
        }
        assert!(results > 15, "{version}: {results}");
    }
}
