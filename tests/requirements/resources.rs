//! RES: lists, reading, subscriptions.

use base64::Engine;
use serde_json::{Value, json};
use turbomcp::types::ReadResourceResult;
use turbomcp::{
    FnResource, HandlerRegistry, Middleware, MiddlewareResult, Next, Request, ResourceDefinition, Response,
};
use turbomcp_tests::{Client, fixture, modern};

async fn read(client: &mut Client, uri: &str) -> Value {
    client.modern("resources/read", json!({"uri": uri}), json!({})).await
}

#[tokio::test]
async fn res_02_resources_and_templates_are_listed() {
    let mut client = Client::connect(&fixture::server());
    let uris = |result: &Value, list: &str, uri: &str| -> Vec<String> {
        result[list].as_array().unwrap().iter().map(|entry| entry[uri].as_str().unwrap().to_owned()).collect()
    };
    let resources = client.modern("resources/list", json!({}), json!({})).await["result"].take();
    let fixed = ["test://fixed", "test://blob", "test://broken", "test://asking"];
    assert_eq!(uris(&resources, "resources", "uri"), fixed);
    assert_eq!(resources["resources"][0]["mimeType"], "text/plain");
    let templates = client.modern("resources/templates/list", json!({}), json!({})).await["result"].take();
    assert_eq!(uris(&templates, "resourceTemplates", "uriTemplate"), ["test://item/{id}", "file:///srv/{+path}"]);
}

/// Holds RES-08, RES-11.
#[tokio::test]
async fn res_04_a_resource_that_does_not_exist_is_an_error_that_names_it() {
    let mut client = Client::connect(&fixture::server());
    for uri in
        ["test://gone", "test://item/x/y", "test://item/", "", "no uri", "TEST://fixed\n", "test://fixed?x", "//"]
    {
        let answer = read(&mut client, uri).await;
        assert_eq!(answer["error"]["code"], -32602, "{uri}: {answer}");
        assert_eq!(answer["error"]["data"], json!({"uri": uri}));
    }
    for params in [json!({}), json!({"uri": 1}), json!({"uri": null}), json!({"uri": ["test://fixed"]})] {
        assert_eq!(
            client.modern("resources/read", params.clone(), json!({})).await["error"]["code"],
            -32602,
            "{params}"
        );
    }
    // A variable that does not fit its parameter.
    assert_eq!(read(&mut client, "test://item/seven").await["error"]["code"], -32602);
    assert_eq!(read(&mut client, "test://item/7").await["result"]["contents"][0]["text"], "item 7");
}

#[tokio::test]
async fn res_05_older_clients_know_a_missing_resource_by_another_code() {
    for version in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        let mut client = Client::legacy(&fixture::server(), version, json!({})).await;
        let gone = client.call("resources/read", json!({"uri": "test://gone"})).await;
        assert_eq!((&gone["error"]["code"], &gone["error"]["data"]["uri"]), (&json!(-32002), &json!("test://gone")));
        assert_eq!(client.call("resources/read", json!({"uri": "test://broken"})).await["error"]["code"], -32603);
    }
}

#[tokio::test]
async fn res_07_an_internal_error_says_nothing_of_its_cause() {
    let mut client = Client::connect(&fixture::server());
    let broken = read(&mut client, "test://broken").await;
    assert_eq!(broken["error"], json!({"code": -32603, "message": "internal error"}));
}

#[test]
fn res_10_a_resource_has_a_uri() {
    let mut registry = HandlerRegistry::new();
    let mut register = |uri: &str| {
        let text =
            |request: turbomcp::ReadResourceRequest, _| async move { Ok(ReadResourceResult::text(request.uri(), "")) };
        registry.register_resource(uri, FnResource::from_request(ResourceDefinition::new("x"), text))
    };
    for legal in ["x:y", "custom+scheme-1.0://host/p?q#f", "urn:isbn:0451450523", "file:///a%20b", "db://{table}/{id}"]
    {
        assert!(register(legal).is_ok(), "{legal}");
    }
    for illegal in
        ["", "relative", "/a/b", "1x://a", "a b://c", "://x", "{scheme}://x", "ä://x", "x://a b", "x://%zz", "x://{"]
    {
        assert!(register(illegal).is_err_and(|error| error.is_registration()), "{illegal}");
    }
}

