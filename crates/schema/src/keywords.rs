//! Where schemas stand inside a schema.

use serde_json::{Map, Value};

/// What the value of a keyword holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    /// One schema, or several in an array.
    Schemas,
    /// Schemas by name.
    Named,
    /// Data, or something that has no name here.
    Data,
}

fn holds(keyword: &str) -> Holds {
    match keyword {
        "additionalItems"
        | "additionalProperties"
        | "allOf"
        | "anyOf"
        | "contains"
        | "contentSchema"
        | "else"
        | "if"
        | "items"
        | "not"
        | "oneOf"
        | "prefixItems"
        | "propertyNames"
        | "then"
        | "unevaluatedItems"
        | "unevaluatedProperties" => Holds::Schemas,
        "$defs" | "definitions" | "dependencies" | "dependentSchemas" | "patternProperties" | "properties" => {
            Holds::Named
        }
        _ => Holds::Data,
    }
}

/// Calls `visit` with the keyword, the name under it if it has names, and the schema, for each direct subschema.
pub fn each_subschema<'a>(schema: &'a Map<String, Value>, mut visit: impl FnMut(&'a str, Option<&'a str>, &'a Value)) {
    for (keyword, value) in schema {
        match (holds(keyword), value) {
            (Holds::Schemas, Value::Array(list)) => list.iter().for_each(|schema| visit(keyword, None, schema)),
            (Holds::Schemas, schema) => visit(keyword, None, schema),
            (Holds::Named, Value::Object(named)) => {
                named.iter().for_each(|(name, schema)| visit(keyword, Some(name), schema));
            }
            (Holds::Named | Holds::Data, _) => {}
        }
    }
}

/// Calls `visit` with each direct subschema.
pub fn each_subschema_mut(schema: &mut Map<String, Value>, mut visit: impl FnMut(&mut Value)) {
    for (keyword, value) in schema {
        match (holds(keyword), value) {
            (Holds::Schemas, Value::Array(list)) => list.iter_mut().for_each(&mut visit),
            (Holds::Schemas, schema) => visit(schema),
            (Holds::Named, Value::Object(named)) => named.values_mut().for_each(&mut visit),
            (Holds::Named | Holds::Data, _) => {}
        }
    }
}

/// Calls `change` with each property that an object may leave out, here and in all subschemas.
pub fn each_optional_property(schema: &mut Value, change: &mut dyn FnMut(&mut Value)) {
    let Value::Object(schema) = schema else { return };
    if let Some(Value::Object(mut properties)) = schema.remove("properties") {
        let required = schema.get("required").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        for (name, property) in &mut properties {
            if !required.iter().any(|required| required == name) {
                change(property);
            }
        }
        schema.insert("properties".to_owned(), Value::Object(properties));
    }
    each_subschema_mut(schema, |schema| each_optional_property(schema, change));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_property_named_like_a_keyword_is_a_property() {
        let schema = json!({"properties": {"items": {"type": "string"}, "const": {"type": "null"}}});
        let mut seen = Vec::new();
        each_subschema(schema.as_object().unwrap(), |keyword, name, _| seen.push((keyword, name.unwrap().to_owned())));
        seen.sort();
        assert_eq!(seen, [("properties", "const".to_owned()), ("properties", "items".to_owned())]);
    }

    #[test]
    fn data_is_not_searched_for_schemas() {
        let schema = json!({"const": {"items": {}}, "enum": [{"items": {}}], "default": {"not": {}}, "examples": [{}]});
        each_subschema(schema.as_object().unwrap(), |keyword, _, _| panic!("{keyword}"));
    }

    #[test]
    fn optional_properties_are_found_at_every_depth() {
        let mut schema = json!({
            "properties": {"a": {"properties": {"b": {}}}, "c": {"items": {"properties": {"d": {}}}}},
            "required": ["a"],
            "$defs": {"E": {"properties": {"f": {}, "g": {}}, "required": ["g"]}},
        });
        each_optional_property(&mut schema, &mut |property| {
            property.as_object_mut().unwrap().insert("optional".to_owned(), true.into());
        });
        assert_eq!(
            schema,
            json!({
                "properties": {
                    "a": {"properties": {"b": {"optional": true}}},
                    "c": {"items": {"properties": {"d": {"optional": true}}}, "optional": true},
                },
                "required": ["a"],
                "$defs": {"E": {"properties": {"f": {"optional": true}, "g": {}}, "required": ["g"]}},
            })
        );
    }
}
