//! Messages of all revisions, each marked with the type it is an instance of.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use turbomcp_protocol::encode::encode_result;
use turbomcp_protocol::types::{CreateTaskResult, ListTasksResult, Task, TaskRequestParams, UpdateTaskRequestParams};
use turbomcp_protocol::{EncodeResult, Revision};

use crate::round_trip::round_trip;
use crate::schema::{Schema, fixtures};

#[derive(Deserialize)]
struct Vector {
    /// `<schema>#<Type>`, or `<schema>#<Type>@<member>` if only this member is an instance of the type.
    check: String,
    json: Box<RawValue>,
}

/// A batch is not one message, and the other extensions have no types here.
fn is_elsewhere(schema: &str, name: &str) -> bool {
    schema.starts_with("ext-") && schema != "ext-tasks-draft" || name.contains("Batch")
}

fn written(result: &impl EncodeResult, revision: Revision) -> Value {
    let mut out = Vec::new();
    encode_result(result, revision, &mut out);
    serde_json::from_slice(&out).unwrap()
}

/// Reads a message about tasks, which has a form of its own in 2025-11-25, and writes it again.
fn round_trip_of_tasks(schema: &str, name: &str, value: &Value) -> Value {
    let is_extension = schema == "ext-tasks-draft";
    let revision = if is_extension { Revision::LATEST } else { Revision::LATEST_LEGACY };
    let read = || value.to_string();
    let params = |params: Value| {
        let mut message = value.clone();
        message["params"] = params;
        message
    };
    let task = |text: &str| serde_json::from_str::<Task>(text).unwrap();
    match name {
        "CancelTaskResult" | "UpdateTaskResult" if is_extension => round_trip("EmptyResult", &read()),
        "CreateTaskResult" => written(&serde_json::from_str::<CreateTaskResult>(&read()).unwrap(), revision),
        "GetTaskResult" | "CancelTaskResult" => written(&task(&read()), revision),
        "ListTasksResult" => written(&serde_json::from_str::<ListTasksResult>(&read()).unwrap(), revision),
        "UpdateTaskRequest" => {
            let read: UpdateTaskRequestParams = serde_json::from_value(value["params"].clone()).unwrap();
            params(serde_json::to_value(read).unwrap())
        }
        "TaskStatusNotification" => {
            let mut out = Vec::new();
            task(&value["params"].to_string()).encode_members(revision, &mut out);
            let mut read: Value = serde_json::from_str(&format!("{{{}}}", String::from_utf8(out).unwrap())).unwrap();
            if let Some(meta) = value["params"].get("_meta") {
                read["_meta"] = meta.clone();
            }
            params(read)
        }
        _ => {
            let read: TaskRequestParams = serde_json::from_value(value["params"].clone()).unwrap();
            params(serde_json::to_value(read).unwrap())
        }
    }
}

#[test]
fn every_vector_survives_a_round_trip() {
    let text = std::fs::read_to_string(fixtures().join("wire.json")).unwrap();
    let vectors: Vec<Vector> = serde_json::from_str(&text).unwrap();
    let mut checked = 0;
    for Vector { check, json } in &vectors {
        let (schema, name) = check.split_once('#').unwrap();
        let (name, member) = name.split_once('@').map_or((name, None), |(name, member)| (name, Some(member)));
        if is_elsewhere(schema, name) {
            continue;
        }
        let value: Value = serde_json::from_str(json.get()).unwrap();
        let value = member.map_or(&value, |member| &value[member]);
        let written = if name.contains("Task") {
            round_trip_of_tasks(schema, name, value)
        } else {
            round_trip(name, &value.to_string())
        };
        assert_eq!(&written, value, "{check}");
        Schema::load(schema).check(name, &written);
        checked += 1;
    }
    assert_eq!((vectors.len(), checked), (87, 85));
}
