//! Schemas in fewer words, for hosts that do not understand all of them.

use serde_json::{Map, Value, json};

use turbomcp_schema::{each_subschema, each_subschema_mut};

/// How the schemas of tools are written where clients list them.
///
/// Whichever it is, arguments are held against the same schema.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SchemaStyle {
    /// As they are: JSON Schema 2020-12, with what types have in common in `$defs`.
    #[default]
    Full,
    /// In the few words that hosts of a narrower taste know.
    ///
    /// - There is no `$ref`: what it refers to stands in its place. Where a type contains itself, it is described once
    ///   and then only named by its `type`.
    /// - An argument that may be `null` is described as one that may be left out.
    /// - There is no `oneOf` and no `const`, but `anyOf` and `enum`; several constants are one `enum`.
    /// - `$schema`, `$comment`, `$id` and formats of Rust's integers are left out.
    Plain,
}

/// The most subschemas of a plain schema; what goes beyond is named by its `type` only.
const MAX_SUBSCHEMAS: usize = 5000;

/// Returns the schema of arguments in plain words.
pub(crate) fn plain_input(schema: &Map<String, Value>) -> Map<String, Value> {
    rewrite(schema, Nulls::Dropped)
}

/// Returns the schema of a result in plain words; it accepts all that the schema accepts.
pub(crate) fn plain_output(schema: &Map<String, Value>) -> Map<String, Value> {
    rewrite(schema, Nulls::Kept)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Nulls {
    Kept,
    Dropped,
}

fn rewrite(schema: &Map<String, Value>, nulls: Nulls) -> Map<String, Value> {
    let root = Value::Object(schema.clone());
    let mut plain = Plain { root: &root, nulls, open: Vec::new(), left: MAX_SUBSCHEMAS };
    let mut copy = root.clone();
    plain.schema(&mut copy);
    match copy {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

struct Plain<'a> {
    root: &'a Value,
    nulls: Nulls,
    /// The references that are being replaced.
    open: Vec<String>,
    left: usize,
}

impl Plain<'_> {
    fn schema(&mut self, schema: &mut Value) {
        let Value::Object(members) = schema else { return };
        let opened = self.inline(members);
        members.retain(|keyword, _| {
            !matches!(keyword.as_str(), "$schema" | "$comment" | "$id" | "$anchor" | "$defs" | "definitions")
        });
        if members.get("format").and_then(Value::as_str).is_some_and(is_of_rust) {
            members.remove("format");
        }
        if self.left == 0 {
            members.retain(|keyword, _| matches!(keyword.as_str(), "type" | "description" | "title"));
        } else {
            self.left -= 1;
            each_subschema_mut(members, |subschema| self.schema(subschema));
        }
        if opened {
            self.open.pop();
        }
        if self.nulls == Nulls::Dropped {
            drop_null(members);
        }
        if let Some(value) = members.remove("const") {
            members.insert("enum".to_owned(), json!([value]));
        }
        if let Some(branches) = members.remove("oneOf") {
            members.entry("anyOf").or_insert(branches);
        }
        gather_constants(members);
    }

    /// Puts what a reference leads to in its place; true if something was.
    fn inline(&mut self, members: &mut Map<String, Value>) -> bool {
        let Some(Value::String(reference)) = members.remove("$ref") else { return false };
        let target = reference.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
        let Some(Value::Object(target)) = target else { return false };
        let circular = self.open.contains(&reference) || self.left == 0;
        for (keyword, value) in target {
            // What stands beside a reference says more than what it leads to.
            if !members.contains_key(keyword) && (!circular || matches!(keyword.as_str(), "type" | "description")) {
                members.insert(keyword.clone(), value.clone());
            }
        }
        if circular {
            return false;
        }
        self.open.push(reference);
        // It may be a reference itself.
        if members.contains_key("$ref") {
            let opened = self.inline(members);
            if opened {
                self.open.pop();
            }
        }
        true
    }
}

fn is_of_rust(format: &str) -> bool {
    let digits = format.trim_start_matches(['u', 'i', 'n', 't']);
    (format.starts_with("int") || format.starts_with("uint")) && digits.bytes().all(|byte| byte.is_ascii_digit())
        || matches!(format, "float" | "double")
}

/// Describes what may be `null` as what it is otherwise.
fn drop_null(members: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = members.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            members.insert("type".to_owned(), only);
        }
    }
    for keyword in ["anyOf", "oneOf"] {
        let Some(Value::Array(branches)) = members.get_mut(keyword) else { continue };
        branches.retain(|branch| *branch != json!({"type": "null"}));
        if let [Value::Object(only)] = branches.as_slice() {
            let only = only.clone();
            members.remove(keyword);
            for (keyword, value) in only {
                members.entry(keyword).or_insert(value);
            }
        }
    }
    if let Some(Value::Array(values)) = members.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    if members.get("default").is_some_and(Value::is_null) {
        members.remove("default");
    }
}

