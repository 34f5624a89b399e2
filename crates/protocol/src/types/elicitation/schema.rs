//! The fields of a form: the part of JSON Schema a client must be able to show.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Number, Value};

use super::choice::{
    EnumOption, LegacyTitledEnumSchema, TitledMultiSelectEnumSchema, TitledSingleSelectEnumSchema,
    UntitledMultiSelectEnumSchema, UntitledSingleSelectEnumSchema,
};
use crate::types::wire;

/// The fields of a form, in the order they were added.
///
/// # Examples
///
/// ```
/// use turbomcp_protocol::types::{BooleanSchema, ElicitationSchema, NumberSchema, StringFormat, StringSchema};
///
/// let schema = ElicitationSchema::new()
///     .string("mail", StringSchema::new().with_title("E-mail").with_format(StringFormat::EMAIL))
///     .integer("copies", NumberSchema::new().with_minimum(1).with_maximum(9))
///     .boolean("share", BooleanSchema::new().with_default(false))
///     .select("size", [("s", "Small"), ("l", "Large")])
///     .required("mail");
/// assert_eq!(serde_json::to_value(&schema)?["properties"]["copies"]["type"], "integer");
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// # On the wire
///
/// `{"type": "object", "properties": {"owner": {"type": "string"}}, "required": ["owner"]}`
///
/// # Specification
///
/// [Requested schema](https://modelcontextprotocol.io/specification/2026-07-28/client/elicitation#requested-schema)
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "object", rename_all = "camelCase")]
#[non_exhaustive]
pub struct ElicitationSchema {
    /// The dialect of JSON Schema (since 2025-11-25).
    #[serde(rename = "$schema", default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// The fields, by name.
    #[serde(with = "wire::ordered")]
    pub properties: Vec<(String, PrimitiveSchemaDefinition)>,
    /// The fields that must be filled in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required: Option<Vec<String>>,
}

impl ElicitationSchema {
    /// Creates a form without fields.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a field, or replaces it.
    #[must_use]
    pub fn property(mut self, name: impl Into<String>, schema: impl Into<PrimitiveSchemaDefinition>) -> Self {
        let (name, schema) = (name.into(), schema.into());
        match self.properties.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = schema,
            None => self.properties.push((name, schema)),
        }
        self
    }

    /// Adds a field for text.
    #[must_use]
    pub fn string(self, name: impl Into<String>, schema: StringSchema) -> Self {
        self.property(name, schema)
    }

    /// Adds a field for a number.
    #[must_use]
    pub fn number(self, name: impl Into<String>, schema: NumberSchema) -> Self {
        self.property(name, NumberSchema { kind: NumberType::Number, ..schema })
    }

    /// Adds a field for a whole number.
    #[must_use]
    pub fn integer(self, name: impl Into<String>, schema: NumberSchema) -> Self {
        self.property(name, NumberSchema { kind: NumberType::Integer, ..schema })
    }

    /// Adds a field for yes or no.
    #[must_use]
    pub fn boolean(self, name: impl Into<String>, schema: BooleanSchema) -> Self {
        self.property(name, schema)
    }

    /// Adds a field for one of several options, each a value with the text that is shown for it.
    #[must_use]
    pub fn select<O: Into<EnumOption>>(self, name: impl Into<String>, options: impl IntoIterator<Item = O>) -> Self {
        self.property(name, TitledSingleSelectEnumSchema::new(options))
    }

    /// Adds a field for any of several options, each a value with the text that is shown for it (since 2025-11-25).
    #[must_use]
    pub fn multi_select<O: Into<EnumOption>>(
        self,
        name: impl Into<String>,
        options: impl IntoIterator<Item = O>,
    ) -> Self {
        self.property(name, TitledMultiSelectEnumSchema::new(options))
    }

    /// Returns true if a field takes several values, which no revision before 2025-11-25 knows.
    #[must_use]
    pub fn has_multi_select(&self) -> bool {
        use PrimitiveSchemaDefinition::{TitledMultiSelect, UntitledMultiSelect};

        self.properties.iter().any(|(_, field)| matches!(field, UntitledMultiSelect(_) | TitledMultiSelect(_)))
    }

    /// Says that a field must be filled in.
    #[must_use]
    pub fn required(mut self, name: impl Into<String>) -> Self {
        let (name, required) = (name.into(), self.required.get_or_insert_default());
        if !required.contains(&name) {
            required.push(name);
        }
        self
    }
}

