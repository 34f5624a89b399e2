//! Whether decoding alone enforces a schema.

use serde_json::{Map, Value};

use super::input::is_null;
use turbomcp_schema::each_subschema;

/// Deeper than this a schema is not followed but validated.
const MAX_DEPTH: usize = 64;

/// Returns true if arguments have to be validated against this input schema.
///
/// If the schema is `typed`, that is, derived from the Rust types that the arguments are decoded into, then decoding
/// enforces what the types say: their names, which members are required, how large an integer is. Such a schema needs
/// validation only for what was said beside the types: ranges, lengths, patterns, enumerations.
///
/// Otherwise it needs validation if it says anything beyond `"type": "object"`.
#[must_use]
pub fn needs_validation(schema: &Value, typed: bool) -> bool {
    match schema {
        Value::Object(schema) if typed => !is_decoded(schema, 0),
        Value::Object(schema) => !schema.iter().all(|(keyword, value)| match keyword.as_str() {
            "type" => value == "object",
            "properties" => is_empty(value),
            "required" => value.as_array().is_some_and(Vec::is_empty),
            "additionalProperties" => *value == Value::Bool(true),
            keyword => is_annotation(keyword) || keyword == "$defs",
        }),
        schema => *schema != Value::Bool(true),
    }
}

fn is_decoded(schema: &Map<String, Value>, depth: usize) -> bool {
    if depth > MAX_DEPTH {
        return false;
    }
    let mut decoded = schema.iter().all(|(keyword, value)| match keyword.as_str() {
        "type" | "required" | "properties" | "items" | "$defs" => true,
        "additionalProperties" => *value != Value::Bool(false) || schema.get("properties").is_none_or(is_empty),
        "minimum" => is_natural(schema, value, |integer| Some(integer.0)),
        "maximum" => is_natural(schema, value, |integer| integer.1),
        "anyOf" => value.as_array().is_some_and(|branches| branches.len() == 2 && branches.iter().any(is_null)),
        "$ref" => value.as_str().is_some_and(|target| target == "#" || target.starts_with("#/$defs/")),
        keyword => is_annotation(keyword),
    });
    each_subschema(schema, |keyword, _, subschema| {
        decoded = decoded
            && match subschema {
                Value::Object(subschema) => is_decoded(subschema, depth + 1),
                // What `additionalProperties` may say was looked at above.
                subschema => *subschema == Value::Bool(true) || keyword == "additionalProperties",
            };
    });
    decoded
}

/// Returns true if a bound is the one that the integer type of the schema's format has anyway.
fn is_natural(schema: &Map<String, Value>, bound: &Value, end: impl Fn((i64, Option<i64>)) -> Option<i64>) -> bool {
    let integer = match schema.get("format").and_then(Value::as_str) {
        Some("int8") => (i8::MIN.into(), Some(i8::MAX.into())),
        Some("int16") => (i16::MIN.into(), Some(i16::MAX.into())),
        Some("int32") => (i32::MIN.into(), Some(i32::MAX.into())),
        Some("uint8") => (0, Some(u8::MAX.into())),
        Some("uint16") => (0, Some(u16::MAX.into())),
        Some("uint32") => (0, Some(u32::MAX.into())),
        Some("uint" | "uint64" | "uint128") => (0, None),
        _ => return false,
    };
    bound.as_i64().is_some_and(|bound| end(integer) == Some(bound))
}

fn is_annotation(keyword: &str) -> bool {
    matches!(
        keyword,
        "$comment"
            | "$schema"
            | "contentEncoding"
            | "contentMediaType"
            | "default"
            | "deprecated"
            | "description"
            | "examples"
            | "format"
            | "readOnly"
            | "title"
            | "writeOnly"
    ) || keyword.starts_with("x-")
}

