//! The fields of a form that offer values to choose from.

use serde::{Deserialize, Deserializer, Serialize};

/// A field for one of several values, which are shown as they are.
///
/// # On the wire
///
/// `{"type": "string", "enum": ["red", "blue"]}`
///
/// # Specification
///
/// [Schema](https://modelcontextprotocol.io/specification/2026-07-28/schema#untitledsingleselectenumschema)
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "string", rename_all = "camelCase")]
#[non_exhaustive]
pub struct UntitledSingleSelectEnumSchema {
    /// What is shown as the field's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What the field is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The values.
    #[serde(rename = "enum")]
    pub values: Vec<String>,
    /// The value that is chosen at first (since 2025-11-25).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
}

impl UntitledSingleSelectEnumSchema {
    /// Creates a field from the values.
    pub fn new<V: Into<String>>(values: impl IntoIterator<Item = V>) -> Self {
        Self { values: values.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    with_methods! {
        /// Sets what is shown as the field's name.
        with_title(title: String);
        /// Says what the field is for.
        with_description(description: String);
        /// Sets the value that is chosen at first.
        with_default(default: String);
    }
}

/// A field for one of several values, each with a text that is shown for it (since 2025-11-25).
///
/// # On the wire
///
/// `{"type": "string", "oneOf": [{"const": "s", "title": "Small"}, {"const": "l", "title": "Large"}]}`
///
/// # Specification
///
/// [Schema](https://modelcontextprotocol.io/specification/2026-07-28/schema#titledsingleselectenumschema)
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "string", rename_all = "camelCase")]
#[non_exhaustive]
pub struct TitledSingleSelectEnumSchema {
    /// What is shown as the field's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What the field is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The values and their texts.
    #[serde(rename = "oneOf")]
    pub options: Vec<EnumOption>,
    /// The value that is chosen at first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
}

impl TitledSingleSelectEnumSchema {
    /// Creates a field from the values and their texts.
    pub fn new<O: Into<EnumOption>>(options: impl IntoIterator<Item = O>) -> Self {
        Self { options: options.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    with_methods! {
        /// Sets what is shown as the field's name.
        with_title(title: String);
        /// Says what the field is for.
        with_description(description: String);
        /// Sets the value that is chosen at first.
        with_default(default: String);
    }
}

/// A value that can be chosen, and the text that is shown for it.
///
/// # On the wire
///
/// `{"const": "s", "title": "Small"}`
///
/// # Specification
///
/// [Schema](https://modelcontextprotocol.io/specification/2026-07-28/schema#titledsingleselectenumschema)
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EnumOption {
    /// The value.
    #[serde(rename = "const")]
    pub value: String,
    /// The text.
    pub title: String,
}

impl EnumOption {
    /// Creates an option from the value and the text.
    pub fn new(value: impl Into<String>, title: impl Into<String>) -> Self {
        Self { value: value.into(), title: title.into() }
    }
}

impl<V: Into<String>, T: Into<String>> From<(V, T)> for EnumOption {
    fn from((value, title): (V, T)) -> Self {
        Self::new(value, title)
    }
}

impl From<&str> for EnumOption {
    /// Creates an option that is shown as it is.
    fn from(value: &str) -> Self {
        Self::new(value, value)
    }
}

/// A field for any of several values, which are shown as they are (since 2025-11-25).
///
/// # On the wire
///
/// `{"type": "array", "items": {"type": "string", "enum": ["a", "b", "c"]}, "maxItems": 2}`
///
/// # Specification
///
/// [Schema](https://modelcontextprotocol.io/specification/2026-07-28/schema#untitledmultiselectenumschema)
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "array", rename_all = "camelCase")]
#[non_exhaustive]
pub struct UntitledMultiSelectEnumSchema {
    /// What is shown as the field's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What the field is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// How many have to be chosen at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_items: Option<u64>,
    /// How many may be chosen at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_items: Option<u64>,
    /// The values.
    #[serde(rename = "items", with = "untitled_items")]
    pub values: Vec<String>,
    /// The values that are chosen at first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Vec<String>>,
}