/// The schema of one field of a form.
///
/// # Specification
///
/// [Schema](https://modelcontextprotocol.io/specification/2026-07-28/schema#primitiveschemadefinition)
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum PrimitiveSchemaDefinition {
    /// Text.
    String(StringSchema),
    /// A number.
    Number(NumberSchema),
    /// Yes or no.
    Boolean(BooleanSchema),
    /// One of several values.
    UntitledSingleSelect(UntitledSingleSelectEnumSchema),
    /// One of several values with titles (since 2025-11-25).
    TitledSingleSelect(TitledSingleSelectEnumSchema),
    /// Any of several values (since 2025-11-25).
    UntitledMultiSelect(UntitledMultiSelectEnumSchema),
    /// Any of several values with titles (since 2025-11-25).
    TitledMultiSelect(TitledMultiSelectEnumSchema),
    /// One of several values, with titles in a list of their own.
    LegacyTitled(LegacyTitledEnumSchema),
}

impl<'de> Deserialize<'de> for PrimitiveSchemaDefinition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;

        let value = Value::deserialize(deserializer)?;
        let has = |name: &str| value.get(name).is_some();
        let kind = value.get("type").and_then(Value::as_str).ok_or_else(|| Error::missing_field("type"))?;
        match kind {
            "string" if has("oneOf") => Deserialize::deserialize(&value).map(Self::TitledSingleSelect),
            "string" if has("enumNames") => Deserialize::deserialize(&value).map(Self::LegacyTitled),
            "string" if has("enum") => Deserialize::deserialize(&value).map(Self::UntitledSingleSelect),
            "string" => Deserialize::deserialize(&value).map(Self::String),
            "number" | "integer" => Deserialize::deserialize(&value).map(Self::Number),
            "boolean" => Deserialize::deserialize(&value).map(Self::Boolean),
            "array" if value.get("items").is_some_and(|items| items.get("anyOf").is_some()) => {
                Deserialize::deserialize(&value).map(Self::TitledMultiSelect)
            }
            "array" => Deserialize::deserialize(&value).map(Self::UntitledMultiSelect),
            other => return Err(Error::unknown_variant(other, &["string", "number", "integer", "boolean", "array"])),
        }
        .map_err(Error::custom)
    }
}

impl From<StringSchema> for PrimitiveSchemaDefinition {
    fn from(schema: StringSchema) -> Self {
        Self::String(schema)
    }
}

impl From<NumberSchema> for PrimitiveSchemaDefinition {
    fn from(schema: NumberSchema) -> Self {
        Self::Number(schema)
    }
}

impl From<BooleanSchema> for PrimitiveSchemaDefinition {
    fn from(schema: BooleanSchema) -> Self {
        Self::Boolean(schema)
    }
}

impl From<UntitledSingleSelectEnumSchema> for PrimitiveSchemaDefinition {
    fn from(schema: UntitledSingleSelectEnumSchema) -> Self {
        Self::UntitledSingleSelect(schema)
    }
}

impl From<TitledSingleSelectEnumSchema> for PrimitiveSchemaDefinition {
    fn from(schema: TitledSingleSelectEnumSchema) -> Self {
        Self::TitledSingleSelect(schema)
    }
}

impl From<UntitledMultiSelectEnumSchema> for PrimitiveSchemaDefinition {
    fn from(schema: UntitledMultiSelectEnumSchema) -> Self {
        Self::UntitledMultiSelect(schema)
    }
}