fn is_empty(properties: &Value) -> bool {
    properties.as_object().is_some_and(Map::is_empty)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use schemars::JsonSchema;
    use serde_json::json;

    use super::super::{Argument, InputSchema};
    use super::*;

    fn typed<T: JsonSchema>(settings: Argument) -> bool {
        needs_validation(&InputSchema::new().argument::<T>("a", settings).build().into(), true)
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    struct Node {
        name: String,
        size: Option<u16>,
        children: Vec<Self>,
        parent: Option<Box<Self>>,
        tags: BTreeMap<String, i32>,
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    #[serde(deny_unknown_fields)]
    struct Strict {
        name: String,
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    enum Level {
        Low,
        High,
    }

    #[test]
    fn what_decoding_enforces_needs_no_validation() {
        assert!(!typed::<i8>(Argument::new()));
        assert!(!typed::<i16>(Argument::new()));
        assert!(!typed::<i32>(Argument::new()));
        assert!(!typed::<i64>(Argument::new()));
        assert!(!typed::<u8>(Argument::new()));
        assert!(!typed::<u16>(Argument::new()));
        assert!(!typed::<u32>(Argument::new()));
        assert!(!typed::<u64>(Argument::new()));
        assert!(!typed::<usize>(Argument::new()));
        assert!(!typed::<f64>(Argument::new()));
        assert!(!typed::<bool>(Argument::new()));
        assert!(!typed::<Option<u8>>(Argument::new()));
        assert!(!typed::<Vec<Option<String>>>(Argument::new()));
        assert!(!typed::<Node>(Argument::new()));
        assert!(!typed::<Option<Node>>(Argument::new()));
        assert!(!typed::<BTreeMap<String, Node>>(Argument::new()));
        assert!(!typed::<Value>(Argument::new()));
        assert!(!needs_validation(&InputSchema::new().build().into(), true));
        assert!(!needs_validation(&InputSchema::new().whole::<Node>().build().into(), true));
        let described = Argument::new().description("D").title("T").default(3).examples([1]).header("A");
        assert!(!typed::<i64>(described));
    }

    #[test]
    fn what_is_said_beside_the_types_needs_validation() {
        assert!(typed::<u8>(Argument::new().minimum(1)));
        assert!(typed::<u8>(Argument::new().maximum(5)));
        assert!(typed::<i64>(Argument::new().minimum(0)));
        assert!(typed::<u64>(Argument::new().maximum(255)));
        assert!(typed::<f64>(Argument::new().exclusive_minimum(0.0)));
        assert!(typed::<f64>(Argument::new().exclusive_maximum(0.0)));
        assert!(typed::<String>(Argument::new().min_length(1)));
        assert!(typed::<String>(Argument::new().max_length(1)));
        assert!(typed::<String>(Argument::new().pattern("a")));
        assert!(typed::<Vec<u8>>(Argument::new().min_length(1)));
        assert!(typed::<Level>(Argument::new()));
        assert!(typed::<Strict>(Argument::new()));
        assert!(typed::<BTreeSet<u8>>(Argument::new()));
        assert!(typed::<[u8; 2]>(Argument::new()));
        assert!(typed::<(u8, String)>(Argument::new()));
    }

    #[test]
    fn keywords_without_a_known_meaning_need_validation() {
        for keyword in
            ["const", "allOf", "if", "not", "multipleOf", "dependentRequired", "propertyNames", "$dynamicRef"]
        {
            let schema = json!({"type": "object", "properties": {"a": {keyword: 1}}});
            assert!(needs_validation(&schema, true), "{keyword}");
        }
        assert!(needs_validation(&json!({"$ref": "https://example.com/a"}), true));
        assert!(needs_validation(&json!({"properties": {"a": false}}), true));
    }

    #[test]
    fn a_constraint_is_found_inside_definitions_and_items() {
        for schema in [
            json!({"$defs": {"A": {"type": "string", "maxLength": 1}}}),
            json!({"properties": {"a": {"type": "array", "items": {"type": "integer", "minimum": 2}}}}),
            json!({"properties": {"a": {"anyOf": [{"type": "string", "pattern": "a"}, {"type": "null"}]}}}),
            json!({"properties": {"a": {"additionalProperties": {"enum": [1]}}}}),
        ] {
            assert!(needs_validation(&schema, true), "{schema}");
        }
    }

    #[test]
    fn an_untyped_schema_needs_validation_as_soon_as_it_says_something() {
        for schema in [json!(true), json!({}), json!({"type": "object"}), json!({"type": "object", "properties": {}})] {
            assert!(!needs_validation(&schema, false), "{schema}");
        }
        for schema in [
            json!(false),
            json!({"type": "string"}),
            json!({"type": "object", "properties": {"a": {}}, "required": ["a"]}),
            json!({"type": "object", "properties": {"a": {"type": "string"}}}),
            json!({"type": "object", "additionalProperties": false}),
            json!({"type": "object", "anyOf": [{}]}),
        ] {
            assert!(needs_validation(&schema, false), "{schema}");
        }
    }

    #[test]
    fn a_schema_of_any_depth_is_answered() {
        let mut schema = json!({});
        for _ in 0..100 {
            schema = json!({"items": schema});
        }
        assert!(needs_validation(&schema, true));
    }
}
