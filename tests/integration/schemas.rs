//! Schemas that strict hosts read: B12, and what types and attributes say of arguments: F21, F23, F24, F29, B3.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use turbomcp::HandlerRegistry;
use turbomcp::prelude::*;
use turbomcp::schema::SchemaStyle;
use turbomcp_tests::Client;

use crate::text;

/// What to look for.
#[derive(Deserialize, JsonSchema)]
struct QueryRequest {
    /// The text.
    #[validate(length(min = 1, max = 20))]
    query: String,
    #[schemars(description = "How many at most.")]
    #[validate(range(min = 1, max = 1000))]
    limit: Option<u32>,
    #[serde(default)]
    filter: Option<Filter>,
}

#[derive(Deserialize, JsonSchema)]
struct Filter {
    kind: Kind,
    without: Option<Box<Self>>,
}

#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Kind {
    /// A page.
    Page,
    /// An image.
    Image,
}

#[derive(Debug)]
struct Invalid;

impl std::fmt::Display for Invalid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the query must not be a number")
    }
}

impl std::error::Error for Invalid {}

impl QueryRequest {
    fn validate(&self) -> Result<(), Invalid> {
        if self.query.parse::<f64>().is_ok() { Err(Invalid) } else { Ok(()) }
    }
}

struct Search;

#[server(name = "search")]
impl Search {
    #[tool("Searches.")]
    async fn search(&self, #[tool(aggr)] request: QueryRequest) -> McpResult<String> {
        request.validate()?;
        let without = request.filter.and_then(|filter| filter.without).map(|filter| json!(filter.kind));
        Ok(format!("{} {:?} {without:?}", request.query, request.limit))
    }
}

fn input_schema(answer: &Value) -> &Value {
    &answer["result"]["tools"][0]["inputSchema"]
}

#[tokio::test]
async fn f23_what_validate_says_is_in_the_schema_and_enforced() {
    let mut client = Client::connect(&Search.into_server());
    let listed = client.modern("tools/list", json!({}), json!({})).await;
    let properties = &input_schema(&listed)["properties"];
    assert_eq!((&properties["query"]["minLength"], &properties["query"]["maxLength"]), (&json!(1), &json!(20)));
    assert_eq!((&properties["limit"]["minimum"], &properties["limit"]["maximum"]), (&json!(1), &json!(1000)));
    for (arguments, expected) in [
        (json!({"query": ""}), "`query` must have at least 1 character, got 0"),
        (json!({"query": "x", "limit": 1001}), "`limit` must be at most 1000, got 1001"),
        (json!({"query": "42"}), "the query must not be a number"),
    ] {
        let answer = client.tool("search", arguments).await;
        assert_eq!((&answer["result"]["isError"], text(&answer)), (&json!(true), expected));
    }
}

#[tokio::test]
async fn f24_descriptions_of_fields_are_in_the_schema() {
    let mut client = Client::connect(&Search.into_server());
    let listed = client.modern("tools/list", json!({}), json!({})).await;
    let properties = &input_schema(&listed)["properties"];
    assert_eq!(properties["limit"]["description"], "How many at most.");
    assert_eq!(properties["query"]["description"], "The text.");
    assert_eq!(listed["result"]["tools"][0]["description"], "Searches.");
}

#[tokio::test]
async fn b12_definitions_stand_at_the_root_and_no_reference_dangles() {
    let mut client = Client::connect(&Search.into_server());
    let listed = client.modern("tools/list", json!({}), json!({})).await;
    let schema = input_schema(&listed);
    let mut references = Vec::new();
    references_in(schema, &mut references);
    assert!(!references.is_empty());
    for reference in references {
        let name = reference.strip_prefix("#/$defs/").expect("a definition at the root");
        assert!(schema["$defs"].get(name).is_some(), "{name}");
    }
    assert!(!schema.to_string().contains("null"), "{schema}");
}

fn references_in<'a>(schema: &'a Value, found: &mut Vec<&'a str>) {
    match schema {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|value| references_in(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| references_in(value, found)),
        _ => {}
    }
}

#[tokio::test]
async fn b12_a_server_says_how_its_schemas_are_written() {
    let server = Search.into_builder().schema_style(SchemaStyle::Plain).build();
    let mut registry = HandlerRegistry::new();
    registry.register_tool("find", |request: QueryRequest| async move { request.query }).unwrap();
    for reload in [false, true] {
        if reload {
            server.reload(registry.clone());
        }
        let mut client = Client::connect(&server);
        let listed = client.modern("tools/list", json!({}), json!({})).await;
        let kind = &input_schema(&listed)["properties"]["filter"]["properties"]["kind"];
        assert_eq!((&kind["type"], &kind["enum"]), (&json!("string"), &json!(["page", "image"])), "{listed}");
        assert!(!listed.to_string().contains("$ref"), "{listed}");
        let name = if reload { "find" } else { "search" };
        let answer = client.tool(name, json!({"query": "x", "limit": 0})).await;
        assert_eq!(text(&answer), "`limit` must be at least 1, got 0");
    }
}