impl From<TitledMultiSelectEnumSchema> for PrimitiveSchemaDefinition {
    fn from(schema: TitledMultiSelectEnumSchema) -> Self {
        Self::TitledMultiSelect(schema)
    }
}

impl From<LegacyTitledEnumSchema> for PrimitiveSchemaDefinition {
    fn from(schema: LegacyTitledEnumSchema) -> Self {
        Self::LegacyTitled(schema)
    }
}

/// A field for text.
///
/// # On the wire
///
/// `{"type": "string", "title": "Owner", "minLength": 1, "maxLength": 40}`; lengths count characters
///
/// # Specification
///
/// [`StringSchema`](https://modelcontextprotocol.io/specification/2026-07-28/schema#stringschema)
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "string", rename_all = "camelCase")]
#[non_exhaustive]
pub struct StringSchema {
    /// What is shown as the field's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What the field is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The least number of characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_length: Option<u64>,
    /// The greatest number of characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_length: Option<u64>,
    /// What the text has to look like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<StringFormat>,
    /// What the field holds at first (since 2025-11-25).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
}

impl StringSchema {
    /// Creates a field for any text.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    with_methods! {
        /// Sets what is shown as the field's name.
        with_title(title: String);
        /// Says what the field is for.
        with_description(description: String);
        /// Sets the least number of characters.
        with_min_length(min_length: u64);
        /// Sets the greatest number of characters.
        with_max_length(max_length: u64);
        /// Says what the text has to look like.
        with_format(format: StringFormat);
        /// Sets what the field holds at first.
        with_default(default: String);
    }
}

open_string! {
    /// What a text has to look like.
    ///
    /// # Specification
    ///
    /// [`StringSchema`](https://modelcontextprotocol.io/specification/2026-07-28/schema#stringschema)
    StringFormat {
        /// An e-mail address.
        EMAIL = "email";
        /// A URI.
        URI = "uri";
        /// A date, such as `2026-07-28`.
        DATE = "date";
        /// A date and time, such as `2026-07-28T10:00:00Z`.
        DATE_TIME = "date-time";
    }
}

/// A field for a number.
///
/// # On the wire
///
/// `{"type": "integer", "minimum": 1, "maximum": 9, "default": 1}`
///
/// # Specification
///
/// [`NumberSchema`](https://modelcontextprotocol.io/specification/2026-07-28/schema#numberschema)
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct NumberSchema {
    /// Whether fractions are allowed.
    #[serde(rename = "type")]
    pub kind: NumberType,
    /// What is shown as the field's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What the field is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The least number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<Number>,
    /// The greatest number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum: Option<Number>,
    /// What the field holds at first (since 2025-11-25).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Number>,
}

impl NumberSchema {
    /// Creates a field for any number.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    with_methods! {
        /// Sets what is shown as the field's name.
        with_title(title: String);
        /// Says what the field is for.
        with_description(description: String);
    }

    /// Sets the least number. One that JSON cannot hold sets nothing.
    #[must_use]
    pub fn with_minimum(self, minimum: impl Into<f64>) -> Self {
        Self { minimum: json_number(minimum.into()), ..self }
    }

    /// Sets the greatest number. One that JSON cannot hold sets nothing.
    #[must_use]
    pub fn with_maximum(self, maximum: impl Into<f64>) -> Self {
        Self { maximum: json_number(maximum.into()), ..self }
    }

    /// Sets what the field holds at first. What JSON cannot hold sets nothing.
    #[must_use]
    pub fn with_default(self, default: impl Into<f64>) -> Self {
        Self { default: json_number(default.into()), ..self }
    }
}

fn json_number(number: f64) -> Option<Number> {
    match wire::number::serialize(&number, serde_json::value::Serializer) {
        Ok(Value::Number(number)) => Some(number),
        _ => None,
    }
}