#[tokio::test]
async fn res_12_a_path_does_not_lead_out_of_its_folder() {
    let mut client = Client::connect(&fixture::server());
    let inside = read(&mut client, "file:///srv/a/b.txt").await;
    assert_eq!(inside["result"]["contents"][0]["text"], "file a/b.txt");
    for path in [
        "../etc/passwd",
        "a/../../etc/passwd",
        "..%2fetc%2fpasswd",
        "%2e%2e/etc/passwd",
        "%2E%2E%2Fetc",
        "..%5cetc",
        "..\\\\etc",
        "/etc/passwd",
        "%2fetc/passwd",
        "a%00b",
        "C:%5cwindows",
    ] {
        let answer = read(&mut client, &format!("file:///srv/{path}")).await;
        assert_eq!(answer["error"]["code"], -32602, "{path}: {answer}");
    }
}

/// Holds RES-17.
#[tokio::test]
async fn res_13_bytes_are_base64_and_text_is_text() {
    let mut client = Client::connect(&fixture::server());
    let blob = read(&mut client, "test://blob").await["result"]["contents"][0].take();
    let bytes = base64::engine::general_purpose::STANDARD.decode(blob["blob"].as_str().unwrap()).unwrap();
    assert_eq!((bytes, blob.get("text")), (vec![0, 255, 16], None));
    let text = read(&mut client, "test://fixed").await["result"]["contents"][0].take();
    assert_eq!((&text["text"], text.get("blob")), (&json!("fixed"), None));
}

struct Guard;

impl Middleware for Guard {
    async fn process(&self, request: Request, next: Next) -> MiddlewareResult<Response> {
        if request.uri().as_deref() == Some("test://fixed") {
            return Ok(Response::error(turbomcp::McpError::forbidden("not for you")));
        }
        next.run(request).await
    }
}

/// Holds CACHE-12.
#[tokio::test]
async fn res_14_permission_is_asked_each_time_a_resource_is_read() {
    let mut client = Client::connect(&fixture::builder().middleware(Guard).build());
    let listed = client.modern("resources/list", json!({}), json!({})).await;
    assert_eq!(listed["result"]["resources"][0]["uri"], "test://fixed");
    for _ in 0..2 {
        assert_eq!(read(&mut client, "test://fixed").await["error"]["code"], 403);
        assert!(read(&mut client, "test://blob").await["result"]["contents"].is_array());
    }
    // What the bytes of a URI spell does not matter.
    client
        .send_text(
            modern(1, "resources/read", json!({"uri": "U"}), json!({}))
                .to_string()
                .replace("\"U\"", "\"test:\\u002f/fixed\"")
                .as_bytes(),
        )
        .await;
    assert_eq!(client.next().await["error"]["code"], 403);
}

#[tokio::test]
async fn res_15_a_legacy_client_subscribes_and_unsubscribes() {
    for version in ["2024-11-05", "2025-11-25"] {
        let server = fixture::server();
        let mut client = Client::legacy(&server, version, json!({})).await;
        let folder = json!({"uri": "file:///srv"});
        assert_eq!(client.call("resources/subscribe", folder.clone()).await["result"], json!({}));
        server.resource_updated("test://fixed");
        server.resource_updated("file:///srv/a");
        server.resource_updated("file:///srvx");
        server.resource_updated("file:///srv");
        let told = client.sync().await;
        let uris: Vec<_> = told.iter().map(|message| message["params"].clone()).collect();
        assert_eq!(uris, [json!({"uri": "file:///srv/a"}), folder.clone()]);
        assert!(told.iter().all(|message| message["method"] == "notifications/resources/updated"));
        assert_eq!(client.call("resources/unsubscribe", folder).await["result"], json!({}));
        server.resource_updated("file:///srv");
        assert_eq!(client.sync().await, Vec::<Value>::new());
        for params in [json!({}), json!({"uri": 1})] {
            assert_eq!(client.call("resources/subscribe", params).await["error"]["code"], -32602);
        }
    }
    let server = fixture::limited(|limits| limits.subscribed_resources = 1);
    let mut client = Client::legacy(&server, "2025-11-25", json!({})).await;
    assert_eq!(client.call("resources/subscribe", json!({"uri": "a:a"})).await["result"], json!({}));
    assert_eq!(client.call("resources/subscribe", json!({"uri": "a:a"})).await["result"], json!({}));
    assert_eq!(client.call("resources/subscribe", json!({"uri": "a:b"})).await["error"]["code"], 429);
}
