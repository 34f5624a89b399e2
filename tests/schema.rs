//! Holds every message a server sends against the official schema of the revision it was sent in.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};

use jsonschema::Validator;
use serde_json::{Map, Value, json};

const MODERN: &str = "2026-07-28";
const LATEST_LEGACY: &str = "2025-11-25";
/// The tasks extension.
const TASKS: &str = "ext-tasks-draft";

/// What a client has sent, as far as it says which type an answer has to be of.
#[derive(Debug, Default)]
pub struct Judge {
    legacy: Option<String>,
    asked: Vec<Asked>,
    /// Progress tokens, with the revision of their request.
    tokens: Vec<(Value, String)>,
}

#[derive(Debug)]
struct Asked {
    id: Value,
    method: String,
    revision: String,
}

impl Judge {
    /// Takes note of what the client sends.
    pub fn sent(&mut self, text: &[u8]) {
        match serde_json::from_slice(text) {
            Ok(Value::Array(messages)) => messages.iter().for_each(|message| self.note(message)),
            Ok(message) => self.note(&message),
            Err(_) => {}
        }
    }

    fn note(&mut self, message: &Value) {
        if message["method"] == "notifications/cancelled" {
            // From now on an answer to it is one that nobody waits for.
            self.asked.retain(|asked| message["params"].get("requestId") != Some(&asked.id));
        }
        let (Some(id), Some(method)) = (message.get("id"), message["method"].as_str()) else { return };
        let meta = &message["params"]["_meta"];
        let modern = meta.get("io.modelcontextprotocol/protocolVersion").is_some();
        let revision = if modern { MODERN } else { self.legacy.as_deref().unwrap_or(LATEST_LEGACY) };
        if let Some(token) = meta.get("progressToken") {
            self.tokens.push((token.clone(), revision.to_owned()));
        }
        self.asked.push(Asked { id: id.clone(), method: method.to_owned(), revision: revision.to_owned() });
    }

    /// Checks what the server sends.
    ///
    /// # Panics
    ///
    /// If the schema does not know it, or nobody asked for it.
    #[track_caller]
    pub fn received(&mut self, message: &Value) {
        if let Some(batch) = message.as_array() {
            assert_eq!(self.legacy.as_deref(), Some("2025-03-26"), "a batch where there are none: {message}");
            assert!(!batch.is_empty());
            return batch.iter().for_each(|message| self.received(message));
        }
        assert_eq!(message["jsonrpc"], "2.0", "{message}");
        match (message.get("method"), message.get("id"), message.get("result"), message.get("error")) {
            (Some(_), Some(_), None, None) => {
                let legacy = self.legacy.clone().expect("only a legacy client is sent requests");
                check(&legacy, "ServerRequest", message);
            }
            (Some(_), None, None, None) => self.notification(message),
            (None, Some(id), Some(result), None) => self.result(id, result, message),
            (None, id, None, Some(_)) => self.error(id, message),
            _ => panic!("neither a request nor a notification nor a response: {message}"),
        }
    }

    fn result(&mut self, id: &Value, result: &Value, message: &Value) {
        let at = self.asked.iter().position(|asked| asked.id == *id);
        let asked = self.asked.remove(at.unwrap_or_else(|| panic!("an answer nobody waits for: {}", short(message))));
        let mut revision = asked.revision;
        if asked.method == "initialize" {
            revision = result["protocolVersion"].as_str().expect("a version").to_owned();
            self.legacy = Some(revision.clone());
        }
        let name = match asked.method.as_str() {
            "tools/call" | "prompts/get" | "resources/read" if result["resultType"] == "input_required" => {
                "InputRequiredResult"
            }
            "tools/call" if revision == MODERN && result["resultType"] == "task" => {
                return check(TASKS, "CreateTaskResult", result);
            }
            "tasks/get" if revision == MODERN => return check(TASKS, "GetTaskResult", result),
            "tasks/update" => return check(TASKS, "UpdateTaskResult", result),
            "tasks/cancel" if revision == MODERN => return check(TASKS, "CancelTaskResult", result),
            "tools/call" if result.get("task").is_some() => "CreateTaskResult",
            "tasks/get" => "GetTaskResult",
            "tasks/cancel" => "CancelTaskResult",
            "tasks/list" => "ListTasksResult",
            "tasks/result" => "CallToolResult",
            "initialize" => "InitializeResult",
            "server/discover" => "DiscoverResult",
            "tools/list" => "ListToolsResult",
            "tools/call" => "CallToolResult",
            "resources/list" => "ListResourcesResult",
            "resources/templates/list" => "ListResourceTemplatesResult",
            "resources/read" => "ReadResourceResult",
            "prompts/list" => "ListPromptsResult",
            "prompts/get" => "GetPromptResult",
            "completion/complete" => "CompleteResult",
            "subscriptions/listen" => "SubscriptionsListenResult",
            "ping" | "logging/setLevel" | "resources/subscribe" | "resources/unsubscribe" => "EmptyResult",
            other => panic!("a result for {other}: {message}"),
        };
        check(&revision, name, result);
        assert!(name == "InputRequiredResult" || result["resultType"] != "input_required", "{message}");
        if name == "EmptyResult" {
            assert!(result.as_object().unwrap().keys().all(|key| key == "_meta"), "{message}");
        }
        let response = if definitions(&revision).contains_key("JSONRPCResultResponse") {
            "JSONRPCResultResponse"
        } else {
            "JSONRPCResponse"
        };
        check(&revision, response, message);
    }

