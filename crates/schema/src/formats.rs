//! Formats of texts.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jsonschema::ValidationOptions;
use serde_json::Value;

use crate::keywords::{each_subschema, each_subschema_mut};

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

/// Says whether a text is of a format.
type Check = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// Formats that texts are held against, with how those are checked that JSON Schema does not define.
#[derive(Clone, Default)]
pub struct Formats {
    by_name: BTreeMap<String, Option<Check>>,
}

impl fmt::Debug for Formats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.by_name.keys()).finish()
    }
}

impl Formats {
    /// Names formats.
    #[must_use]
    pub fn named(names: &[String]) -> Self {
        Self { by_name: names.iter().map(|name| (name.clone(), None)).collect() }
    }

    /// Says how a format is checked, and names it.
    pub fn define(&mut self, name: String, check: Arc<dyn Fn(&str) -> bool + Send + Sync>) {
        self.by_name.insert(name, Some(check));
    }

    /// Returns a format that nobody has defined.
    #[must_use]
    pub fn unknown(&self) -> Option<&str> {
        let is_unknown = |(name, check): &(&String, &Option<Check>)| check.is_none() && !KNOWN.contains(&name.as_str());
        self.by_name.iter().find(is_unknown).map(|(name, _)| name.as_str())
    }

    fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Returns true if a schema names one of these formats.
    #[must_use]
    pub fn are_named_in(&self, schema: &Value) -> bool {
        let Value::Object(schema) = schema else { return false };
        if self.is_empty() {
            return false;
        }
        let mut found = schema.get("format").is_some_and(|format| self.has(format));
        each_subschema(schema, |_, _, schema| found = found || self.are_named_in(schema));
        found
    }

    fn has(&self, format: &Value) -> bool {
        format.as_str().is_some_and(|name| self.by_name.contains_key(name))
    }

    /// Has only these formats checked: takes the others out of the schema.
    pub(crate) fn apply<'i>(&self, schema: &mut Value, mut options: ValidationOptions<'i>) -> ValidationOptions<'i> {
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Validator;

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
        assert!(formats(&["email"]).are_named_in(&schema));
        assert!(!formats(&["date"]).are_named_in(&schema));
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
}
