//! The arguments of a tool call, raw until a type reads them.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;
use turbomcp_protocol::scan::{ScanError, Scanner};

/// The `arguments` object of a `tools/call`, as the client sent it; `{}` if it sent none.
///
/// A function that takes them is a tool whose schema allows anything; [`FnTool::input_schema`](crate::FnTool) says more.
#[derive(Debug, Clone)]
pub struct Arguments {
    text: Bytes,
}

impl Arguments {
    pub(crate) fn from_raw(text: Bytes) -> Self {
        Self { text }
    }

    /// Returns the JSON text.
    #[must_use]
    pub fn raw(&self) -> &str {
        std::str::from_utf8(&self.text).unwrap_or("{}")
    }

    /// Decodes all arguments as one value.
    ///
    /// # Errors
    ///
    /// If they do not fit the type.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, ArgumentError> {
        serde_json::from_slice(&self.text).map_err(|error| ArgumentError::new("", plain(&error)))
    }

    /// Decodes one argument. An absent one counts as `null`, so that it is `None` for an `Option`.
    ///
    /// # Errors
    ///
    /// If it is missing or does not fit the type.
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Result<T, ArgumentError> {
        let [raw] = self.members([name])?;
        match raw {
            Some(raw) => serde_json::from_str(raw).map_err(|error| ArgumentError::new(name, plain(&error))),
            None => serde_json::from_value(Value::Null).map_err(|_| ArgumentError::missing(name)),
        }
    }

    /// Returns the JSON text of each of these arguments, found in one pass.
    ///
    /// # Errors
    ///
    /// If the arguments are not an object, or one of these stands in it twice: what was held against the schema would
    /// not be what is returned.
    pub fn members<const N: usize>(&self, names: [&str; N]) -> Result<[Option<&str>; N], ArgumentError> {
        let mut found = [None; N];
        let mut doubled = None;
        let mut scan = |found: &mut [Option<_>; N]| -> Result<(), ScanError> {
            Scanner::new(&self.text)?.members(|key, scanner| {
                let span = scanner.value()?;
                let name = key.name();
                if let Some(at) = names.iter().position(|wanted| wanted.as_bytes() == &*name)
                    && found[at].replace(span).is_some()
                {
                    doubled = Some(names[at]);
                }
                Ok(())
            })
        };
        scan(&mut found).map_err(|_| ArgumentError::new("", "the arguments must be an object"))?;
        if let Some(name) = doubled {
            return Err(ArgumentError::new(name, "stands twice"));
        }
        Ok(found.map(|span| span.and_then(|span| std::str::from_utf8(span.of(&self.text)).ok())))
    }
}

/// [`Arguments`], by the name that says what they are of.
pub type Params = Arguments;

impl<'de> Deserialize<'de> for Arguments {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Ok(Self::from_raw(Bytes::from(String::from(Box::<str>::from(raw)))))
    }
}

impl JsonSchema for Arguments {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Arguments".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "object", "additionalProperties": true})
    }
}

/// `serde_json`'s message without the position, which means nothing within one argument.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(at) => text[..at].to_owned(),
        None => text,
    }
}

/// Why an argument does not fit; the model reads it and can correct itself.
#[derive(Debug, Clone)]
pub struct ArgumentError {
    name: String,
    reason: String,
}

impl ArgumentError {
    /// Creates an error about one argument, or about all of them if `name` is empty.
    pub fn new(name: &str, reason: impl fmt::Display) -> Self {
        let reason = reason.to_string();
        let reason = reason.split(" at line ").next().unwrap_or_default().to_owned();
        Self { name: name.to_owned(), reason }
    }

    /// Creates the error for an argument that is not there.
    #[must_use]
    pub fn missing(name: &str) -> Self {
        Self { name: String::new(), reason: format!("missing argument `{name}`") }
    }
}

impl fmt::Display for ArgumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.is_empty() {
            f.write_str(&self.reason)
        } else {
            write!(f, "argument `{}`: {}", self.name, self.reason)
        }
    }
}

impl std::error::Error for ArgumentError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(text: &'static str) -> Arguments {
        Arguments::from_raw(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn reads_one_argument_at_a_time() {
        let arguments = arguments(r#"{"a":1,"b":"x","n\u0061me":true}"#);
        assert_eq!(arguments.get::<i64>("a").unwrap(), 1);
        assert!(arguments.get::<bool>("name").unwrap());
        assert_eq!(arguments.get::<Option<i64>>("c").unwrap(), None);
        assert_eq!(arguments.get::<i64>("c").unwrap_err().to_string(), "missing argument `c`");
        let error = arguments.get::<i64>("b").unwrap_err().to_string();
        assert_eq!(error, "argument `b`: invalid type: string \"x\", expected i64");
    }

    #[test]
    fn an_argument_that_stands_twice_has_no_value() {
        let arguments = arguments(r#"{"a":1,"b":2,"\u0061":3}"#);
        assert_eq!(arguments.get::<i64>("a").unwrap_err().to_string(), "argument `a`: stands twice");
        assert_eq!(arguments.get::<i64>("b").unwrap(), 2);
    }
}