    fn error(&mut self, id: Option<&Value>, message: &Value) {
        let mut revision = self.legacy.clone().unwrap_or_else(|| MODERN.to_owned());
        match id {
            Some(id) => {
                // The last one: where an id is used twice at once, it is the second request that is refused.
                if let Some(at) = self.asked.iter().rposition(|asked| asked.id == *id) {
                    revision = self.asked.remove(at).revision;
                }
            }
            // Older schemas want an id where none could be read, and do not say which.
            None => revision = MODERN.to_owned(),
        }
        let name = if definitions(&revision).contains_key("JSONRPCErrorResponse") {
            "JSONRPCErrorResponse"
        } else {
            "JSONRPCError"
        };
        check(&revision, name, message);
    }

    fn notification(&self, message: &Value) {
        if message["method"] == "notifications/tasks" {
            return check(TASKS, "TaskStatusNotification", message);
        }
        let mut message = message.clone();
        // What the extension adds to a filter.
        if let Some(filter) = message.pointer_mut("/params/notifications").and_then(Value::as_object_mut) {
            filter.remove("taskIds");
        }
        let message = &message;
        let params = &message["params"];
        let legacy = self.legacy.as_deref();
        let candidates: Vec<&str> = if params["_meta"].get("io.modelcontextprotocol/subscriptionId").is_some() {
            vec![MODERN]
        } else if let Some(token) = params.get("progressToken") {
            self.tokens.iter().filter(|(known, _)| known == token).map(|(_, revision)| revision.as_str()).collect()
        } else if matches!(message["method"].as_str(), Some("notifications/message" | "notifications/cancelled")) {
            legacy.into_iter().chain([MODERN]).collect()
        } else {
            legacy.into_iter().collect()
        };
        let all: Vec<_> = candidates.iter().map(|revision| errors(revision, "ServerNotification", message)).collect();
        assert!(
            all.iter().any(Vec::is_empty),
            "a notification nobody asked for, or of no known form: {message} {all:#?}"
        );
    }
}

/// Holds a value against a type of a revision's schema, in which a member that is not named is an error.
///
/// # Panics
///
/// If it does not fit.
#[track_caller]
pub fn check(revision: &str, name: &str, value: &Value) {
    let errors = errors(revision, name, value);
    assert!(errors.is_empty(), "{name} of {revision}: {errors:#?}\n{}", short(value));
}

/// A message as far as somebody wants to read it.
fn short(message: &Value) -> String {
    message.to_string().chars().take(2000).collect()
}

fn errors(revision: &str, name: &str, value: &Value) -> Vec<String> {
    let validator = validator(revision, name);
    let mut value = value.clone();
    // The types of older requests and notifications do not name the members of their envelope.
    if let ("ServerRequest" | "ServerNotification", Value::Object(members)) = (name, &mut value)
        && root(revision)[definitions_key(root(revision))]["PingRequest"]["properties"].get("jsonrpc").is_none()
        && revision != MODERN
    {
        members.remove("jsonrpc");
        members.remove("id");
    }
    let value = &value;
    validator.iter_errors(value).map(|error| format!("{error} at {}", error.instance_path())).collect()
}

