//! Schemas derived from Rust types.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value};

use turbomcp_schema::each_optional_property;

/// Collects the arguments of a tool into one JSON Schema of type `object`.
///
/// What the arguments' types have in common stands once, in `$defs` at the root. An argument of type `Option<T>` is
/// described as a `T` that may be left out; `null` in its place is accepted on input all the same, by decoding and by
/// [`Validator::compile_arguments`](super::Validator::compile_arguments).
///
/// # Examples
///
/// ```
/// use serde_json::json;
/// use turbomcp_server::schema::{Argument, InputSchema};
///
/// let schema = InputSchema::new()
///     .argument::<String>("city", Argument::new().description("Where to look."))
///     .argument::<Option<u8>>("days", Argument::new().minimum(1).maximum(14))
///     .build();
/// assert_eq!(
///     json!(schema),
///     json!({
///         "type": "object",
///         "properties": {
///             "city": {"type": "string", "description": "Where to look."},
///             "days": {"type": "integer", "format": "uint8", "minimum": 1, "maximum": 14},
///         },
///         "required": ["city"],
///     })
/// );
/// ```
///
/// # Specification
///
/// [Tool](https://modelcontextprotocol.io/specification/2026-07-28/server/tools#tool)
#[derive(Debug)]
#[must_use]
pub struct InputSchema {
    generator: SchemaGenerator,
    root: Map<String, Value>,
}

impl Default for InputSchema {
    fn default() -> Self {
        Self::new()
    }
}

impl InputSchema {
    /// Creates the schema of a tool without arguments.
    pub fn new() -> Self {
        Self { generator: SchemaGenerator::new(settings().for_deserialize()), root: Map::new() }
    }

    /// Adds one argument.
    ///
    /// It is required unless `T` is an `Option` or `settings` say otherwise.
    pub fn argument<T: JsonSchema>(mut self, name: &str, settings: Argument) -> Self {
        let required = !settings.optional && !is_option::<T>();
        let scalar = settings.header.as_ref().and_then(|_| inline_scalar::<T>());
        let mut schema = scalar.unwrap_or_else(|| object(self.generator.subschema_for::<T>().to_value()));
        if !required {
            without_null(&mut schema);
        }
        settings.apply(&mut schema);
        members(&mut self.root, "properties").insert(name.to_owned(), schema.into());
        if required {
            list(&mut self.root, "required").push(name.into());
        }
        self
    }

    /// Adds all members of a type that describes an object: a struct, a map, an enumeration of structs.
    ///
    /// The description of the type becomes that of the schema. A type that describes no object makes a schema that no
    /// tool can be registered with.
    pub fn whole<T: JsonSchema>(mut self) -> Self {
        let schema = T::json_schema(&mut self.generator).to_value();
        let schema = resolved(object(schema), self.generator.definitions());
        let is_object = main_type(&schema).is_none_or(|name| name == "object");
        for (keyword, value) in schema {
            match (keyword.as_str(), value) {
                ("title" | "$schema", _) => {}
                ("type", _) if is_object => {}
                ("properties", Value::Object(more)) => members(&mut self.root, "properties").extend(more),
                ("required", Value::Array(more)) => list(&mut self.root, "required").extend(more),
                (_, value) => {
                    self.root.insert(keyword, value);
                }
            }
        }
        self
    }

    /// Returns the schema.
    #[must_use]
    pub fn build(mut self) -> Map<String, Value> {
        let mut root = self.root;
        let says_nothing_of_members =
            root.keys().all(|keyword| matches!(keyword.as_str(), "description" | "properties" | "required"));
        if members(&mut root, "properties").is_empty() && says_nothing_of_members {
            root.insert("additionalProperties".to_owned(), false.into());
        }
        root.entry("type").or_insert_with(|| "object".into());
        let definitions = self.generator.take_definitions(true);
        if !definitions.is_empty() {
            root.insert("$defs".to_owned(), definitions.into());
        }
        let mut root = Value::Object(root);
        each_optional_property(&mut root, &mut |property| {
            if let Value::Object(property) = property {
                without_null(property);
            }
        });
        object(root)
    }
}

