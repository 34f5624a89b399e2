//! Arguments of tools that are mirrored in headers: which they are, and what is sent.

use http::{HeaderName, HeaderValue};
use serde_json::{Map, Value};
use turbomcp_transport::http::headers::encode_value;

use crate::Error;

const ANNOTATION: &str = "x-mcp-header";

/// Beyond these, a double-precision number does not tell an integer from the next.
const MAX_INTEGER: u64 = (1 << 53) - 1;

/// An argument that is mirrored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mirrored {
    path: Vec<String>,
    name: HeaderName,
}

/// Returns the arguments that an input schema wants mirrored, or why the schema is not valid.
pub(super) fn mirrored(schema: &Map<String, Value>) -> Result<Vec<Mirrored>, String> {
    let mut found = Vec::new();
    if schema.contains_key(ANNOTATION) {
        return Err("the schema itself is annotated, which is no argument".to_owned());
    }
    search(schema, Some(&mut Vec::new()), &mut found)?;
    Ok(found)
}

/// Looks into a schema; `path` is none once something other than `properties` was passed.
fn search(
    schema: &Map<String, Value>,
    mut path: Option<&mut Vec<String>>,
    found: &mut Vec<Mirrored>,
) -> Result<(), String> {
    for (keyword, value) in schema {
        match (keyword.as_str(), value) {
            ("properties", Value::Object(properties)) => {
                for (name, property) in properties {
                    let Value::Object(property) = property else { continue };
                    match &mut path {
                        Some(path) => {
                            path.push(name.clone());
                            let result =
                                annotated(property, path, found).and_then(|()| search(property, Some(path), found));
                            path.pop();
                            result?;
                        }
                        None => elsewhere(property, found)?,
                    }
                }
            }
            ("patternProperties" | "$defs" | "definitions" | "dependentSchemas", Value::Object(schemas)) => {
                for schema in schemas.values().filter_map(Value::as_object) {
                    elsewhere(schema, found)?;
                }
            }
            ("allOf" | "anyOf" | "oneOf" | "prefixItems" | "items", Value::Array(schemas)) => {
                for schema in schemas.iter().filter_map(Value::as_object) {
                    elsewhere(schema, found)?;
                }
            }
            (
                "not"
                | "if"
                | "then"
                | "else"
                | "items"
                | "contains"
                | "additionalItems"
                | "additionalProperties"
                | "propertyNames"
                | "unevaluatedItems"
                | "unevaluatedProperties"
                | "contentSchema",
                Value::Object(schema),
            ) => elsewhere(schema, found)?,
            _ => {}
        }
    }
    Ok(())
}

/// Looks into a schema that no chain of `properties` leads to.
fn elsewhere(schema: &Map<String, Value>, found: &mut Vec<Mirrored>) -> Result<(), String> {
    if schema.contains_key(ANNOTATION) {
        return Err("an annotation stands where no chain of `properties` leads".to_owned());
    }
    search(schema, None, found)
}

fn annotated(property: &Map<String, Value>, path: &[String], found: &mut Vec<Mirrored>) -> Result<(), String> {
    let Some(annotation) = property.get(ANNOTATION) else { return Ok(()) };
    let place = path.join(".");
    let Value::String(annotation) = annotation else { return Err(format!("the annotation of `{place}` is no text")) };
    if annotation.is_empty() || !annotation.bytes().all(is_token_char) {
        return Err(format!("the annotation of `{place}` is no name of a header"));
    }
    if !matches!(property.get("type").and_then(Value::as_str), Some("string" | "integer" | "boolean")) {
        return Err(format!("`{place}` is annotated but neither string, integer nor boolean"));
    }
    let name = HeaderName::try_from(format!("mcp-param-{annotation}"))
        .map_err(|_| format!("the annotation of `{place}` is no name of a header"))?;
    // Names of headers are kept in lower case, so that these are equal whatever their case was.
    if found.iter().any(|known| known.name == name) {
        return Err(format!("the annotation of `{place}` is there twice"));
    }
    found.push(Mirrored { path: path.to_vec(), name });
    Ok(())
}

fn is_token_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Returns the headers that mirror arguments.
pub(super) fn headers(mirrored: &[Mirrored], arguments: &Value) -> Result<Vec<(HeaderName, HeaderValue)>, Error> {
    let mut headers = Vec::new();
    for Mirrored { path, name } in mirrored {
        let value = path.iter().try_fold(arguments, |value, member| value.get(member));
        let text = match value {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Bool(truth)) => truth.to_string(),
            Some(Value::Number(number)) => match integer(number) {
                Some(integer) => integer.to_string(),
                None => return Err(Error::usage(format!("`{}` cannot be mirrored in a header", path.join(".")))),
            },
            // What is neither absent nor of the announced type is for the server to refuse.
            _ => continue,
        };
        headers.push((name.clone(), value_of(&text)?));
    }
    Ok(headers)
}

