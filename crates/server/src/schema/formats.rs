//! Formats of texts, and members that are not named.

use std::collections::BTreeMap;
use std::sync::Arc;

use jsonschema::ValidationOptions;
use serde_json::{Map, Value};

use super::keywords::{each_subschema, each_subschema_mut};

/// The formats of JSON Schema 2020-12 that can be checked.
const KNOWN: [&str; 17] = [
    "date",
    "date-time",
    "duration",
    "email",
    "hostname",
    "ipv4",
    "ipv6",
    "iri",
    "iri-reference",
    "json-pointer",
    "regex",
    "relative-json-pointer",
    "time",
    "uri",
    "uri-reference",
    "uri-template",
    "uuid",
];

type Check = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// Formats that texts are held against, with how those are checked that JSON Schema does not define.
#[derive(Clone, Default)]
pub(crate) struct Formats {
    by_name: BTreeMap<String, Option<Check>>,
}

impl Formats {
    pub(crate) fn named(names: &[String]) -> Self {
        Self { by_name: names.iter().map(|name| (name.clone(), None)).collect() }
    }

    pub(crate) fn define(&mut self, name: String, check: Check) {
        self.by_name.insert(name, Some(check));
    }

    /// Returns a format that nobody has defined.
    pub(crate) fn unknown(&self) -> Option<&str> {
        let is_unknown = |(name, check): &(&String, &Option<Check>)| check.is_none() && !KNOWN.contains(&name.as_str());
        self.by_name.iter().find(is_unknown).map(|(name, _)| name.as_str())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    fn has(&self, format: &Value) -> bool {
        format.as_str().is_some_and(|name| self.by_name.contains_key(name))
    }

    /// Has only these formats checked: takes the others out of the schema.
    pub(super) fn apply<'i>(&self, schema: &mut Value, mut options: ValidationOptions<'i>) -> ValidationOptions<'i> {
        if self.is_empty() {
            return options.should_validate_formats(false);
        }
        self.keep(schema);
        for (name, check) in &self.by_name {
            if let Some(check) = check.clone() {
                options = options.with_format(name.clone(), move |text: &str| check(text));
            }
        }
        options.should_validate_formats(true)
    }

    fn keep(&self, schema: &mut Value) {
        let Value::Object(schema) = schema else { return };
        if schema.get("format").is_some_and(|format| !self.has(format)) {
            schema.remove("format");
        }
        each_subschema_mut(schema, |schema| self.keep(schema));
    }
}

/// Returns true if a schema names one of these formats.
pub(crate) fn names_format(schema: &Value, formats: &Formats) -> bool {
    let Value::Object(schema) = schema else { return false };
    if formats.is_empty() {
        return false;
    }
    let mut found = schema.get("format").is_some_and(|format| formats.has(format));
    each_subschema(schema, |_, _, schema| found = found || names_format(schema, formats));
    found
}

/// Has an input schema refuse members that it does not name, unless it says something about them.
pub(crate) fn close(schema: &mut Map<String, Value>) {
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

    use super::super::Validator;
    use super::*;

    fn formats(names: &[&str]) -> Formats {
        Formats::named(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn every_known_format_is_checked() {
        let wrong = "\u{7f} : [%";
        for name in KNOWN {
            let schema = json!({"type": "string", "format": name});
            let validator = Validator::compile_with(&schema, &formats(&[name])).unwrap().unwrap();
            assert!(validator.check(&json!(wrong)).is_err(), "{name}");
        }
    }

    #[test]
    fn only_the_named_formats_are_checked() {
        let schema = json!({"properties": {
            "mail": {"type": "string", "format": "email"},
            "id": {"type": "string", "format": "uuid"},
        }});
        let both = json!({"mail": "no", "id": "no"});
        let check = |formats: &Formats| Validator::compile_with(&schema, formats).unwrap().unwrap().check(&both);
        assert_eq!(check(&Formats::default()), Ok(()));
        assert_eq!(check(&formats(&["email"])), Err(vec!["`mail` must be of the format `email`, got \"no\"".into()]));
        assert!(names_format(&schema, &formats(&["email"])));
        assert!(!names_format(&schema, &formats(&["date"])));
    }

    #[test]
    fn a_format_that_nobody_has_defined_is_named() {
        let mut formats = formats(&["email", "even"]);
        assert_eq!(formats.unknown(), Some("even"));
        formats.define("even".to_owned(), Arc::new(|text| text.len() % 2 == 0));
        assert_eq!(formats.unknown(), None);
        let schema = json!({"format": "even"});
        let validator = Validator::compile_with(&schema, &formats).unwrap().unwrap();
        assert!(validator.check(&json!("ab")).is_ok());
        assert!(validator.check(&json!("abc")).is_err());
    }

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
