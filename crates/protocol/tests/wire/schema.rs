//! The official schemas, and a stricter reading of them.

use std::path::PathBuf;

use jsonschema::Validator;
use serde_json::{Map, Value, json};

pub(crate) fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// The schema file of a revision.
pub(crate) struct Schema {
    revision: String,
    root: Value,
    definitions: &'static str,
}

impl Schema {
    pub(crate) fn load(revision: &str) -> Self {
        let text = std::fs::read_to_string(fixtures().join("schema").join(format!("{revision}.json"))).unwrap();
        let root: Value = serde_json::from_str(&text).unwrap();
        let definitions = if root.get("$defs").is_some() { "$defs" } else { "definitions" };
        Self { revision: revision.to_owned(), root, definitions }
    }

    /// Makes a member that a type does not name an error, so that a member which is too new is one.
    pub(crate) fn strict(mut self) -> Self {
        for (name, definition) in self.root[self.definitions].as_object_mut().unwrap() {
            // Their schemas say what is reserved, not what is allowed.
            if !name.ends_with("MetaObject") {
                close(definition);
            }
        }
        self
    }

    /// Validates a value against one of the types.
    #[track_caller]
    pub(crate) fn check(&self, name: &str, value: &Value) {
        let errors: Vec<_> =
            self.validator(name).iter_errors(value).map(|e| format!("{e} at {}", e.instance_path())).collect();
        assert!(errors.is_empty(), "{name} of {}: {errors:#?}\n{value:#}", self.revision);
    }

    /// Validates a value against a part of the schema.
    fn validator(&self, name: &str) -> Validator {
        let mut root = json!({"$ref": format!("#/{}/{name}", self.definitions)});
        root["$schema"] = self.root["$schema"].clone();
        root[self.definitions] = self.root[self.definitions].clone();
        jsonschema::validator_for(&root).unwrap()
    }
}

fn close(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if members.contains_key("properties") && !members.contains_key("additionalProperties") {
                members.insert("additionalProperties".to_owned(), json!(false));
            }
            for (name, member) in members.iter_mut() {
                if name == "properties" {
                    close_properties(member.as_object_mut().unwrap());
                } else {
                    close(member);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

/// JSON Schemas of tools are open, whatever of them is named.
fn close_properties(properties: &mut Map<String, Value>) {
    for (name, property) in properties {
        if name != "inputSchema" && name != "outputSchema" {
            close(property);
        }
    }
}

#[test]
fn a_member_that_is_too_new_fails_the_strict_schema() {
    let tool = json!({"name": "t", "inputSchema": {"type": "object", "additionalProperties": false}, "title": "T"});
    let errors = |schema: Schema| schema.validator("Tool").iter_errors(&tool).count();
    assert_eq!(errors(Schema::load("2025-03-26")), 0);
    assert_eq!(errors(Schema::load("2025-03-26").strict()), 1);
    assert_eq!(errors(Schema::load("2025-06-18").strict()), 0);
}