/// Returns the JSON Schema of what `T` is serialized to.
///
/// # Examples
///
/// ```
/// use serde_json::json;
///
/// assert_eq!(turbomcp_server::schema::output_schema_of::<bool>(), json!({"type": "boolean"}));
/// ```
#[must_use]
pub fn output_schema_of<T: JsonSchema>() -> Value {
    let mut generator = SchemaGenerator::new(settings().for_serialize());
    let schema = T::json_schema(&mut generator).to_value();
    let mut root = resolved(object(schema), generator.definitions());
    root.remove("title");
    let definitions = generator.take_definitions(true);
    if !definitions.is_empty() {
        root.insert("$defs".to_owned(), definitions.into());
    }
    root.into()
}

/// What is said of one argument beside its type.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct Argument {
    optional: bool,
    header: Option<String>,
    min_length: Option<usize>,
    max_length: Option<usize>,
    keywords: Map<String, Value>,
}

impl Argument {
    /// Creates settings that add nothing to the type.
    pub fn new() -> Self {
        <Self as Default>::default()
    }

    /// Sets what the model reads about the argument.
    pub fn description(self, description: impl Into<String>) -> Self {
        self.keyword("description", description.into())
    }

    /// Sets the name shown to people.
    pub fn title(self, title: impl Into<String>) -> Self {
        self.keyword("title", title.into())
    }

    /// Sets what the argument is when it is left out, which makes it optional.
    pub fn default(self, value: impl Into<Value>) -> Self {
        self.optional().keyword("default", value)
    }

    /// Lets the argument be left out.
    pub fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// Sets the least number allowed.
    pub fn minimum(self, minimum: impl Into<Value>) -> Self {
        self.keyword("minimum", minimum)
    }

    /// Sets the greatest number allowed.
    pub fn maximum(self, maximum: impl Into<Value>) -> Self {
        self.keyword("maximum", maximum)
    }

    /// Sets the number that the argument must exceed.
    pub fn exclusive_minimum(self, minimum: impl Into<Value>) -> Self {
        self.keyword("exclusiveMinimum", minimum)
    }

    /// Sets the number that the argument must stay below.
    pub fn exclusive_maximum(self, maximum: impl Into<Value>) -> Self {
        self.keyword("exclusiveMaximum", maximum)
    }

    /// Sets the least length: of a string in characters, of an array in items, of a map in members.
    pub fn min_length(mut self, length: usize) -> Self {
        self.min_length = Some(length);
        self
    }

    /// Sets the greatest length: of a string in characters, of an array in items, of a map in members.
    pub fn max_length(mut self, length: usize) -> Self {
        self.max_length = Some(length);
        self
    }

    /// Sets a regular expression that a string must match somewhere.
    pub fn pattern(self, pattern: impl Into<String>) -> Self {
        self.keyword("pattern", pattern.into())
    }

    /// Adds examples of the argument.
    pub fn examples<V: Into<Value>>(mut self, examples: impl IntoIterator<Item = V>) -> Self {
        list(&mut self.keywords, "examples").extend(examples.into_iter().map(Into::into));
        self
    }

    /// Has Streamable HTTP clients mirror the argument in the header `Mcp-Param-` and this name.
    ///
    /// The argument must be a string, an integer or a boolean; [`x_mcp_headers`](super::x_mcp_headers) says so if it
    /// is not.
    pub fn header(mut self, name: impl Into<String>) -> Self {
        self.header = Some(name.into());
        self
    }

    /// Sets any other keyword.
    pub fn keyword(mut self, keyword: impl Into<String>, value: impl Into<Value>) -> Self {
        self.keywords.insert(keyword.into(), value.into());
        self
    }

    fn apply(self, schema: &mut Map<String, Value>) {
        let (least, most) = match main_type(schema) {
            Some("array") => ("minItems", "maxItems"),
            Some("object") => ("minProperties", "maxProperties"),
            _ => ("minLength", "maxLength"),
        };
        schema.extend(self.keywords);
        schema.extend(self.min_length.map(|length| (least.to_owned(), length.into())));
        schema.extend(self.max_length.map(|length| (most.to_owned(), length.into())));
        schema.extend(self.header.map(|name| (super::header::ANNOTATION.to_owned(), name.into())));
    }
}

fn settings() -> SchemaSettings {
    SchemaSettings::draft2020_12().with(|settings| settings.meta_schema = None)
}

/// The only trace of an `Option` that also one of anything at all leaves: its schema has no type to join `null` to.
fn is_option<T: JsonSchema>() -> bool {
    T::schema_id().starts_with("Option<")
}

