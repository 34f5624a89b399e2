//! Schemas for hosts that read only a part of JSON Schema.

use serde_json::{Map, Value};

use super::input::{is_null, unescaped};

/// What is left of a schema: what every host is known to read.
const KEPT: [&str; 17] = [
    "anyOf",
    "default",
    "description",
    "enum",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maximum",
    "minItems",
    "minLength",
    "minimum",
    "pattern",
    "properties",
    "required",
    "title",
    "type",
];

/// The formats of those that are known to all.
const FORMATS: [&str; 5] = ["date-time", "double", "float", "int32", "int64"];

/// The most schemas that references are replaced by; what is beyond allows anything.
const MAX_SCHEMAS: usize = 5_000;

/// Rewrites an input schema without references, without `null` beside another type, without alternatives of constants,
/// and without keywords that are not common to all hosts.
///
/// It allows no less than before: what cannot be said is left out, and is checked by the server all the same.
pub(crate) fn plain(schema: &mut Map<String, Value>) {
    let definitions = schema.remove("$defs").unwrap_or_default();
    let whole = std::mem::take(schema);
    let mut lowering = Lowering { definitions: &definitions, within: Vec::new(), left: MAX_SCHEMAS };
    *schema = lowering.schema(whole);
}

struct Lowering<'a> {
    definitions: &'a Value,
    /// The definitions that are being written, which a reference to one of them would repeat for ever.
    within: Vec<String>,
    left: usize,
}

impl Lowering<'_> {
    fn schema(&mut self, mut schema: Map<String, Value>) -> Map<String, Value> {
        if self.left == 0 {
            return Map::new();
        }
        self.left -= 1;
        if let Some(reference) = schema.remove("$ref") {
            return self.reference(reference.as_str().unwrap_or_default(), schema);
        }
        if let Some(constant) = schema.remove("const") {
            schema.entry("enum").or_insert_with(|| vec![constant].into());
        }
        if let Some(alternatives) = schema.remove("oneOf") {
            schema.entry("anyOf").or_insert(alternatives);
        }
        single_type(&mut schema);
        schema.retain(|keyword, value| match keyword.as_str() {
            "format" => value.as_str().is_some_and(|name| FORMATS.contains(&name)),
            super::header::ANNOTATION => true,
            keyword => KEPT.contains(&keyword),
        });
        if let Some(Value::Object(properties)) = schema.get_mut("properties") {
            for property in properties.values_mut() {
                self.value(property);
            }
        }
        if let Some(items) = schema.get_mut("items") {
            self.value(items);
        }
        self.alternatives(schema)
    }

    fn value(&mut self, schema: &mut Value) {
        *schema = match std::mem::take(schema) {
            Value::Object(schema) => Value::Object(self.schema(schema)),
            _ => Map::new().into(),
        };
    }

    fn reference(&mut self, target: &str, beside: Map<String, Value>) -> Map<String, Value> {
        let name = target.strip_prefix("#/$defs/").map(unescaped).unwrap_or_default();
        let known = self.definitions.get(&name).and_then(Value::as_object);
        let mut schema = match known {
            Some(known) if !self.within.contains(&name) => {
                self.within.push(name);
                let schema = self.schema(known.clone());
                self.within.pop();
                schema
            }
            // One that contains itself is told to this depth.
            Some(known) => known.get("type").map(|name| ("type".to_owned(), name.clone())).into_iter().collect(),
            None => Map::new(),
        };
        schema.extend(self.schema(beside));
        schema
    }

    fn alternatives(&mut self, mut schema: Map<String, Value>) -> Map<String, Value> {
        let Some(Value::Array(branches)) = schema.remove("anyOf") else { return schema };
        let mut branches: Vec<Value> = branches.into_iter().filter(|branch| !is_null(branch)).collect();
        branches.iter_mut().for_each(|branch| self.value(branch));
        if let Some(choice) = one_enumeration(&branches) {
            for (keyword, value) in choice {
                schema.entry(keyword).or_insert(value);
            }
        } else if let [Value::Object(branch)] = branches.as_mut_slice() {
            for (keyword, value) in std::mem::take(branch) {
                schema.entry(keyword).or_insert(value);
            }
        } else if !branches.is_empty() {
            schema.insert("anyOf".to_owned(), branches.into());
        }
        schema
    }
}