/// Compiling one takes long, so it is done once.
fn validator(revision: &str, name: &str) -> Arc<Validator> {
    static KNOWN: Mutex<Option<HashMap<String, Arc<Validator>>>> = Mutex::new(None);
    let key = format!("{revision}#{name}");
    if let Some(known) = KNOWN.lock().unwrap().get_or_insert_default().get(&key) {
        return known.clone();
    }
    let schema = root(revision);
    let definitions = definitions_key(schema);
    let mut root = json!({"$ref": format!("#/{definitions}/{name}")});
    root["$schema"] = schema["$schema"].clone();
    root[definitions] = schema[definitions].clone();
    let validator = Arc::new(jsonschema::validator_for(&root).unwrap());
    KNOWN.lock().unwrap().get_or_insert_default().insert(key, validator.clone());
    validator
}

fn definitions_key(schema: &Value) -> &'static str {
    if schema.get("$defs").is_some() { "$defs" } else { "definitions" }
}

fn definitions(revision: &str) -> &'static Map<String, Value> {
    let schema = root(revision);
    schema[definitions_key(schema)].as_object().unwrap()
}

/// The schema of a revision, closed against members it does not name.
fn root(revision: &str) -> &'static Value {
    static ALL: OnceLock<HashMap<String, Value>> = OnceLock::new();
    let all = ALL.get_or_init(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/protocol/tests/fixtures/schema");
        let load = |revision: &str| {
            let text = std::fs::read_to_string(folder.join(format!("{revision}.json"))).unwrap();
            let mut schema: Value = serde_json::from_str(&text).unwrap();
            let key = definitions_key(&schema);
            for (name, definition) in schema[key].as_object_mut().unwrap() {
                // Their schemas say what is reserved, not what is allowed.
                if !name.ends_with("MetaObject") && !is_open(revision, name) {
                    close(definition);
                }
            }
            (revision.to_owned(), schema)
        };
        ["2024-11-05", "2025-03-26", "2025-06-18", LATEST_LEGACY, MODERN, TASKS].map(load).into()
    });
    all.get(revision).unwrap_or_else(|| panic!("there is no revision {revision}"))
}

/// What is a part of other types cannot be closed: a task's members lie among those of a result or a notification.
fn is_open(revision: &str, name: &str) -> bool {
    revision == TASKS || revision == LATEST_LEGACY && (name.contains("Task") || name == "NotificationParams")
}

fn close(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if members.contains_key("properties") && !members.contains_key("additionalProperties") {
                members.insert("additionalProperties".to_owned(), json!(false));
            }
            for (name, member) in members.iter_mut() {
                match (name.as_str(), member) {
                    // The schemas of tools are open, whatever of them is named.
                    ("properties", Value::Object(properties)) => properties
                        .iter_mut()
                        .filter(|(name, _)| !matches!(name.as_str(), "inputSchema" | "outputSchema"))
                        .for_each(|(_, property)| close(property)),
                    (_, member) => close(member),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(sent: &Value) -> Judge {
        let mut judge = Judge::default();
        judge.sent(sent.to_string().as_bytes());
        judge
    }

    fn modern(method: &str) -> Value {
        crate::modern(1, method, json!({}), json!({}))
    }

    #[test]
    fn passes_what_fits() {
        let cache = json!({"resultType": "complete", "tools": [], "ttlMs": 0, "cacheScope": "private"});
        judge(&modern("tools/list")).received(&json!({"jsonrpc": "2.0", "id": 1, "result": cache}));
    }

    #[test]
    #[should_panic(expected = "ttlMs")]
    fn refuses_a_result_with_a_member_missing() {
        let result = json!({"resultType": "complete", "tools": [], "cacheScope": "private"});
        judge(&modern("tools/list")).received(&json!({"jsonrpc": "2.0", "id": 1, "result": result}));
    }

    #[test]
    #[should_panic(expected = "resultType")]
    fn refuses_a_member_that_is_newer_than_the_revision() {
        let ask = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
        let result = json!({"resultType": "complete", "tools": []});
        judge(&ask).received(&json!({"jsonrpc": "2.0", "id": 1, "result": result}));
    }

    #[test]
    #[should_panic(expected = "nobody waits for")]
    fn refuses_an_answer_to_nothing() {
        judge(&modern("tools/list")).received(&json!({"jsonrpc": "2.0", "id": "1", "result": {}}));
    }

    #[test]
    #[should_panic(expected = "only a legacy client")]
    fn refuses_a_request_to_a_modern_client() {
        judge(&modern("tools/call")).received(&json!({"jsonrpc": "2.0", "id": 1, "method": "roots/list"}));
    }

    #[test]
    #[should_panic(expected = "nobody asked for")]
    fn refuses_progress_with_a_token_nobody_sent() {
        let params = json!({"progressToken": 1, "progress": 1});
        let message = json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": params});
        judge(&modern("tools/call")).received(&message);
    }
}
