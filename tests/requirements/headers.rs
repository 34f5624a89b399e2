//! HDR: headers that mirror the body.

use serde_json::{Value, json};
use turbomcp_tests::http::encoded;
use turbomcp_tests::{Http, Request, Site, fixture, modern};

/// A server with a tool whose arguments are mirrored.
async fn site() -> Site {
    let schema = json!({"type": "object", "properties": {
        "region": {"type": "string", "x-mcp-header": "Region"},
        "count": {"type": "integer", "x-mcp-header": "Count"},
        "flag": {"type": "boolean", "x-mcp-header": "Flag"},
        "deep": {"type": "object", "properties": {"zone": {"type": "string", "x-mcp-header": "Zone"}}},
    }});
    Site::start(&fixture::builder().tool("mirrored", fixture::raw_tool("mirrored", schema)).unwrap().build()).await
}

fn call(arguments: Value) -> Value {
    modern(1, "tools/call", json!({"name": "mirrored", "arguments": arguments}), json!({}))
}

/// Sends a request and expects it to be accepted, or refused for its headers.
async fn check(client: &Http, request: Request, accepted: bool, what: &str) {
    let mut reply = client.send(request).await;
    let message = reply.message().await;
    if accepted {
        assert!(message.get("result").is_some(), "{what}: {message}");
    } else {
        assert_eq!((reply.status, &message["error"]["code"]), (400, &json!(-32020)), "{what}: {message}");
        assert_eq!(message["id"], 1, "{what}: {message}");
    }
}

/// Holds HDR-10.
#[tokio::test]
async fn hdr_05_names_are_compared_without_case_and_values_with_it() {
    let client = site().await.client();
    let plain = || Request::modern(&call(json!({})));
    for name in ["mcp-method", "MCP-METHOD", "mCp-MeThOd"] {
        check(&client, plain().without("Mcp-Method").header(name, "tools/call"), true, name).await;
    }
    for value in [" tools/call", "tools/call \t", "\ttools/call"] {
        check(&client, plain().with("Mcp-Method", value), true, value).await;
        check(&client, plain().with("Mcp-Name", value.replace("tools/call", "mirrored")), true, value).await;
    }
    for value in ["Tools/Call", "TOOLS/CALL", "tools", "tools/call,tools/call", "\"tools/call\""] {
        check(&client, plain().with("Mcp-Method", value), false, value).await;
    }
    for value in ["Mirrored", "mirrored2", "", "mirrored;"] {
        check(&client, plain().with("Mcp-Name", value), false, value).await;
    }
}

/// Holds HDR-06.
#[tokio::test]
async fn hdr_07_a_mirrored_header_is_there_once_and_is_what_the_body_says() {
    let client = site().await.client();
    for (method, params, name) in [
        ("tools/call", json!({"name": "nothing"}), true),
        ("prompts/get", json!({"name": "gallery"}), true),
        ("resources/read", json!({"uri": "test://fixed"}), true),
        ("tools/list", json!({}), false),
        ("server/discover", json!({}), false),
        (
            "completion/complete",
            json!({"ref": {"type": "ref/prompt", "name": "review"},
            "argument": {"name": "code", "value": ""}}),
            false,
        ),
    ] {
        let request = Request::modern(&modern(1, method, params, json!({})));
        check(&client, request.clone(), true, method).await;
        for header in ["MCP-Protocol-Version", "Mcp-Method", "Mcp-Name"] {
            if header == "Mcp-Name" && !name {
                continue;
            }
            check(&client, request.clone().without(header), false, &format!("{method} without {header}")).await;
            let doubled = match header {
                "MCP-Protocol-Version" => "2026-07-28",
                "Mcp-Method" => method,
                _ => "nothing",
            };
            check(&client, request.clone().header(header, doubled), false, &format!("{method} doubled {header}")).await;
            check(&client, request.clone().with(header, "other"), false, &format!("{method} other {header}")).await;
            check(&client, request.clone().with(header, b"\xff"), false, &format!("{method} bytes {header}")).await;
        }
    }
}

