//! Messages of all revisions, each marked with the type it is an instance of.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::round_trip::round_trip;
use crate::schema::{Schema, fixtures};

#[derive(Deserialize)]
struct Vector {
    /// `<schema>#<Type>`, or `<schema>#<Type>@<member>` if only this member is an instance of the type.
    check: String,
    json: Box<RawValue>,
}

/// Tasks have no types here, and a batch is not one message.
fn is_elsewhere(schema: &str, name: &str) -> bool {
    schema.starts_with("ext-") || name.contains("Task") || name.contains("Batch")
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
        let written = round_trip(name, &value.to_string());
        assert_eq!(&written, value, "{check}");
        Schema::load(schema).check(name, &written);
        checked += 1;
    }
    assert_eq!((vectors.len(), checked), (87, 68));
}