/// Whether a number may have a fraction.
///
/// # Specification
///
/// [`NumberSchema`](https://modelcontextprotocol.io/specification/2026-07-28/schema#numberschema)
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum NumberType {
    /// It may.
    #[default]
    Number,
    /// It must not.
    Integer,
}

/// A field for yes or no.
///
/// # On the wire
///
/// `{"type": "boolean", "default": false}`
///
/// # Specification
///
/// [`BooleanSchema`](https://modelcontextprotocol.io/specification/2026-07-28/schema#booleanschema)
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "boolean", rename_all = "camelCase")]
#[non_exhaustive]
pub struct BooleanSchema {
    /// What is shown as the field's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What the field is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What the field holds at first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<bool>,
}

impl BooleanSchema {
    /// Creates a field that holds nothing at first.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    with_methods! {
        /// Sets what is shown as the field's name.
        with_title(title: String);
        /// Says what the field is for.
        with_description(description: String);
        /// Sets what the field holds at first.
        with_default(default: bool);
    }
}

#[cfg(test)]
mod tests {
    use PrimitiveSchemaDefinition as Field;
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(schema: Value, expected: impl Into<Field>) {
        let field = Field::deserialize(&schema).unwrap();
        assert_eq!(field, expected.into());
        assert_eq!(serde_json::to_value(&field).unwrap(), schema);
    }

    #[test]
    fn tells_the_kinds_of_fields_apart() {
        check(json!({"type": "string", "format": "email"}), StringSchema::new().with_format(StringFormat::EMAIL));
        check(json!({"type": "number", "minimum": 0.5}), NumberSchema::new().with_minimum(0.5));
        check(json!({"type": "boolean", "default": true}), BooleanSchema::new().with_default(true));
        check(json!({"type": "string", "enum": ["a"]}), UntitledSingleSelectEnumSchema::new(["a"]));
        check(
            json!({"type": "string", "oneOf": [{"const": "a", "title": "A"}]}),
            TitledSingleSelectEnumSchema::new([("a", "A")]),
        );
        check(
            json!({"type": "array", "items": {"type": "string", "enum": ["a"]}, "minItems": 1}),
            UntitledMultiSelectEnumSchema::new(["a"]).with_min_items(1u64),
        );
        check(
            json!({"type": "array", "items": {"anyOf": [{"const": "a", "title": "A"}]}}),
            TitledMultiSelectEnumSchema::new([("a", "A")]),
        );
        check(json!({"type": "string", "enum": ["a"], "enumNames": ["A"]}), LegacyTitledEnumSchema::new([("a", "A")]));
    }

    #[test]
    fn whole_bounds_are_written_without_a_fraction() {
        let schema = ElicitationSchema::new().integer("n", NumberSchema::new().with_minimum(1).with_maximum(9));
        let expected = r#"{"type":"object","properties":{"n":{"type":"integer","minimum":1,"maximum":9}}}"#;
        assert_eq!(serde_json::to_string(&schema).unwrap(), expected);
    }

    #[test]
    fn fields_keep_their_order() {
        let json = r#"{"type":"object","properties":{"z":{"type":"string"},"a":{"type":"string"}},"required":["z"]}"#;
        let schema: ElicitationSchema = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&schema).unwrap(), json);
        let built = ElicitationSchema::new().string("z", StringSchema::new()).string("a", StringSchema::new());
        assert_eq!(built.required("z"), schema);
    }

    #[test]
    fn says_what_is_wrong_with_a_field() {
        let error = |schema: Value| Field::deserialize(schema).unwrap_err().to_string();
        assert!(error(json!({"type": "object"})).contains("unknown variant `object`"));
        assert!(error(json!({})).contains("missing field `type`"));
        assert!(error(json!({"type": "array"})).contains("missing field `items`"));
        assert!(error(json!({"type": "string", "minLength": -1})).contains("-1"));
    }
}