/// Names one type: the one beside `null`; of several others there are alternatives.
fn single_type(schema: &mut Map<String, Value>) {
    let Some(Value::Array(names)) = schema.get("type") else { return };
    let names: Vec<Value> = names.iter().filter(|name| *name != "null").cloned().collect();
    if let Some(Value::Array(values)) = schema.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    schema.remove("type");
    match <[Value; 1]>::try_from(names) {
        Ok([name]) => _ = schema.insert("type".to_owned(), name),
        Err(names) if !schema.contains_key("anyOf") => {
            let branches = names.into_iter().map(|name| Map::from_iter([("type".to_owned(), name)]).into());
            schema.insert("anyOf".to_owned(), branches.collect::<Vec<Value>>().into());
        }
        Err(_) => {}
    }
}

/// Joins alternatives that are constants of one type.
fn one_enumeration(branches: &[Value]) -> Option<Map<String, Value>> {
    let kind = branches.first()?.get("type")?;
    let mut all = Vec::new();
    for branch in branches {
        all.extend(branch.get("enum").filter(|_| branch.get("type") == Some(kind))?.as_array()?.iter().cloned());
    }
    Some(Map::from_iter([("type".to_owned(), kind.clone()), ("enum".to_owned(), all.into())]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(mut schema: Value, expected: Value) {
        plain(schema.as_object_mut().unwrap());
        assert_eq!(schema, expected);
    }

    #[test]
    fn references_are_replaced_by_what_they_refer_to() {
        check(
            json!({
                "type": "object",
                "properties": {"a": {"$ref": "#/$defs/A", "description": "first"}, "b": {"$ref": "#/$defs/gone"}},
                "$defs": {
                    "A": {"type": "object", "properties": {"b": {"$ref": "#/$defs/B~1C"}}, "description": "any"},
                    "B/C": {"type": "string"},
                },
            }),
            json!({"type": "object", "properties": {
                "a": {"type": "object", "properties": {"b": {"type": "string"}}, "description": "first"},
                "b": {},
            }}),
        );
    }

    #[test]
    fn a_definition_that_contains_itself_ends() {
        let node =
            json!({"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}, "n": {"type": "integer"}}});
        check(
            json!({"properties": {"list": {"$ref": "#/$defs/Node"}}, "$defs": {"Node": node}}),
            json!({"properties": {"list": {"type": "object", "properties": {
                "next": {"type": "object"}, "n": {"type": "integer"},
            }}}}),
        );
    }

    #[test]
    fn null_stands_beside_no_type() {
        check(json!({"type": ["string", "null"], "enum": ["a", null]}), json!({"type": "string", "enum": ["a"]}));
        check(
            json!({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}], "description": "d"}),
            json!({"type": "integer", "minimum": 1, "description": "d"}),
        );
        check(json!({"type": ["string", "integer"]}), json!({"anyOf": [{"type": "string"}, {"type": "integer"}]}));
    }

    #[test]
    fn constants_are_an_enumeration() {
        check(
            json!({"oneOf": [
                {"type": "string", "const": "a", "description": "first"},
                {"type": "string", "enum": ["b", "c"]},
            ]}),
            json!({"type": "string", "enum": ["a", "b", "c"]}),
        );
        check(
            json!({"oneOf": [{"type": "string", "const": "a"}, {"type": "object", "properties": {}}]}),
            json!({"anyOf": [{"type": "string", "enum": ["a"]}, {"type": "object", "properties": {}}]}),
        );
    }

    #[test]
    fn what_is_not_common_is_left_out() {
        check(
            json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "type": "object",
                "additionalProperties": false,
                "properties": {
                    "n": {"type": "integer", "format": "uint8", "exclusiveMinimum": 0, "maximum": 9},
                    "t": {"type": "string", "format": "date-time", "x-mcp-header": "When"},
                },
                "required": ["n"],
            }),
            json!({
                "type": "object",
                "properties": {
                    "n": {"type": "integer", "maximum": 9},
                    "t": {"type": "string", "format": "date-time", "x-mcp-header": "When"},
                },
                "required": ["n"],
            }),
        );
    }

    #[test]
    fn references_that_multiply_are_bounded() {
        let mut definitions = Map::new();
        for level in 0..40 {
            let next = json!({"$ref": format!("#/$defs/L{}", level + 1)});
            let twice = json!({"type": "object", "properties": {"a": next, "b": next}});
            definitions.insert(format!("L{level}"), twice);
        }
        let mut schema = json!({"properties": {"a": {"$ref": "#/$defs/L0"}}, "$defs": definitions});
        plain(schema.as_object_mut().unwrap());
        assert!(schema.to_string().len() < 1 << 20);
    }
}