/// Returns the schema of a type that is one JSON scalar, without a reference, which no header annotation may have.
fn inline_scalar<T: JsonSchema>() -> Option<Map<String, Value>> {
    let mut generator =
        SchemaGenerator::new(settings().for_deserialize().with(|settings| settings.inline_subschemas = true));
    let mut schema = object(generator.subschema_for::<T>().to_value());
    without_null(&mut schema);
    // An enumeration whose variants are documented is an alternative of constants.
    if let Some(Value::Array(variants)) = schema.get("oneOf") {
        let mut types = variants.iter().map(|variant| variant.get("type"));
        let common = types.next().flatten().filter(|first| types.all(|name| name == Some(*first))).cloned();
        schema.extend(common.map(|name| ("type".to_owned(), name)));
    }
    matches!(main_type(&schema), Some("string" | "integer" | "boolean")).then_some(schema)
}

/// Returns the type that the schema names beside `null`, if it is one.
fn main_type(schema: &Map<String, Value>) -> Option<&str> {
    match schema.get("type")? {
        Value::String(name) => Some(name),
        Value::Array(names) => {
            let mut names = names.iter().filter_map(Value::as_str).filter(|name| *name != "null");
            names.next().filter(|_| names.next().is_none())
        }
        _ => None,
    }
}

/// Takes back what the schema of an `Option<T>` adds to that of `T`.
fn without_null(schema: &mut Map<String, Value>) {
    if let Some(Value::Array(names)) = schema.get_mut("type")
        && names.iter().any(|name| name != "null")
    {
        names.retain(|name| name != "null");
        if let [name] = names.as_slice() {
            schema["type"] = name.clone();
        }
        if let Some(Value::Array(values)) = schema.get_mut("enum") {
            values.retain(|value| !value.is_null());
        }
    }
    if let Some(Value::Array(branches)) = schema.get_mut("anyOf")
        && branches.iter().any(|branch| !is_null(branch))
    {
        branches.retain(|branch| !is_null(branch));
        if let [Value::Object(branch)] = branches.as_mut_slice() {
            let branch = std::mem::take(branch);
            schema.remove("anyOf");
            fill(schema, branch);
        }
    }
    if schema.get("default").is_some_and(Value::is_null) {
        schema.remove("default");
    }
}

/// Returns true for the schema of `null` alone.
pub(super) fn is_null(schema: &Value) -> bool {
    schema.get("type").is_some_and(|name| name == "null")
}

/// Adds the keywords that the schema does not have yet.
fn fill(schema: &mut Map<String, Value>, more: Map<String, Value>) {
    for (keyword, value) in more {
        schema.entry(keyword).or_insert(value);
    }
}

/// Returns a schema as an object; `true` is the empty one.
fn object(schema: Value) -> Map<String, Value> {
    match schema {
        Value::Object(schema) => schema,
        Value::Bool(false) => Map::from_iter([("not".to_owned(), Map::new().into())]),
        _ => Map::new(),
    }
}

/// Replaces a schema that only refers to a definition by that definition.
fn resolved(mut schema: Map<String, Value>, definitions: &Map<String, Value>) -> Map<String, Value> {
    // A chain of references is no longer than there are definitions, unless it is a circle.
    for _ in 0..definitions.len() {
        let target = schema.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix("#/$defs/"));
        let Some(Value::Object(target)) = target.and_then(|name| definitions.get(&unescaped(name))) else { break };
        let target = target.clone();
        schema.remove("$ref");
        fill(&mut schema, target);
    }
    schema
}

/// Returns the key that a segment of a JSON pointer in a URI fragment stands for.
fn unescaped(segment: &str) -> String {
    crate::uri::percent_decode(segment).unwrap_or_default().replace("~1", "/").replace("~0", "~")
}

fn members<'a>(schema: &'a mut Map<String, Value>, keyword: &str) -> &'a mut Map<String, Value> {
    let value = schema.entry(keyword).or_insert(Value::Object(Map::new()));
    value.as_object_mut().expect("this module writes only objects here")
}

fn list<'a>(schema: &'a mut Map<String, Value>, keyword: &str) -> &'a mut Vec<Value> {
    let value = schema.entry(keyword).or_insert(Value::Array(Vec::new()));
    value.as_array_mut().expect("this module writes only arrays here")
}

#[cfg(test)]
mod tests;
