//! BASE, HDR: JSON Schemas of tools.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use turbomcp::schema::Validator;
use turbomcp::{Error, McpServer};
use turbomcp_tests::{Client, fixture};

fn server(schema: Value) -> Result<McpServer, Error> {
    Ok(McpServer::builder().tool("raw", fixture::raw_tool("raw", schema))?.build())
}

/// Calls a tool that has this schema and says whether the arguments were accepted.
async fn accepts(schema: &Value, arguments: Value) -> bool {
    let answer = Client::connect(&server(schema.clone()).unwrap()).tool("raw", arguments).await;
    answer["result"].get("isError").is_none()
}

#[track_caller]
fn refused(schema: Value) -> String {
    server(schema.clone()).map(drop).expect_err(&schema.to_string()).to_string()
}

#[tokio::test]
async fn base_52_a_schema_without_a_dialect_is_2020_12() {
    for explicit in [false, true] {
        let mut schema = json!({"type": "object", "properties": {
            "pair": {"prefixItems": [{"type": "integer"}, {"type": "string"}], "items": false},
            "node": {"$ref": "#/$defs/node"},
        }, "dependentRequired": {"pair": ["node"]}, "unevaluatedProperties": false,
        "$defs": {"node": {"$anchor": "n", "type": "object", "properties": {"next": {"$ref": "#n"}}}}});
        if explicit {
            schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
        }
        assert!(accepts(&schema, json!({"pair": [1, "a"], "node": {"next": {}}})).await);
        for bad in [
            json!({"pair": ["a", 1], "node": {}}),
            json!({"pair": [1, "a", 2], "node": {}}),
            json!({"pair": [1, "a"]}),
            json!({"node": {"next": 5}}),
            json!({"other": 1}),
        ] {
            assert!(!accepts(&schema, bad.clone()).await, "{bad}");
        }
    }
}

/// Holds BASE-55.
#[tokio::test]
async fn base_53_a_schema_is_read_in_the_dialect_it_names() {
    let items = json!([{"type": "integer"}]);
    let draft7 = json!({"$schema": "http://json-schema.org/draft-07/schema#", "type": "object",
        "properties": {"a": {"items": items}}, "dependencies": {"a": ["b"]}});
    assert!(accepts(&draft7, json!({"a": [1, "any"], "b": 1})).await);
    assert!(!accepts(&draft7, json!({"a": ["x"], "b": 1})).await);
    assert!(!accepts(&draft7, json!({"a": []})).await);
    let unknown = refused(json!({"$schema": "https://example.com/my-dialect", "type": "object", "minProperties": 1}));
    assert!(unknown.contains("https://example.com/my-dialect") && unknown.contains("dialect"), "{unknown}");
}

#[test]
fn base_54_a_schema_that_is_none_is_refused() {
    for schema in [
        json!({"type": "object", "properties": 5}),
        json!({"type": "object", "properties": {"a": {"type": "strin"}}}),
        json!({"type": "object", "required": "a"}),
        json!({"type": "object", "properties": {"a": {"pattern": "("}}}),
        json!({"type": "object", "properties": {"a": {"minimum": "1"}}}),
        json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/missing"}}}),
    ] {
        refused(schema);
    }
}

/// Holds BASE-58.
#[tokio::test]
async fn base_56_nothing_is_fetched() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/schema.json", listener.local_addr().unwrap());
    for schema in [
        json!({"type": "object", "properties": {"a": {"$ref": url}}}),
        json!({"type": "object", "$ref": url}),
        json!({"type": "object", "properties": {"a": {"$dynamicRef": url}}}),
        json!({"type": "object", "properties": {"a": {"$id": url, "$ref": "other.json"}}}),
        json!({"type": "object", "properties": {"a": {"$ref": "file:///etc/passwd"}}}),
        json!({"$schema": url, "type": "object", "minProperties": 1}),
    ] {
        refused(schema);
    }
    let connected = tokio::time::timeout(Duration::from_millis(200), listener.accept()).await;
    assert!(connected.is_err(), "somebody came to fetch a schema");
}

#[test]
fn base_59_schemas_are_bounded() {
    let deep = (0..500).fold(json!({}), |inner, _| json!({"items": inner}));
    assert!(refused(json!({"type": "object", "properties": {"a": deep}})).contains("nested"));
    let wide: serde_json::Map<_, _> = (0..20_000).map(|i| (format!("p{i}"), json!({"type": "string"}))).collect();
    assert!(refused(json!({"type": "object", "properties": wide})).contains("objects"));
    let mut defs = serde_json::Map::new();
    for i in 0..40 {
        let next = json!({"$ref": format!("#/$defs/d{}", i + 1)});
        defs.insert(format!("d{i}"), json!({"allOf": [next, next]}));
    }
    defs.insert("d40".to_owned(), json!({"type": "object"}));
    refused(json!({"type": "object", "$ref": "#/$defs/d0", "$defs": defs}));
}

