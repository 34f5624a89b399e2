//! The arguments that Streamable HTTP mirrors in headers.

use std::error::Error;
use std::fmt;

use serde_json::{Map, Value};

use turbomcp_schema::each_subschema;

/// The keyword that asks for an argument to be mirrored.
pub(super) const ANNOTATION: &str = "x-mcp-header";

/// An argument that clients mirror in the header `Mcp-Param-` and [`header`](Self::header).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeaderParam {
    /// The names that lead from the arguments to the value; one unless objects are nested.
    pub path: Vec<String>,
    /// The name behind `Mcp-Param-`, as annotated; compared without regard to case.
    pub header: String,
    /// What the value is, and so how the header is compared with it.
    pub kind: HeaderKind,
}

impl HeaderParam {
    /// Returns the value to mirror: none if it is absent or `null`.
    #[must_use]
    pub fn value_in<'a>(&self, arguments: &'a Value) -> Option<&'a Value> {
        self.path.iter().try_fold(arguments, |value, name| value.get(name)).filter(|value| !value.is_null())
    }
}

/// What a mirrored argument is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeaderKind {
    /// A string, mirrored as it is.
    String,
    /// An integer, mirrored in decimal and compared as a number.
    Integer,
    /// `true` or `false`.
    Boolean,
}

/// A tool definition that is invalid for its header annotations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderAnnotationError {
    /// Where in the schema, as a JSON pointer.
    place: String,
    fault: Fault,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Fault {
    NotAString,
    NotAToken(String),
    Repeated(String),
    NotScalar,
    Unreachable,
}

impl HeaderAnnotationError {
    /// Returns the JSON pointer of the annotated schema.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }
}

impl fmt::Display for HeaderAnnotationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{ANNOTATION}` at `{}` ", self.place)?;
        match &self.fault {
            Fault::NotAString => f.write_str("is not a string"),
            Fault::NotAToken(name) if name.is_empty() => f.write_str("is empty"),
            Fault::NotAToken(name) => {
                write!(f, "is {name:?}, but a header name has only letters, digits and `!#$%&'*+-.^_`|~`")
            }
            Fault::Repeated(name) => write!(f, "repeats the name `{name}`; names are compared without regard to case"),
            Fault::NotScalar => f.write_str("stands on a property whose type is not `string`, `integer` or `boolean`"),
            Fault::Unreachable => {
                f.write_str("stands where no chain of `properties` leads; only such arguments are mirrored")
            }
        }
    }
}

impl Error for HeaderAnnotationError {}

/// Returns the arguments that an input schema annotates with `x-mcp-header`.
///
/// # Errors
///
/// Returns an error if an annotation is not one that the specification allows: the tool definition is invalid then.
///
/// # Specification
///
/// [`x-mcp-header`](https://modelcontextprotocol.io/specification/2026-07-28/server/tools#x-mcp-header)
pub fn x_mcp_headers(schema: &Value) -> Result<Vec<HeaderParam>, HeaderAnnotationError> {
    let mut found = Vec::new();
    // The root is reachable but no property, so an annotation there is refused for its type.
    search(schema, Some(&mut Vec::new()), &mut String::new(), &mut found)?;
    Ok(found)
}

/// Looks into one schema; `path` is none once something other than `properties` was passed.
fn search(
    schema: &Value,
    mut path: Option<&mut Vec<String>>,
    place: &mut String,
    found: &mut Vec<HeaderParam>,
) -> Result<(), HeaderAnnotationError> {
    let Value::Object(schema) = schema else { return Ok(()) };
    if let Some(name) = schema.get(ANNOTATION) {
        let param = read(schema, name, path.as_deref().map(Vec::as_slice), found)
            .map_err(|fault| HeaderAnnotationError { place: place.clone(), fault })?;
        found.push(param);
    }
    let mut result = Ok(());
    each_subschema(schema, |keyword, name, subschema| {
        if result.is_err() {
            return;
        }
        let length = place.len();
        place.push('/');
        place.push_str(keyword);
        if let Some(name) = name {
            place.push('/');
            place.push_str(&name.replace('~', "~0").replace('/', "~1"));
        }
        result = match (&mut path, keyword, name) {
            (Some(path), "properties", Some(name)) => {
                path.push(name.to_owned());
                let result = search(subschema, Some(path), place, found);
                path.pop();
                result
            }
            _ => search(subschema, None, place, found),
        };
        place.truncate(length);
    });
    result
}

fn read(
    schema: &Map<String, Value>,
    name: &Value,
    path: Option<&[String]>,
    found: &[HeaderParam],
) -> Result<HeaderParam, Fault> {
    let Value::String(name) = name else { return Err(Fault::NotAString) };
    if name.is_empty() || !name.bytes().all(is_token_char) {
        return Err(Fault::NotAToken(name.clone()));
    }
    let path = path.filter(|path| !path.is_empty()).ok_or(Fault::Unreachable)?;
    let kind = match schema.get("type").and_then(Value::as_str) {
        Some("string") => HeaderKind::String,
        Some("integer") => HeaderKind::Integer,
        Some("boolean") => HeaderKind::Boolean,
        _ => return Err(Fault::NotScalar),
    };
    if found.iter().any(|param| param.header.eq_ignore_ascii_case(name)) {
        return Err(Fault::Repeated(name.clone()));
    }
    Ok(HeaderParam { path: path.to_vec(), header: name.clone(), kind })
}

