//! Checking values against a schema.

use std::error::Error;
use std::fmt;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{PatternOptions, ReferencingError, ValidationError};
use serde_json::{Map, Value, json};

use crate::bounds::{self, Excess, MAX_DEPTH, MAX_OBJECTS};
use crate::effort::Effort;
use crate::explain::explain;
use crate::formats::Formats;
use crate::keywords::each_optional_property;

/// The most steps of a pattern's search, for patterns that look around or refer back; others take linear time.
const MAX_BACKTRACKS: usize = 100_000;

/// The most messages about one value.
const MAX_MESSAGES: usize = 8;

/// A compiled JSON Schema.
///
/// Formats are annotations and are not asserted. Nothing is ever fetched.
///
/// # Examples
///
/// ```
/// use serde_json::json;
/// use turbomcp_schema::Validator;
///
/// let schema = json!({"type": "object", "properties": {"limit": {"type": "integer", "maximum": 5}}});
/// let validator = Validator::compile(&schema)?.expect("the schema says something");
/// assert_eq!(validator.check(&json!({"limit": 99})), Err(vec!["`limit` must be at most 5, got 99".to_owned()]));
/// # Ok::<(), turbomcp_schema::SchemaError>(())
/// ```
///
/// # Specification
///
/// [JSON Schema usage](https://modelcontextprotocol.io/specification/2026-07-28/basic#json-schema-usage)
#[derive(Debug)]
pub struct Validator {
    compiled: jsonschema::Validator,
    /// The members known at the root, named when there is one too many.
    names: Vec<String>,
    /// Present if the schema refers to itself.
    effort: Option<Effort>,
}

impl Validator {
    /// Compiles a schema; none if every value fits it.
    ///
    /// A schema without `$schema` is of dialect 2020-12.
    ///
    /// # Errors
    ///
    /// Returns an error if the schema is no valid one, is too deep or too large, or refers to another document.
    pub fn compile(schema: &Value) -> Result<Option<Self>, SchemaError> {
        Self::compile_with(schema, &Formats::default())
    }

    /// As [`compile`](Self::compile), asserting these formats.
    ///
    /// # Errors
    ///
    /// As [`compile`](Self::compile).
    pub fn compile_with(schema: &Value, formats: &Formats) -> Result<Option<Self>, SchemaError> {
        bounds::check(schema)?;
        if accepts_everything(schema) { Ok(None) } else { Self::build(schema.clone(), formats).map(Some) }
    }

    /// Compiles a schema of which an optional member may also be `null`, as for an `Option` that serde decodes.
    ///
    /// # Errors
    ///
    /// As [`compile`](Self::compile).
    pub fn compile_arguments(schema: &Value) -> Result<Option<Self>, SchemaError> {
        Self::compile_arguments_with(schema, &Formats::default())
    }

    /// As [`compile_arguments`](Self::compile_arguments), asserting these formats.
    ///
    /// # Errors
    ///
    /// As [`compile`](Self::compile).
    pub fn compile_arguments_with(schema: &Value, formats: &Formats) -> Result<Option<Self>, SchemaError> {
        bounds::check(schema)?;
        if accepts_everything(schema) {
            return Ok(None);
        }
        let mut schema = schema.clone();
        each_optional_property(&mut schema, &mut |property| {
            if property.is_object() {
                let branches = vec![json!({"type": "null"}), property.take()];
                *property = Value::Object(Map::from_iter([("anyOf".to_owned(), branches.into())]));
            }
        });
        Self::build(schema, formats).map(Some)
    }

    fn build(mut schema: Value, formats: &Formats) -> Result<Self, SchemaError> {
        let effort = Effort::of(&schema)?;
        let options = jsonschema::options()
            .offline()
            .with_pattern_options(PatternOptions::fancy_regex().backtrack_limit(MAX_BACKTRACKS));
        let compiled = formats.apply(&mut schema, options).build(&schema).map_err(SchemaError::from_build)?;
        let properties = schema.get("properties").and_then(Value::as_object);
        let names = properties.into_iter().flat_map(Map::keys).cloned().collect();
        Ok(Self { compiled, names, effort })
    }

    /// Checks a value.
    ///
    /// # Errors
    ///
    /// Returns up to eight messages, each of which names a member and the rule it breaks.
    pub fn check(&self, value: &Value) -> Result<(), Vec<String>> {
        if self.effort.as_ref().is_some_and(|effort| !effort.is_affordable(value)) {
            return Err(vec!["the value is nested too deeply to be checked".to_owned()]);
        }
        if self.compiled.is_valid(value) {
            return Ok(());
        }
        let mut messages = Vec::new();
        for error in self.compiled.iter_errors(value) {
            explain(&error, &self.names, &mut messages);
            if messages.len() >= MAX_MESSAGES {
                messages.truncate(MAX_MESSAGES);
                break;
            }
        }
        if messages.is_empty() {
            messages.push("the value does not fit its schema".to_owned());
        }
        Err(messages)
    }
}

/// A schema that cannot be validated against.
#[derive(Debug)]
pub struct SchemaError {
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    TooLarge(Excess),
    External(String),
    Dialect(String),
    Invalid(Box<ValidationError<'static>>),
}

impl SchemaError {
    /// Returns true if the schema refers to another document, which is never fetched.
    #[must_use]
    pub fn is_external_reference(&self) -> bool {
        matches!(self.kind, Kind::External(_))
    }

    /// Returns true if the schema is too deep, has too many parts, or takes too long to check.
    #[must_use]
    pub fn is_too_large(&self) -> bool {
        matches!(self.kind, Kind::TooLarge(_))
    }

    fn from_build(error: ValidationError<'static>) -> Self {
        let kind = match error.kind() {
            ValidationErrorKind::Referencing(ReferencingError::Unretrievable { uri, .. }) => {
                Kind::External(uri.clone())
            }
            ValidationErrorKind::Referencing(ReferencingError::UnknownSpecification { specification }) => {
                Kind::Dialect(specification.clone())
            }
            _ => Kind::Invalid(Box::new(error)),
        };
        Self { kind }
    }
}

fn accepts_everything(schema: &Value) -> bool {
    match schema {
        Value::Object(schema) => schema.is_empty(),
        schema => *schema == Value::Bool(true),
    }
}

impl From<Excess> for SchemaError {
    fn from(excess: Excess) -> Self {
        Self { kind: Kind::TooLarge(excess) }
    }
}

impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::TooLarge(Excess::Depth) => write!(f, "schema is nested deeper than {MAX_DEPTH} levels"),
            Kind::TooLarge(Excess::Objects) => write!(f, "schema has more than {MAX_OBJECTS} objects"),
            Kind::TooLarge(Excess::Work) => {
                f.write_str("schema refers to itself so often that it takes too long to check")
            }
            Kind::External(uri) => {
                write!(f, "schema refers to `{uri}`, which is not fetched; put it under `$defs`")
            }
            Kind::Dialect(uri) => write!(f, "schema is written in the dialect `{uri}`, which is not known here"),
            Kind::Invalid(error) if error.instance_path().is_empty() => f.write_str("schema is not valid"),
            Kind::Invalid(error) => write!(f, "schema is not valid at `{}`", error.instance_path()),
        }
    }
}

impl Error for SchemaError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.kind {
            Kind::Invalid(error) => Some(&**error),
            Kind::TooLarge(_) | Kind::External(_) | Kind::Dialect(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