/// Holds HDR-30, HDR-31.
#[tokio::test]
async fn hdr_08_encoded_values_are_decoded_before_they_are_compared() {
    let client = site().await.client();
    let region =
        |value: &str, header: &str| Request::modern(&call(json!({"region": value}))).header("Mcp-Param-Region", header);
    for value in ["blue", "a b", "", " a", "ä", "x\r\ny", "\tq", "=?base64?zz?=", "\u{1f600}"] {
        check(&client, region(value, &encoded(value)), true, value).await;
    }
    for (value, header, accepted) in [
        ("blue", "=?base64?Ymx1ZQ==?=", true),
        ("blue", "=?base64?Ymx1ZQ?=", false),
        ("blue", "=?base64?Ym x1ZQ==?=", false),
        ("blue", "=?base64?Ymx1Z!==?=", false),
        ("blue", "=?base64?cmVk?=", false),
        ("a", "=?base64?/w==?=", false),
        // Without the exact markers it is what it is.
        ("=?BASE64?YQ==?=", "=?BASE64?YQ==?=", true),
        ("a", "=?BASE64?YQ==?=", false),
        ("YQ==", "YQ==", true),
        ("=?base64?YQ==", "=?base64?YQ==", true),
    ] {
        check(&client, region(value, header), accepted, header).await;
    }
    // A URI as it is, and encoded.
    for header in ["test://item/7", "=?base64?dGVzdDovL2l0ZW0vNw==?="] {
        let request = Request::modern(&modern(1, "resources/read", json!({"uri": "test://item/7"}), json!({})));
        check(&client, request.with("Mcp-Name", header), true, header).await;
    }
}

#[tokio::test]
async fn hdr_09_integers_are_compared_as_numbers() {
    let client = site().await.client();
    for (value, header, accepted) in [
        (json!(42), "42", true),
        (json!(42), "42.0", true),
        (json!(42.0), "42", true),
        (json!(-7), "-7", true),
        (json!(0), "0", true),
        (json!(42), "43", false),
        (json!(42), "4 2", false),
        (json!(42), "", false),
        (json!(42), "forty-two", false),
        (json!(42), "0x2a", false),
    ] {
        let request = Request::modern(&call(json!({"count": value}))).header("Mcp-Param-Count", header);
        check(&client, request, accepted, &format!("{value} {header}")).await;
    }
    for (value, header, accepted) in
        [(true, "true", true), (false, "false", true), (true, "True", false), (true, "1", false)]
    {
        let request = Request::modern(&call(json!({"flag": value}))).header("Mcp-Param-Flag", header);
        check(&client, request, accepted, header).await;
    }
}

#[tokio::test]
async fn hdr_23_mirrored_integers_are_safe_in_every_language() {
    let client = site().await.client();
    for (value, accepted) in [
        ("9007199254740991", true),
        ("-9007199254740991", true),
        ("9007199254740992", false),
        ("-9007199254740992", false),
        ("99999999999999999999", false),
    ] {
        let text = call(json!({"count": 0})).to_string().replace("\"count\":0", &format!("\"count\":{value}"));
        let mut request = Request::modern(&call(json!({}))).header("Mcp-Param-Count", value);
        request = request.body(text);
        check(&client, request, accepted, value).await;
    }
}

/// Holds HDR-16.
#[tokio::test]
async fn hdr_15_an_argument_and_its_header_come_together() {
    let client = site().await.client();
    let plain = |arguments: Value| Request::modern(&call(arguments));
    check(&client, plain(json!({})), true, "neither").await;
    check(&client, plain(json!({"region": null})), true, "null counts as absent").await;
    check(&client, plain(json!({"region": "eu"})), false, "the header is missing").await;
    check(&client, plain(json!({})).header("Mcp-Param-Region", "eu"), false, "the argument is missing").await;
    let region = || plain(json!({"region": "eu"}));
    check(&client, region().header("Mcp-Param-Region", "eu"), true, "both").await;
    check(&client, region().header("mcp-param-REGION", " eu "), true, "spelled otherwise").await;
    check(&client, region().header("Mcp-Param-Region", "us"), false, "different").await;
    check(&client, region().header("Mcp-Param-Region", "eu").header("Mcp-Param-Region", "eu"), false, "twice").await;
    check(&client, region().header("Mcp-Param-Region", b"e\xffu"), false, "bytes").await;
    let deep = || plain(json!({"deep": {"zone": "z"}}));
    check(&client, deep(), false, "a member within is missing").await;
    check(&client, deep().header("Mcp-Param-Zone", "z"), true, "a member within").await;
    // A header nobody declared is nobody's business.
    check(&client, plain(json!({})).header("Mcp-Param-Unknown", "x"), true, "unknown").await;
    let other = Request::modern(&modern(1, "tools/call", json!({"name": "nothing"}), json!({})));
    check(&client, other.header("Mcp-Param-Region", "eu"), true, "of another tool").await;
}

/// Over a stream that has no headers there is nothing to mirror.
#[tokio::test]
async fn without_headers_nothing_is_mirrored() {
    let schema = json!({"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}});
    let server = fixture::builder().tool("mirrored", fixture::raw_tool("mirrored", schema)).unwrap().build();
    let mut client = turbomcp_tests::Client::connect(&server);
    assert!(client.tool("mirrored", json!({"region": "eu"})).await.get("result").is_some());
}