/// Encodes a text as the value of a header.
pub(super) fn value_of(text: &str) -> Result<HeaderValue, Error> {
    HeaderValue::from_str(&encode_value(text))
        .map_err(|error| Error::usage("a value cannot be mirrored in a header").with_source(error))
}

/// Returns a number that is an integer, also if it is written as `42.0`.
fn integer(number: &serde_json::Number) -> Option<i64> {
    let exact = number.as_i64().or_else(|| {
        let float = number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() <= MAX_INTEGER as f64)?;
        Some(float as i64)
    });
    exact.filter(|integer| integer.unsigned_abs() <= MAX_INTEGER)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn find(schema: &Value) -> Result<Vec<Mirrored>, String> {
        mirrored(schema.as_object().unwrap())
    }

    #[track_caller]
    fn refuses(property: Value) {
        let schema = json!({"type": "object", "properties": {"a": property, "ok": {"type": "string"}}});
        assert!(find(&schema).is_err(), "{schema}");
    }

    #[track_caller]
    fn sends(arguments: Value, expected: &[(&str, &str)]) {
        let schema = json!({"type": "object", "properties": {
            "s": {"type": "string", "x-mcp-header": "Text"},
            "n": {"type": "integer", "x-mcp-header": "Count"},
            "o": {"type": "object", "properties": {"b": {"type": "boolean", "x-mcp-header": "Method"}}},
            "plain": {"type": "string"},
        }});
        let mut sent: Vec<_> = headers(&find(&schema).unwrap(), &arguments)
            .unwrap()
            .into_iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        sent.sort();
        let expected: Vec<_> = expected.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        assert_eq!(sent, expected);
    }

    /// Holds HDR-12, HDR-13, HDR-14, HDR-24.
    #[test]
    fn hdr_11_annotated_arguments_are_mirrored() {
        sends(
            json!({"s": "blue", "n": -7, "o": {"b": true}, "plain": "x"}),
            &[("mcp-param-count", "-7"), ("mcp-param-method", "true"), ("mcp-param-text", "blue")],
        );
        sends(json!({"s": "", "n": 42.0}), &[("mcp-param-count", "42"), ("mcp-param-text", "")]);
        sends(json!({"s": null, "o": {"b": null}}), &[]);
        sends(json!({"o": 3}), &[]);
        sends(json!({}), &[]);
        sends(json!({"s": " ä"}), &[("mcp-param-text", "=?base64?IMOk?=")]);
    }

    #[test]
    fn hdr_23_integers_beyond_the_limit_are_not_mirrored() {
        let schema = json!({"properties": {"n": {"type": "integer", "x-mcp-header": "N"}}});
        let found = find(&schema).unwrap();
        assert!(headers(&found, &json!({"n": 9_007_199_254_740_991_i64})).is_ok());
        assert!(headers(&found, &json!({"n": 9_007_199_254_740_992_i64})).unwrap_err().is_usage());
        assert!(headers(&found, &json!({"n": 1.5})).unwrap_err().is_usage());
    }

    /// Holds HDR-19, HDR-20, HDR-21, HDR-22.
    #[test]
    fn hdr_25_schemas_with_other_annotations_are_not_valid() {
        for name in ["", "My Region", "R:P", "Région", "R\t1", "R\n"] {
            refuses(json!({"type": "string", "x-mcp-header": name}));
        }
        for ty in ["number", "object", "array", "null"] {
            refuses(json!({"type": ty, "x-mcp-header": "R"}));
        }
        refuses(json!({"type": "string", "x-mcp-header": 1}));
        let annotated = json!({"type": "string", "x-mcp-header": "R"});
        refuses(json!({"type": "array", "items": annotated}));
        for keyword in ["oneOf", "anyOf", "allOf"] {
            refuses(json!({keyword: [{"properties": {"b": annotated}}]}));
        }
        for keyword in ["not", "if", "then", "else"] {
            refuses(json!({keyword: {"properties": {"b": annotated}}}));
        }
        assert!(find(&json!({"$defs": {"A": annotated}})).is_err());
        assert!(find(&json!({"properties": {"a": annotated, "b": {"type": "string", "x-mcp-header": "r"}}})).is_err());
    }
}
