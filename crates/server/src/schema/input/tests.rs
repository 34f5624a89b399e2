use std::collections::{BTreeMap, HashMap};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::{HeaderKind, Validator, x_mcp_headers};
use super::*;

/// Where something is.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is looked at")]
struct Place {
    /// The street.
    street: String,
    zip: Option<String>,
    region: Option<Region>,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is looked at")]
#[serde(rename_all = "lowercase")]
enum Region {
    North,
    South,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is looked at")]
enum Documented {
    /// Upwards.
    North,
    /// Downwards.
    South,
}

#[derive(JsonSchema, Serialize)]
struct Tree {
    children: Vec<Self>,
    parent: Option<Box<Self>>,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is looked at")]
#[serde(transparent)]
struct Wrapped(Place);

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is looked at")]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Shape {
    Circle { radius: f64 },
    Square { side: f64 },
}

#[derive(JsonSchema, Deserialize)]
#[expect(dead_code, reason = "only its schema is looked at")]
struct Defaults {
    #[serde(default)]
    note: Option<String>,
    #[serde(default = "ten")]
    limit: u32,
}

fn ten() -> u32 {
    10
}

#[track_caller]
fn check<T: JsonSchema>(settings: Argument, expected: Value) {
    let schema = InputSchema::new().argument::<T>("a", settings).build();
    assert_eq!(schema["properties"]["a"], expected);
}

/// Asserts that every reference leads to a definition at the root, and that definitions stand nowhere else.
#[track_caller]
fn closed(schema: &Map<String, Value>) {
    fn visit(value: &Value, root: &Map<String, Value>, depth: usize) {
        if let Value::Object(members) = value {
            if let Some(Value::String(target)) = members.get("$ref") {
                let name = target.strip_prefix("#/$defs/").unwrap_or_else(|| panic!("{target}"));
                assert!(root["$defs"].get(name).is_some(), "{target} dangles");
            }
            assert!(depth == 0 || !members.contains_key("$defs"), "definitions below the root");
            members.values().for_each(|member| visit(member, root, depth + 1));
        } else if let Value::Array(items) = value {
            items.iter().for_each(|item| visit(item, root, depth + 1));
        }
    }
    visit(&Value::Object(schema.clone()), schema, 0);
    assert!(!schema.contains_key("$schema") && !schema.contains_key("title"));
    assert_eq!(schema["type"], "object");
    Validator::compile(&Value::Object(schema.clone())).unwrap();
}

#[test]
fn a_tool_without_arguments_allows_none() {
    let schema = InputSchema::new().build();
    assert_eq!(json!(schema), json!({"type": "object", "properties": {}, "additionalProperties": false}));
    closed(&schema);
}

#[test]
fn scalars_stand_as_they_are() {
    check::<i64>(Argument::new(), json!({"type": "integer", "format": "int64"}));
    check::<u32>(Argument::new(), json!({"type": "integer", "format": "uint32", "minimum": 0}));
    check::<u8>(Argument::new(), json!({"type": "integer", "format": "uint8", "minimum": 0, "maximum": 255}));
    check::<f64>(Argument::new(), json!({"type": "number", "format": "double"}));
    check::<bool>(Argument::new(), json!({"type": "boolean"}));
    check::<String>(Argument::new(), json!({"type": "string"}));
    check::<Vec<bool>>(Argument::new(), json!({"type": "array", "items": {"type": "boolean"}}));
    check::<Value>(Argument::new(), json!({}));
}

#[test]
fn an_argument_is_required_unless_it_may_be_left_out() {
    let schema = InputSchema::new()
        .argument::<i64>("a", Argument::new())
        .argument::<Option<i64>>("b", Argument::new())
        .argument::<i64>("c", Argument::new().default(1))
        .argument::<i64>("d", Argument::new().optional())
        .argument::<Value>("e", Argument::new())
        .argument::<Option<Value>>("f", Argument::new())
        .argument::<Box<Option<i64>>>("g", Argument::new())
        .argument::<Option<Place>>("h", Argument::new())
        .build();
    assert_eq!(schema["required"], json!(["a", "e"]));
    assert!(!schema.contains_key("additionalProperties"));
    closed(&schema);
}

#[test]
fn b12_an_optional_argument_has_the_schema_of_what_it_is_when_given() {
    check::<Option<i64>>(Argument::new(), json!({"type": "integer", "format": "int64"}));
    check::<Option<Option<bool>>>(Argument::new(), json!({"type": "boolean"}));
    check::<Option<Place>>(Argument::new(), json!({"$ref": "#/$defs/Place"}));
    check::<Option<Vec<bool>>>(Argument::new(), json!({"type": "array", "items": {"type": "boolean"}}));
    check::<Option<Value>>(Argument::new(), json!({}));
    let described = Argument::new().description("D").default(Value::Null);
    check::<Option<Place>>(described, json!({"$ref": "#/$defs/Place", "description": "D"}));
}

#[test]
fn b12_optional_members_of_nested_types_are_not_unions_either() {
    let schema = InputSchema::new().argument::<Place>("a", Argument::new()).whole::<Defaults>().build();
    assert_eq!(schema["$defs"]["Place"]["properties"]["zip"], json!({"type": "string"}));
    assert_eq!(schema["$defs"]["Place"]["properties"]["region"], json!({"$ref": "#/$defs/Region"}));
    assert_eq!(schema["properties"]["note"], json!({"type": "string"}));
    closed(&schema);
}

#[test]
fn b12_null_is_accepted_in_place_of_an_optional_member() {
    let schema = InputSchema::new()
        .argument::<Option<u8>>("a", Argument::new().maximum(5))
        .argument::<Place>("b", Argument::new())
        .build();
    let validator = Validator::compile_arguments(&schema.into()).unwrap().unwrap();
    let place = json!({"street": "S", "zip": null, "region": null});
    assert_eq!(validator.check(&json!({"a": null, "b": place})), Ok(()));
    assert_eq!(validator.check(&json!({"b": place})), Ok(()));
    assert_eq!(validator.check(&json!({"a": 6, "b": place})), Err(vec!["`a` must be at most 5, got 6".to_owned()]));
    assert_eq!(validator.check(&json!({"b": null})), Err(vec!["`b` must be an object, got null".to_owned()]));
}

#[test]
fn a_union_that_must_be_given_stays_one() {
    check::<Vec<Option<bool>>>(Argument::new(), json!({"type": "array", "items": {"type": ["boolean", "null"]}}));
}

#[test]
fn doc_comments_are_descriptions() {
    let schema = InputSchema::new().argument::<Place>("a", Argument::new().description("Here.")).build();
    assert_eq!(schema["properties"]["a"], json!({"$ref": "#/$defs/Place", "description": "Here."}));
    assert_eq!(schema["$defs"]["Place"]["description"], "Where something is.");
    assert_eq!(
        schema["$defs"]["Place"]["properties"]["street"],
        json!({"type": "string", "description": "The street."})
    );
}

#[test]
fn definitions_are_shared_between_arguments_and_stand_at_the_root() {
    let schema = InputSchema::new()
        .argument::<Place>("from", Argument::new())
        .argument::<Option<Place>>("to", Argument::new())
        .argument::<HashMap<String, Tree>>("trees", Argument::new())
        .build();
    assert_eq!(schema["properties"]["from"], schema["properties"]["to"]);
    assert_eq!(schema["$defs"].as_object().unwrap().keys().collect::<Vec<_>>(), ["Place", "Region", "Tree"]);
    closed(&schema);
}

#[test]
fn two_types_of_one_name_have_two_definitions() {
    mod other {
        #[derive(schemars::JsonSchema)]
        #[expect(dead_code, reason = "only its schema is looked at")]
        pub(super) struct Place {
            x: i32,
        }
    }
    let schema = InputSchema::new()
        .argument::<Place>("a", Argument::new())
        .argument::<other::Place>("b", Argument::new())
        .build();
    assert_eq!(schema["properties"]["b"], json!({"$ref": "#/$defs/Place2"}));
    closed(&schema);
}

#[test]
fn settings_are_added_to_the_type() {
    check::<Option<u8>>(
        Argument::new().title("T").description("D").minimum(1).maximum(14).default(7).examples([1, 2]),
        json!({
            "type": "integer", "format": "uint8", "minimum": 1, "maximum": 14,
            "title": "T", "description": "D", "default": 7, "examples": [1, 2],
        }),
    );
    check::<f64>(
        Argument::new().exclusive_minimum(0.0).exclusive_maximum(1.5),
        json!({"type": "number", "format": "double", "exclusiveMinimum": 0.0, "exclusiveMaximum": 1.5}),
    );
    check::<String>(
        Argument::new().pattern("^a").keyword("format", "email"),
        json!({"type": "string", "pattern": "^a", "format": "email"}),
    );
}

#[test]
fn a_length_is_counted_in_what_the_type_has() {
    let settings = Argument::new().min_length(1).max_length(9);
    check::<Option<String>>(settings.clone(), json!({"type": "string", "minLength": 1, "maxLength": 9}));
    check::<Option<Vec<bool>>>(
        settings.clone(),
        json!({"type": "array", "items": {"type": "boolean"}, "minItems": 1, "maxItems": 9}),
    );
    check::<BTreeMap<String, bool>>(
        settings,
        json!({"type": "object", "additionalProperties": {"type": "boolean"}, "minProperties": 1, "maxProperties": 9}),
    );
}

#[test]
fn a_mirrored_argument_has_its_type_beside_the_annotation() {
    let schema = InputSchema::new()
        .argument::<Option<Region>>("a", Argument::new().header("A"))
        .argument::<Documented>("b", Argument::new().header("B"))
        .argument::<Option<i64>>("c", Argument::new().header("C"))
        .build();
    let kinds: Vec<_> = x_mcp_headers(&schema.clone().into()).unwrap().iter().map(|param| param.kind).collect();
    assert_eq!(kinds, [HeaderKind::String, HeaderKind::String, HeaderKind::Integer]);
    assert_eq!(schema["properties"]["a"], json!({"type": "string", "enum": ["north", "south"], "x-mcp-header": "A"}));
    closed(&schema);
}

#[test]
fn a_header_for_something_that_is_no_scalar_is_reported_by_the_reader() {
    let schema = InputSchema::new().argument::<Place>("a", Argument::new().header("A")).build();
    assert!(x_mcp_headers(&schema.clone().into()).is_err());
    closed(&schema);
}

#[test]
fn a_whole_type_gives_its_members_to_the_root() {
    let schema = InputSchema::new().whole::<Place>().build();
    assert_eq!(schema["description"], "Where something is.");
    assert_eq!(schema["properties"].as_object().unwrap().len(), 3);
    assert_eq!(schema["required"], json!(["street"]));
    closed(&schema);
    assert_eq!(InputSchema::new().whole::<Box<Place>>().build(), schema);
    let wrapped = InputSchema::new().whole::<Wrapped>().build();
    assert_eq!(wrapped["properties"], schema["properties"]);
    closed(&wrapped);
}

#[test]
fn a_whole_type_may_refer_to_itself() {
    let schema = InputSchema::new().argument::<bool>("a", Argument::new()).whole::<Tree>().build();
    assert_eq!(schema["properties"]["children"]["items"], json!({"$ref": "#/$defs/Tree"}));
    assert_eq!(schema["required"], json!(["a", "children"]));
    closed(&schema);
}

#[test]
fn a_whole_map_or_value_stays_open() {
    for schema in [
        InputSchema::new().whole::<Map<String, Value>>().build(),
        InputSchema::new().whole::<HashMap<String, Value>>().build(),
    ] {
        assert_eq!(schema.get("additionalProperties"), Some(&json!(true)));
        closed(&schema);
    }
    assert!(InputSchema::new().whole::<Shape>().build().contains_key("oneOf"));
    closed(&InputSchema::new().whole::<Shape>().build());
}

#[test]
fn defaults_of_members_are_kept() {
    let schema = InputSchema::new().whole::<Defaults>().build();
    assert_eq!(schema["properties"]["limit"]["default"], 10);
    assert!(schema["properties"]["note"].get("default").is_none());
    assert!(!schema.contains_key("required"));
}

#[test]
fn an_output_schema_says_what_is_serialized() {
    #[derive(JsonSchema, Serialize)]
    struct Output {
        tree: Tree,
        note: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
    }
    let schema = output_schema_of::<Output>();
    assert_eq!(schema["required"], json!(["tree", "note"]));
    assert_eq!(schema["properties"]["note"], json!({"type": ["string", "null"]}));
    assert_eq!(schema["properties"]["tree"], json!({"$ref": "#/$defs/Tree"}));
    closed(schema.as_object().unwrap());
    assert!(output_schema_of::<Tree>().get("$defs").is_some());
    assert_eq!(output_schema_of::<Vec<u8>>()["type"], "array");
    assert_eq!(output_schema_of::<Value>(), json!({}));
    assert_eq!(output_schema_of::<Wrapped>()["type"], "object");
    assert_eq!(output_schema_of::<Option<bool>>(), json!({"type": ["boolean", "null"]}));
}