fn is_token_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn finds(schema: Value, expected: &[(&[&str], &str, HeaderKind)]) {
        let found = x_mcp_headers(&schema).unwrap();
        let found: Vec<_> = found.iter().map(|p| (p.path.clone(), p.header.as_str(), p.kind)).collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(path, header, kind)| (path.iter().map(|s| (*s).to_owned()).collect(), *header, *kind))
            .collect();
        assert_eq!(found, expected);
    }

    #[track_caller]
    fn refuses(schema: Value, why: &str) {
        let error = x_mcp_headers(&schema).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }

    fn named(name: &str) -> Value {
        json!({"type": "object", "properties": {"a": {"type": "string", "x-mcp-header": name}}})
    }

    #[test]
    fn finds_annotated_strings_integers_and_booleans() {
        finds(
            json!({"type": "object", "properties": {
                "count": {"type": "integer", "x-mcp-header": "Count"},
                "flag": {"type": "boolean", "x-mcp-header": "Flag"},
                "plain": {"type": "string"},
                "region": {"type": "string", "x-mcp-header": "Region"},
            }}),
            &[
                (&["count"], "Count", HeaderKind::Integer),
                (&["flag"], "Flag", HeaderKind::Boolean),
                (&["region"], "Region", HeaderKind::String),
            ],
        );
    }

    #[test]
    fn a_header_may_be_called_like_a_standard_one() {
        finds(named("Method"), &[(&["a"], "Method", HeaderKind::String)]);
    }

    #[test]
    fn hdr_19_empty_names_and_control_characters_are_refused() {
        refuses(named(""), "is empty");
        for name in ["R\t1", "R\r\n", "R\n", "\0", "R\u{7f}"] {
            refuses(named(name), "a header name has only");
        }
    }

    #[test]
    fn hdr_20_names_that_are_not_tokens_are_refused() {
        for name in ["My Region", "R:P", "Région", "R/P", "(R)", "R,P", "\"R\"", " R", "R@P", "{R}"] {
            refuses(named(name), "a header name has only");
        }
        for name in ["R", "r-1", "!#$%&'*+-.^_`|~", "X_Y"] {
            assert!(x_mcp_headers(&named(name)).is_ok(), "{name}");
        }
    }

    #[test]
    fn hdr_21_names_are_unique_without_regard_to_case() {
        refuses(
            json!({"properties": {
                "a": {"type": "string", "x-mcp-header": "Region"},
                "b": {"type": "string", "x-mcp-header": "REGION"},
            }}),
            "repeats the name `REGION`",
        );
        refuses(
            json!({"properties": {
                "a": {"type": "string", "x-mcp-header": "Region"},
                "b": {"type": "object", "properties": {"c": {"type": "string", "x-mcp-header": "Region"}}},
            }}),
            "at `/properties/b/properties/c` repeats",
        );
    }

    #[test]
    fn hdr_22_other_types_are_refused() {
        for ty in ["number", "object", "array", "null"] {
            refuses(json!({"properties": {"a": {"type": ty, "x-mcp-header": "R"}}}), "whose type is not");
        }
        refuses(json!({"properties": {"a": {"type": ["string", "null"], "x-mcp-header": "R"}}}), "whose type is not");
        refuses(json!({"properties": {"a": {"x-mcp-header": "R"}}}), "whose type is not");
    }

    #[test]
    fn hdr_24_nested_objects_are_reached_through_properties() {
        finds(
            json!({"properties": {"a": {"properties": {"b": {"type": "string", "x-mcp-header": "R"}}}}}),
            &[(&["a", "b"], "R", HeaderKind::String)],
        );
    }

    #[test]
    fn hdr_24_annotations_anywhere_else_are_refused() {
        let annotated = json!({"type": "string", "x-mcp-header": "R"});
        let inside = json!({"properties": {"p": annotated}});
        for schema in [
            json!({"properties": {"a": {"type": "array", "items": annotated}}}),
            json!({"properties": {"a": {"prefixItems": [annotated]}}}),
            json!({"oneOf": [inside]}),
            json!({"anyOf": [inside]}),
            json!({"allOf": [inside]}),
            json!({"not": inside}),
            json!({"if": inside}),
            json!({"then": inside}),
            json!({"else": inside}),
            json!({"properties": {"a": {"oneOf": [annotated, {"type": "integer"}]}}}),
            json!({"additionalProperties": annotated}),
            json!({"patternProperties": {"^a": annotated}}),
            json!({"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": annotated}}),
            json!({"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": inside}}),
            json!({"type": "string", "x-mcp-header": "R"}),
        ] {
            refuses(schema, "no chain of `properties`");
        }
    }

    #[test]
    fn a_property_named_like_the_annotation_is_no_annotation() {
        finds(json!({"properties": {"x-mcp-header": {"type": "object"}}}), &[]);
        finds(json!({"default": {"x-mcp-header": 1}, "properties": {"a": {"const": {"x-mcp-header": ""}}}}), &[]);
    }

    #[test]
    fn an_annotation_that_is_no_string_is_refused() {
        refuses(json!({"properties": {"a": {"type": "string", "x-mcp-header": 1}}}), "is not a string");
    }

    #[test]
    fn null_and_absent_values_are_not_mirrored() {
        let schema = json!({"properties": {"a": {"properties": {"b": {"type": "string", "x-mcp-header": "R"}}}}});
        let param = x_mcp_headers(&schema).unwrap().remove(0);
        assert_eq!(param.value_in(&json!({"a": {"b": ""}})), Some(&json!("")));
        for arguments in [json!({}), json!({"a": null}), json!({"a": {}}), json!({"a": {"b": null}}), json!({"a": 1})] {
            assert_eq!(param.value_in(&arguments), None);
        }
    }
}
