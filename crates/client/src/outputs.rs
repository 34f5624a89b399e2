//! Checking structured content against the output schemas of tools.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use serde::Deserialize;
use serde_json::Value;
use turbomcp_protocol::types::Tool;
use turbomcp_schema::{SchemaError, Validator};

use crate::Error;
use crate::sync::lock;

/// How many schemas are remembered.
const MAX_SCHEMAS: usize = 10_000;

/// The output schemas of the tools that were listed, each compiled when it is first needed.
#[derive(Debug, Default)]
pub(crate) struct Outputs {
    schemas: Mutex<HashMap<String, Arc<Schema>>>,
}

#[derive(Debug)]
struct Schema {
    schema: Value,
    compiled: OnceLock<Result<Option<Validator>, SchemaError>>,
}

impl Outputs {
    pub(crate) fn learn(&self, tools: &[Tool]) {
        let mut schemas = lock(&self.schemas);
        for tool in tools {
            let Some(schema) = &tool.output_schema else {
                schemas.remove(&tool.name);
                continue;
            };
            let schema = Value::Object(schema.clone());
            let is_known = schemas.get(&tool.name).is_some_and(|known| known.schema == schema);
            if !is_known && (schemas.len() < MAX_SCHEMAS || schemas.contains_key(&tool.name)) {
                let schema = Schema { schema, compiled: OnceLock::new() };
                schemas.insert(tool.name.clone(), Arc::new(schema));
            }
        }
    }

    /// Checks the result of a tool that was listed with an output schema.
    pub(crate) fn check(&self, tool: &str, result: &[u8]) -> Result<(), Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Output {
            #[serde(default, deserialize_with = "present")]
            structured_content: Option<Value>,
            #[serde(default)]
            is_error: Option<bool>,
        }
        let Some(schema) = lock(&self.schemas).get(tool).cloned() else { return Ok(()) };
        // What does not fit the type of the result is reported where that is read.
        let Ok(output) = serde_json::from_slice::<Output>(result) else { return Ok(()) };
        let Some(content) = output.structured_content.filter(|_| output.is_error != Some(true)) else { return Ok(()) };
        let compiled = schema.compiled.get_or_init(|| Validator::compile(&schema.schema));
        let validator = compiled
            .as_ref()
            .map_err(|why| Error::protocol(format!("the output schema of the tool cannot be used: {why}")))?;
        let outcome = validator.as_ref().map_or(Ok(()), |validator| validator.check(&content));
        outcome.map_err(|why| {
            let why: String = why.join("; ").chars().take(300).collect();
            Error::protocol(format!("the tool's value does not fit its output schema: {why}"))
        })
    }
}

/// Reads a member that is there, `null` included.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn outputs(schema: Value) -> Outputs {
        let outputs = Outputs::default();
        outputs.learn(&[Tool::new("t").with_output_schema(schema.as_object().cloned().unwrap())]);
        outputs
    }

    #[track_caller]
    fn check(outputs: &Outputs, result: Value, fits: bool) {
        let outcome = outputs.check("t", result.to_string().as_bytes());
        assert_eq!(outcome.is_ok(), fits, "{result}: {outcome:?}");
    }

    #[test]
    fn tool_09_structured_content_has_to_fit() {
        let outputs = outputs(json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}));
        check(&outputs, json!({"structuredContent": {"n": 1}}), true);
        check(&outputs, json!({"structuredContent": {"n": "1"}}), false);
        check(&outputs, json!({"structuredContent": null}), false);
        check(&outputs, json!({"content": []}), true);
        check(&outputs, json!({"structuredContent": {}, "isError": true}), true);
        assert!(outputs.check("another", b"{\"structuredContent\":1}").is_ok());
        outputs.learn(&[Tool::new("t")]);
        check(&outputs, json!({"structuredContent": {}}), true);
    }

    /// Holds BASE-53, BASE-56, BASE-58, BASE-59.
    #[test]
    fn base_56_references_to_other_documents_are_not_followed() {
        for schema in [
            json!({"$ref": "http://127.0.0.1:9/schema.json"}),
            json!({"$ref": "file:///etc/passwd"}),
            json!({"$schema": "https://example.com/no-such-dialect"}),
        ] {
            check(&outputs(schema), json!({"structuredContent": 1}), false);
        }
    }

    #[test]
    fn schemas_that_ask_for_endless_work_are_not_compiled() {
        let twice =
            |next: usize| json!({"allOf": [{"$ref": format!("#/$defs/{next}")}, {"$ref": format!("#/$defs/{next}")}]});
        let mut definitions: serde_json::Map<_, _> = (0..40).map(|n| (n.to_string(), twice(n + 1))).collect();
        definitions.insert("40".to_owned(), json!({}));
        let outputs = outputs(json!({"$ref": "#/$defs/0", "$defs": definitions}));
        let error = outputs.check("t", br#"{"structuredContent": 1}"#).unwrap_err();
        assert!(error.to_string().contains("takes too long to check"), "{error}");
    }
}