/// A schema that refers to itself in several ways takes no longer for it.
#[test]
fn base_59_values_are_checked_in_bounded_time() {
    let twice = json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/t"}}, "$defs": {
        "t": {"anyOf": [{"type": "array", "items": {"$ref": "#/$defs/t"}},
            {"type": "array", "items": {"$ref": "#/$defs/t"}}, {"const": 1}]}}});
    let nested = |leaf: Value| json!({"a": (0..100).fold(leaf, |inner, _| json!([inner]))});
    let started = Instant::now();
    let validator = Validator::compile(&twice).unwrap().unwrap();
    assert!(validator.check(&nested(json!(2))).is_err());
    // A value that is no deeper than people nest things is still told apart.
    let shallow = |leaf: i64| json!({"a": [[[leaf]]]});
    assert!(validator.check(&shallow(1)).is_ok() && validator.check(&shallow(2)).is_err());
    let backtracking = json!({"type": "object", "properties": {"a": {"pattern": "^(?=(a+)+$)(a+)+$"}}});
    let validator = Validator::compile(&backtracking).unwrap().unwrap();
    assert!(validator.check(&json!({"a": format!("{}b", "a".repeat(5000))})).is_err());
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

fn annotated(header: Value, kind: &str) -> Value {
    json!({"type": "object", "properties": {"region": {"type": kind, "x-mcp-header": header}}})
}

/// Holds HDR-20.
#[test]
fn hdr_19_an_annotation_is_a_token_of_http() {
    for header in ["Region", "a", "x!#$%&'*+-.^_`|~9", "Method"] {
        assert!(server(annotated(json!(header), "string")).is_ok(), "{header}");
    }
    for header in ["", "My Region", "R:P", "Région", "R\t1", "R\r\nX: 1", "a\u{7f}", "(a)", "a,b", "\"a\""] {
        refused(annotated(json!(header), "string"));
    }
    for header in [json!(5), json!(null), json!(["Region"]), json!(true)] {
        refused(annotated(header, "string"));
    }
}

#[test]
fn hdr_21_annotations_are_unique_whatever_their_case() {
    let two = |a: &str, b: &str| {
        json!({"type": "object", "properties": {
        "a": {"type": "string", "x-mcp-header": a}, "b": {"properties": {"c": {"type": "string", "x-mcp-header": b}}}}})
    };
    assert!(server(two("Region", "Zone")).is_ok());
    refused(two("Region", "Region"));
    refused(two("Region", "REGION"));
}

#[test]
fn hdr_22_only_scalars_are_annotated() {
    for kind in ["string", "integer", "boolean"] {
        assert!(server(annotated(json!("Region"), kind)).is_ok(), "{kind}");
    }
    for kind in ["number", "object", "array", "null"] {
        refused(annotated(json!("Region"), kind));
    }
    refused(json!({"type": "object", "properties": {"a": {"x-mcp-header": "A"}}}));
    refused(json!({"type": "object", "x-mcp-header": "A"}));
}

#[test]
fn hdr_24_annotations_are_reached_through_properties_only() {
    let leaf = json!({"type": "string", "x-mcp-header": "A"});
    let nested = json!({"type": "object", "properties": {"a": {"type": "object", "properties": {"b": leaf}}}});
    assert!(server(nested).is_ok());
    let inner = json!({"type": "object", "properties": {"b": leaf}});
    for schema in [
        json!({"properties": {"a": {"type": "array", "items": leaf}}}),
        json!({"properties": {"a": {"items": inner}}}),
        json!({"properties": {"a": {"prefixItems": [leaf]}}}),
        json!({"oneOf": [inner]}),
        json!({"anyOf": [inner]}),
        json!({"allOf": [inner]}),
        json!({"not": inner}),
        json!({"if": inner, "then": inner}),
        json!({"properties": {"a": {"$ref": "#/$defs/x"}}, "$defs": {"x": leaf}}),
        json!({"additionalProperties": leaf}),
        json!({"patternProperties": {"^a": leaf}}),
        json!({"dependentSchemas": {"a": inner}}),
    ] {
        let mut schema = schema;
        schema["type"] = json!("object");
        refused(schema);
    }
    // A property of that name is no annotation, nor is data.
    assert!(server(json!({"type": "object", "properties": {"x-mcp-header": {"type": "array"}}})).is_ok());
    assert!(server(json!({"type": "object", "properties": {"a": {"default": {"x-mcp-header": "A"}}}})).is_ok());
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Shape {
    /// How it is drawn.
    style: Option<Style>,
    /// What is inside.
    #[serde(default)]
    parts: Vec<Shape>,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Style {
    /// All of it.
    Filled,
    /// Its border.
    Outlined,
}

/// What a host is shown is plain, and what is accepted is the same.
#[tokio::test]
async fn schemas_are_written_for_hosts_that_know_few_words() {
    let tool = |shape: Shape, _: turbomcp::Context| async move {
        let filled = matches!(shape.style, Some(Style::Filled));
        format!("{filled} {}", shape.parts.iter().filter(|part| matches!(part.style, Some(Style::Outlined))).count())
    };
    let plain = McpServer::builder().tool("draw", tool).unwrap().schema_style(turbomcp::schema::SchemaStyle::Plain);
    let mut client = Client::connect(&plain.build());
    let listed = client.modern("tools/list", json!({}), json!({})).await["result"]["tools"][0].take();
    let text = listed["inputSchema"].to_string();
    for word in ["$ref", "$defs", "null", "oneOf", "const"] {
        assert!(!text.contains(word), "{word}: {text}");
    }
    assert_eq!(listed["inputSchema"]["properties"]["style"]["enum"], json!(["filled", "outlined"]), "{text}");
    let arguments = json!({"style": null, "parts": [{"style": "outlined", "parts": [{}]}]});
    assert_eq!(client.tool("draw", arguments).await["result"]["content"][0]["text"], "false 1");
    assert_eq!(client.tool("draw", json!({"style": "dotted"})).await["result"]["isError"], true);
}
