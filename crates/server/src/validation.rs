//! How much more than by default is held against schemas.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};
use turbomcp_protocol::types::Tool;
use turbomcp_schema::{Formats, SchemaError, Validator};

use crate::handler::Validation;
use crate::schema::needs_validation;

/// What is held against schemas, beyond what always is.
///
/// Without it, arguments and results are checked wherever decoding into Rust types does not do so already, formats are
/// annotations, and members that a schema does not name are let pass if the schema does.
///
/// ```
/// use turbomcp_server::{SchemaValidator, ServerBuilder, ValidationConfig};
///
/// let config = ValidationConfig::strict().custom_formats(["email", "uuid"]);
/// let server = ServerBuilder::new().with_schema_validation(SchemaValidator::new(config))?.build();
/// # drop(server);
/// # Ok::<(), turbomcp_server::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
#[expect(clippy::exhaustive_structs, reason = "written out by users, and closed with `..Default::default()`")]
pub struct ValidationConfig {
    /// Schemas that the arguments of a tool have to fit beside its own, by the name of the tool.
    pub schemas: HashMap<String, Value>,
    /// Holds arguments against the whole input schema, also where decoding enforces it: all faults are told at once.
    pub validate_requests: bool,
    /// Holds structured results against the output schema, also where both come from one Rust type.
    pub validate_responses: bool,
    /// Refuses arguments that the input schema does not name, and says so in the schema.
    pub strict_mode: bool,
    /// The formats that texts are held against: `date`, `date-time`, `email`, `uri`, `uuid` and others of JSON Schema,
    /// or those that [`SchemaValidator::format`] defines.
    pub custom_formats: Vec<String>,
}

impl ValidationConfig {
    /// Turns everything on, apart from formats.
    #[must_use]
    pub fn strict() -> Self {
        Self { validate_requests: true, validate_responses: true, strict_mode: true, ..Self::default() }
    }

    /// Sets [`validate_requests`](Self::validate_requests).
    #[must_use]
    pub fn validate_tool_params(mut self, validate: bool) -> Self {
        self.validate_requests = validate;
        self
    }

    /// Sets [`validate_responses`](Self::validate_responses).
    #[must_use]
    pub fn validate_responses(mut self, validate: bool) -> Self {
        self.validate_responses = validate;
        self
    }

    /// Sets [`strict_mode`](Self::strict_mode).
    #[must_use]
    pub fn strict_mode(mut self, strict: bool) -> Self {
        self.strict_mode = strict;
        self
    }

    /// Adds formats that texts are held against.
    #[must_use]
    pub fn custom_formats<S: Into<String>>(mut self, formats: impl IntoIterator<Item = S>) -> Self {
        self.custom_formats.extend(formats.into_iter().map(Into::into));
        self
    }

    /// Adds a schema that the arguments of a tool have to fit beside its own.
    #[must_use]
    pub fn schema(mut self, tool: impl Into<String>, schema: Value) -> Self {
        self.schemas.insert(tool.into(), schema);
        self
    }
}

/// Validates the calls of all tools of a server; see
/// [`ServerBuilder::with_schema_validation`](crate::ServerBuilder::with_schema_validation).
#[derive(Clone)]
pub struct SchemaValidator {
    config: Arc<ValidationConfig>,
    formats: Formats,
}

impl SchemaValidator {
    /// Validates as a configuration says.
    #[must_use]
    pub fn new(config: ValidationConfig) -> Self {
        let formats = Formats::named(&config.custom_formats);
        Self { config: Arc::new(config), formats }
    }

    /// Defines a format of one's own, which texts are then held against.
    ///
    /// ```
    /// use turbomcp_server::{SchemaValidator, ValidationConfig};
    ///
    /// let even = |text: &str| text.len() % 2 == 0;
    /// let validator = SchemaValidator::new(ValidationConfig::default()).format("even", even);
    /// # drop(validator);
    /// ```
    #[must_use]
    pub fn format(mut self, name: impl Into<String>, is_valid: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        self.formats.define(name.into(), Arc::new(is_valid));
        self
    }

    /// Checks what does not depend on a tool.
    pub(crate) fn check(&self) -> Result<(), String> {
        if let Some(name) = self.formats.unknown() {
            return Err(format!("the format `{name}` is not known; define it with `SchemaValidator::format`"));
        }
        for (tool, schema) in &self.config.schemas {
            let fail = |error: SchemaError| format!("the schema for the tool `{tool}`: {error}");
            Validator::compile_with(schema, &self.formats).map_err(fail)?;
        }
        Ok(())
    }
}

impl fmt::Debug for SchemaValidator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SchemaValidator").field("config", &self.config).finish_non_exhaustive()
    }
}

/// What the calls of one tool are held against.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    pub(crate) input: Vec<Validator>,
    pub(crate) output: Option<Validator>,
}

impl Checks {
    /// Compiles the schemas of a tool, which strictness may change.
    pub(crate) fn of(
        tool: &mut Tool,
        validation: Validation,
        validator: Option<&SchemaValidator>,
    ) -> Result<Self, SchemaError> {
        let typed = validation != Validation::Schema;
        let (config, formats) = match validator {
            Some(validator) => (Some(&*validator.config), validator.formats.clone()),
            None => (None, Formats::default()),
        };
        if config.is_some_and(|config| config.strict_mode) {
            close(&mut tool.input_schema);
        }
        let schema = Value::Object(tool.input_schema.clone());
        let needed = needs_validation(&schema, typed)
            || config.is_some_and(|config| config.validate_requests)
            || formats.are_named_in(&schema);
        let own = match (needed, typed) {
            (false, _) => None,
            (true, true) => Validator::compile_arguments_with(&schema, &formats)?,
            (true, false) => Validator::compile_with(&schema, &formats)?,
        };
        let more = match config.and_then(|config| config.schemas.get(&tool.name)) {
            Some(schema) => Validator::compile_with(schema, &formats)?,
            None => None,
        };
        let whole_result = validation != Validation::Typed || config.is_some_and(|config| config.validate_responses);
        let output = match &tool.output_schema {
            Some(schema) if whole_result => Validator::compile_with(&Value::Object(schema.clone()), &formats)?,
            _ => None,
        };
        Ok(Self { input: own.into_iter().chain(more).collect(), output })
    }
}

/// Has an input schema refuse members that it does not name, unless it says something about them.
fn close(schema: &mut Map<String, Value>) {
    if schema.contains_key("additionalProperties") || schema.contains_key("unevaluatedProperties") {
        return;
    }
    // Beside these, members may be named elsewhere than under `properties`.
    let composed = ["$ref", "$dynamicRef", "allOf", "anyOf", "oneOf", "if", "dependentSchemas", "patternProperties"];
    let is_composed = composed.iter().any(|keyword| schema.contains_key(*keyword));
    let keyword = if is_composed { "unevaluatedProperties" } else { "additionalProperties" };
    schema.insert(keyword.to_owned(), false.into());
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_is_closed_unless_it_says_something_of_other_members() {
        #[track_caller]
        fn check(mut schema: Value, keyword: &str, expected: Value) {
            close(schema.as_object_mut().unwrap());
            assert_eq!(schema[keyword], expected);
        }
        check(json!({"properties": {"a": {}}}), "additionalProperties", json!(false));
        check(json!({"additionalProperties": true}), "additionalProperties", json!(true));
        check(json!({"allOf": [{"properties": {"a": {}}}]}), "unevaluatedProperties", json!(false));
        check(json!({"allOf": [{"properties": {"a": {}}}]}), "additionalProperties", json!(null));
    }
}