/// Makes one enumeration of branches that are constants and nothing else.
fn gather_constants(members: &mut Map<String, Value>) {
    let Some(Value::Array(branches)) = members.get("anyOf") else { return };
    let mut values = Vec::new();
    let mut kinds: Vec<&Value> = Vec::new();
    for branch in branches {
        let mut subschemas = 0;
        let Value::Object(branch) = branch else { return };
        each_subschema(branch, |_, _, _| subschemas += 1);
        let Some(Value::Array(constants)) = branch.get("enum") else { return };
        let known = |keyword: &String| matches!(keyword.as_str(), "enum" | "type" | "title" | "description");
        if subschemas > 0 || !branch.keys().all(known) {
            return;
        }
        values.extend(constants.iter().cloned());
        kinds.extend(branch.get("type"));
    }
    kinds.dedup();
    let kind = if let [kind] = kinds.as_slice() { Some((*kind).clone()) } else { None };
    members.remove("anyOf");
    members.insert("enum".to_owned(), values.into());
    if let Some(kind) = kind {
        members.entry("type").or_insert(kind);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(schema: Value, expected: Value) {
        assert_eq!(Value::Object(plain_input(schema.as_object().unwrap())), expected);
    }

    #[test]
    fn a_reference_is_replaced_by_what_it_leads_to() {
        check(
            json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/A", "description": "mine"}},
                "$defs": {"A": {"type": "object", "description": "its", "properties": {"b": {"$ref": "#/$defs/B"}}},
                    "B": {"type": "integer", "format": "uint8"}}}),
            json!({"type": "object", "properties": {"a": {"type": "object", "description": "mine",
                "properties": {"b": {"type": "integer"}}}}}),
        );
    }

    #[test]
    fn a_type_that_contains_itself_is_described_once() {
        let node = json!({"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}, "required": ["next"]});
        let schema =
            json!({"type": "object", "properties": {"list": {"$ref": "#/$defs/Node"}}, "$defs": {"Node": node}});
        check(
            schema,
            json!({"type": "object", "properties": {"list": {"type": "object", "required": ["next"],
                "properties": {"next": {"type": "object"}}}}}),
        );
    }

    #[test]
    fn nothing_may_be_null_in_arguments_but_in_results() {
        let schema = json!({"type": "object", "properties": {
            "a": {"type": ["string", "null"], "default": null},
            "b": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        }});
        check(
            schema.clone(),
            json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}}),
        );
        assert_eq!(Value::Object(plain_output(schema.as_object().unwrap())), schema);
    }

    #[test]
    fn constants_become_an_enumeration() {
        let variant = |name: &str| json!({"const": name, "type": "string", "description": "x"});
        check(
            json!({"type": "object", "properties": {"level": {"oneOf": [variant("low"), variant("high")]}}}),
            json!({"type": "object", "properties": {"level": {"type": "string", "enum": ["low", "high"]}}}),
        );
        check(
            json!({"oneOf": [{"properties": {"kind": {"const": "a"}}}, {"type": "string"}]}),
            json!({"anyOf": [{"properties": {"kind": {"enum": ["a"]}}}, {"type": "string"}]}),
        );
    }

    #[test]
    fn a_schema_that_multiplies_ends_somewhere() {
        let mut defs = Map::new();
        for i in 0..40 {
            let next = json!({"$ref": format!("#/$defs/d{}", i + 1)});
            defs.insert(format!("d{i}"), json!({"type": "object", "properties": {"a": next, "b": next}}));
        }
        defs.insert("d40".to_owned(), json!({"type": "string"}));
        let plain = plain_input(json!({"$ref": "#/$defs/d0", "$defs": defs}).as_object().unwrap());
        assert!(Value::Object(plain).to_string().len() < 1 << 20);
    }
}
