//! The official examples of the newest revision.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use turbomcp_protocol::Revision;
use turbomcp_protocol::encode::{EncodeResult, encode_result};
use turbomcp_protocol::types::*;

use crate::round_trip::round_trip;
use crate::schema::{Schema, fixtures};

/// The texts of all examples, by type.
fn examples() -> BTreeMap<String, Vec<String>> {
    let mut examples = BTreeMap::new();
    for directory in std::fs::read_dir(fixtures().join("examples")).unwrap() {
        let directory = directory.unwrap();
        let files = std::fs::read_dir(directory.path()).unwrap();
        let texts = files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect();
        examples.insert(directory.file_name().into_string().unwrap(), texts);
    }
    examples
}

#[test]
fn none_is_left_out() {
    let examples = examples();
    assert_eq!((examples.len(), examples.values().map(Vec::len).sum::<usize>()), (88, 129));
}

#[test]
fn every_example_survives_a_round_trip() {
    let schema = Schema::load(Revision::LATEST.as_str());
    for (name, texts) in examples() {
        for text in texts {
            let written = round_trip(&name, &text);
            assert_eq!(written, serde_json::from_str::<Value>(&text).unwrap(), "{name}");
            schema.check(&name, &written);
        }
    }
}

#[test]
fn every_result_is_written_as_it_was_read() {
    let schema = Schema::load(Revision::LATEST.as_str());
    let mut checked = 0;
    for (name, texts) in examples() {
        for text in texts {
            let Some(written) = encode(&name, &text) else { continue };
            let mut expected: Value = serde_json::from_str(&text).unwrap();
            if expected["isError"] == false {
                expected.as_object_mut().unwrap().remove("isError");
            }
            assert_eq!(written, expected, "{name}");
            schema.check(&name, &written);
            checked += 1;
        }
    }
    assert_eq!(checked, 16);
}

fn encode(name: &str, text: &str) -> Option<Value> {
    fn through<T: serde::de::DeserializeOwned + EncodeResult>(text: &str) -> Option<Value> {
        let mut out = Vec::new();
        encode_result(&serde_json::from_str::<T>(text).unwrap(), Revision::LATEST, &mut out);
        Some(serde_json::from_slice(&out).unwrap())
    }

    match name {
        "CallToolResult" => through::<CallToolResult>(text),
        "CompleteResult" => through::<CompleteResult>(text),
        "DiscoverResult" => through::<DiscoverResult>(text),
        "GetPromptResult" => through::<GetPromptResult>(text),
        "InputRequiredResult" => through::<InputRequiredResult>(text),
        "ListPromptsResult" => through::<ListPromptsResult>(text),
        "ListResourceTemplatesResult" => through::<ListResourceTemplatesResult>(text),
        "ListResourcesResult" => through::<ListResourcesResult>(text),
        "ListToolsResult" => through::<ListToolsResult>(text),
        "ReadResourceResult" => through::<ReadResourceResult>(text),
        "SubscriptionsListenResult" => through::<SubscriptionsListenResult>(text),
        _ => None,
    }
}

#[test]
fn a_result_that_may_be_kept_says_so_even_if_the_handler_did_not() {
    let mut out = Vec::new();
    encode_result(&ReadResourceResult::text("x:y", "z"), Revision::LATEST, &mut out);
    let written: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!((&written["ttlMs"], &written["cacheScope"]), (&json!(0), &json!("private")));
    Schema::load(Revision::LATEST.as_str()).check("ReadResourceResult", &written);
}