impl UntitledMultiSelectEnumSchema {
    /// Creates a field from the values.
    pub fn new<V: Into<String>>(values: impl IntoIterator<Item = V>) -> Self {
        Self { values: values.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    with_methods! {
        /// Sets what is shown as the field's name.
        with_title(title: String);
        /// Says what the field is for.
        with_description(description: String);
        /// Sets how many have to be chosen at least.
        with_min_items(min_items: u64);
        /// Sets how many may be chosen at most.
        with_max_items(max_items: u64);
        /// Sets the values that are chosen at first.
        with_default(default: Vec<String>);
    }
}

/// A field for any of several values, each with a text that is shown for it (since 2025-11-25).
///
/// # On the wire
///
/// `{"type": "array", "items": {"anyOf": [{"const": "t1", "title": "Team one"}]}}`
///
/// # Specification
///
/// [Schema](https://modelcontextprotocol.io/specification/2026-07-28/schema#titledmultiselectenumschema)
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "array", rename_all = "camelCase")]
#[non_exhaustive]
pub struct TitledMultiSelectEnumSchema {
    /// What is shown as the field's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What the field is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// How many have to be chosen at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_items: Option<u64>,
    /// How many may be chosen at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_items: Option<u64>,
    /// The values and their texts.
    #[serde(rename = "items", with = "titled_items")]
    pub options: Vec<EnumOption>,
    /// The values that are chosen at first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Vec<String>>,
}

impl TitledMultiSelectEnumSchema {
    /// Creates a field from the values and their texts.
    pub fn new<O: Into<EnumOption>>(options: impl IntoIterator<Item = O>) -> Self {
        Self { options: options.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    with_methods! {
        /// Sets what is shown as the field's name.
        with_title(title: String);
        /// Says what the field is for.
        with_description(description: String);
        /// Sets how many have to be chosen at least.
        with_min_items(min_items: u64);
        /// Sets how many may be chosen at most.
        with_max_items(max_items: u64);
        /// Sets the values that are chosen at first.
        with_default(default: Vec<String>);
    }
}

/// A field for one of several values, with the texts that are shown for them in a list of their own.
///
/// A peer of 2025-06-18 knows no other way to give titles; [`TitledSingleSelectEnumSchema`] has taken its place.
///
/// # On the wire
///
/// `{"type": "string", "enum": ["r", "b"], "enumNames": ["Red", "Blue"]}`
///
/// # Specification
///
/// [`LegacyTitledEnumSchema`](https://modelcontextprotocol.io/specification/2026-07-28/schema#legacytitledenumschema)
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "string", rename_all = "camelCase")]
#[non_exhaustive]
pub struct LegacyTitledEnumSchema {
    /// What is shown as the field's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What the field is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The values.
    #[serde(rename = "enum")]
    pub values: Vec<String>,
    /// Their texts, in the same order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enum_names: Option<Vec<String>>,
    /// The value that is chosen at first (since 2025-11-25).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
}

impl LegacyTitledEnumSchema {
    /// Creates a field from the values and their texts.
    pub fn new<O: Into<EnumOption>>(options: impl IntoIterator<Item = O>) -> Self {
        let (values, titles) = options.into_iter().map(Into::into).map(|option| (option.value, option.title)).unzip();
        Self { values, enum_names: Some(titles), ..Self::default() }
    }

    with_methods! {
        /// Sets what is shown as the field's name.
        with_title(title: String);
        /// Says what the field is for.
        with_description(description: String);
        /// Sets the value that is chosen at first.
        with_default(default: String);
    }
}

/// `{"type": "string", "enum": […]}`
mod untitled_items {
    use super::{Deserialize, Deserializer, Serialize};

    #[derive(Serialize)]
    #[serde(tag = "type", rename = "string")]
    struct Written<'a> {
        r#enum: &'a [String],
    }

    #[derive(Deserialize)]
    #[serde(rename = "items")]
    struct Read {
        r#enum: Vec<String>,
    }

    pub(super) fn serialize<S: serde::Serializer>(values: &[String], serializer: S) -> Result<S::Ok, S::Error> {
        Written { r#enum: values }.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
        Read::deserialize(deserializer).map(|items| items.r#enum)
    }
}

/// `{"anyOf": […]}`
mod titled_items {
    use super::{Deserialize, Deserializer, EnumOption, Serialize};

    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Written<'a> {
        any_of: &'a [EnumOption],
    }

    #[derive(Deserialize)]
    #[serde(rename = "items", rename_all = "camelCase")]
    struct Read {
        any_of: Vec<EnumOption>,
    }

    pub(super) fn serialize<S: serde::Serializer>(options: &[EnumOption], serializer: S) -> Result<S::Ok, S::Error> {
        Written { any_of: options }.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<EnumOption>, D::Error> {
        Read::deserialize(deserializer).map(|items| items.any_of)
    }
}
