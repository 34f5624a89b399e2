use std::time::{Duration, Instant};

use super::*;

#[track_caller]
fn validator(schema: &Value) -> Validator {
    Validator::compile(schema).unwrap().unwrap()
}

#[track_caller]
fn says(schema: Value, value: Value, expected: &str) {
    let messages = validator(&schema).check(&value).unwrap_err();
    assert_eq!(messages.join("\n"), expected);
}

/// Says what is wrong with an argument `a` of this schema.
#[track_caller]
fn says_of_a(schema: Value, value: Value, expected: &str) {
    says(json!({"properties": {"a": schema}}), json!({"a": value}), expected);
}

#[test]
fn a_schema_that_says_nothing_needs_no_validator() {
    assert!(Validator::compile(&json!(true)).unwrap().is_none());
    assert!(Validator::compile(&json!({})).unwrap().is_none());
    assert!(Validator::compile(&json!(false)).unwrap().is_some());
}

#[test]
fn what_fits_passes() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "integer", "maximum": 5}}, "required": ["a"]});
    assert_eq!(validator(&schema).check(&json!({"a": 5, "b": 1})), Ok(()));
}

#[test]
fn numbers_out_of_range_are_named_with_their_bound() {
    says_of_a(json!({"maximum": 5}), json!(99), "`a` must be at most 5, got 99");
    says_of_a(json!({"minimum": 1.5}), json!(1), "`a` must be at least 1.5, got 1");
    says_of_a(json!({"exclusiveMinimum": 0}), json!(0), "`a` must be greater than 0, got 0");
    says_of_a(json!({"exclusiveMaximum": 1}), json!(1), "`a` must be less than 1, got 1");
    says_of_a(json!({"multipleOf": 5}), json!(7), "`a` must be a multiple of 5, got 7");
}

#[test]
fn lengths_are_named_in_their_unit() {
    says_of_a(json!({"minLength": 1}), json!(""), "`a` must have at least 1 character, got 0");
    says_of_a(json!({"maxLength": 2}), json!("äöü"), "`a` must have at most 2 characters, got 3");
    says_of_a(json!({"minItems": 2}), json!([1]), "`a` must have at least 2 items, got 1");
    says_of_a(json!({"maxItems": 1}), json!([1, 2]), "`a` must have at most 1 item, got 2");
    says_of_a(json!({"minProperties": 1}), json!({}), "`a` must have at least 1 member, got 0");
    says_of_a(json!({"maxProperties": 0}), json!({"b": 1}), "`a` must have at most 0 members, got 1");
    says_of_a(json!({"uniqueItems": true}), json!([1, 1]), "`a` must not contain the same item twice");
}

#[test]
fn types_are_named_with_what_came_instead() {
    says_of_a(json!({"type": "integer"}), json!("x"), "`a` must be an integer, got the string \"x\"");
    says_of_a(json!({"type": "integer"}), json!(1.5), "`a` must be an integer, got 1.5");
    says_of_a(json!({"type": "string"}), json!(1), "`a` must be a string, got a number");
    says_of_a(json!({"type": ["array", "null"]}), json!({}), "`a` must be null or an array, got an object");
    says(json!({"type": "object"}), json!([]), "the value must be an object, got an array");
}

#[test]
fn choices_and_patterns_are_shown() {
    says_of_a(json!({"enum": ["x", "y"]}), json!("z"), "`a` must be one of \"x\", \"y\", got \"z\"");
    says_of_a(json!({"const": 1}), json!(2), "`a` must be 1, got 2");
    says_of_a(json!({"pattern": "^x+$"}), json!("z"), "`a` must match the pattern `^x+$`, got \"z\"");
    let many: Vec<_> = (0..100).collect();
    let message = &validator(&json!({"enum": many})).check(&json!(-1)).unwrap_err()[0];
    assert!(message.ends_with("19, … (100 in all), got -1"), "{message}");
}

#[test]
fn missing_and_unknown_members_are_named() {
    says(json!({"required": ["a", "b"]}), json!({"b": 1}), "`a` is required");
    says(
        json!({"properties": {"a": {}, "b": {}}, "additionalProperties": false}),
        json!({"c": 1}),
        "`c` is not known here; known are `a`, `b`",
    );
    says(json!({"additionalProperties": false}), json!({"c": 1}), "the value must have no members");
    says_of_a(
        json!({"properties": {"b": {}}, "additionalProperties": false, "required": ["b"]}),
        json!({"c": 1}),
        "`a.c` is not known here\n`a.b` is required",
    );
}

#[test]
fn a_place_deep_inside_is_named_by_its_path() {
    says(
        json!({"properties": {"filter": {"properties": {"tags": {"items": {"type": "string"}}}}}}),
        json!({"filter": {"tags": ["a", 1]}}),
        "`filter.tags[1]` must be a string, got a number",
    );
}

#[test]
fn of_alternatives_the_one_that_was_meant_is_explained() {
    let shape = json!({"oneOf": [
        {"properties": {"kind": {"const": "circle"}, "r": {"type": "number"}}, "required": ["kind", "r"]},
        {"properties": {"kind": {"const": "square"}, "side": {"type": "number"}}, "required": ["kind", "side"]},
    ]});
    says_of_a(shape.clone(), json!({"kind": "circle"}), "`a.r` is required");
    says_of_a(shape.clone(), json!({"kind": "square", "side": "x"}), "`a.side` must be a number, got the string \"x\"");
    says_of_a(shape, json!({"kind": "line"}), "`a.kind` must be one of \"circle\", \"square\", got \"line\"");
    let variant = |name: &str, of: Value| {
        let members = json!({name: of});
        json!({"type": "object", "properties": members, "required": [name], "additionalProperties": false})
    };
    let tagged = json!({"oneOf": [
        variant("Circle", json!({"type": "number"})),
        variant("Square", json!({"maximum": 9})),
        {"enum": ["Point", "Nothing"]},
    ]});
    says_of_a(tagged.clone(), json!({"Square": 10}), "`a.Square` must be at most 9, got 10");
    says_of_a(
        tagged,
        json!("Line"),
        "`a` fits none of 3 alternatives: `a` must be an object, got the string \"Line\"; \
         or `a` must be one of \"Point\", \"Nothing\", got \"Line\"",
    );
    says_of_a(
        json!({"anyOf": [{"type": "integer", "maximum": 1}, {"type": "null"}]}),
        json!(2),
        "`a` must be at most 1, got 2",
    );
    says_of_a(
        json!({"anyOf": [{"type": "integer"}, {"type": "boolean"}]}),
        json!("x"),
        "`a` fits none of 2 alternatives: `a` must be an integer, got the string \"x\"; \
         or `a` must be a boolean, got the string \"x\"",
    );
    says_of_a(json!({"oneOf": [{}, {}]}), json!(1), "`a` fits several of the alternatives but must fit exactly one");
}

#[test]
fn at_most_eight_messages_are_given() {
    let schema = json!({"items": {"type": "string"}});
    let many: Vec<_> = (0..1000).collect();
    assert_eq!(validator(&schema).check(&json!(many)).unwrap_err().len(), 8);
    let many: Map<String, Value> = (0..100).map(|i| (i.to_string(), Value::Null)).collect();
    let one_known = json!({"properties": {"a": {}}, "additionalProperties": false});
    assert_eq!(validator(&one_known).check(&many.into()).unwrap_err().len(), 8);
}

#[test]
fn long_values_are_cut_when_quoted() {
    let message = &validator(&json!({"maxLength": 1, "pattern": "^a$"})).check(&json!("ä".repeat(5000))).unwrap_err();
    assert!(message.iter().all(|message| message.len() < 200), "{message:?}");
    let message = &validator(&json!({"const": 1})).check(&json!({"a": "x".repeat(5000)})).unwrap_err()[0];
    assert!(message.len() < 200, "{message}");
}

#[test]
fn null_for_an_optional_member_is_only_accepted_in_arguments() {
    let schema = json!({
        "type": "object",
        "properties": {"a": {"type": "string"}, "b": {"$ref": "#/$defs/B"}, "c": {"type": "string"}},
        "required": ["c"],
        "$defs": {"B": {"properties": {"d": {"enum": ["x"]}}}},
    });
    let value = json!({"a": null, "b": {"d": null}, "c": "c"});
    assert_eq!(validator(&schema).check(&value).unwrap_err().len(), 2);
    let arguments = Validator::compile_arguments(&schema).unwrap().unwrap();
    assert_eq!(arguments.check(&value), Ok(()));
    assert_eq!(arguments.check(&json!({"b": null, "c": "c"})), Ok(()));
    let messages = arguments.check(&json!({"a": 1, "b": {"d": "y"}, "c": null})).unwrap_err();
    assert_eq!(
        messages,
        [
            "`a` must be a string, got a number",
            "`b.d` must be one of \"x\", got \"y\"",
            "`c` must be a string, got null",
        ]
    );
}

#[test]
fn formats_are_not_asserted() {
    assert_eq!(validator(&json!({"format": "email"})).check(&json!("no")), Ok(()));
    let draft7 = json!({"$schema": "http://json-schema.org/draft-07/schema#", "format": "email"});
    assert_eq!(validator(&draft7).check(&json!("no")), Ok(()));
}

#[test]
fn the_dialect_named_by_the_schema_is_used_and_2020_12_without_one() {
    let tuple = json!({"prefixItems": [{"type": "string"}]});
    assert!(validator(&tuple).check(&json!([1])).is_err());
    let draft7 = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "items": [{"type": "string"}],
        "definitions": {"a": {}},
    });
    assert!(validator(&draft7).check(&json!([1])).is_err());
}

#[test]
fn defence_18_a_reference_to_another_document_is_an_error_and_never_fetched() {
    for target in
        ["https://example.com/s.json", "http://127.0.0.1:1/s#/a", "file:///etc/passwd", "other.json", "urn:x:y"]
    {
        let error = Validator::compile(&json!({"properties": {"a": {"$ref": target}}})).unwrap_err();
        assert!(error.is_external_reference(), "{error:?}");
        assert!(error.to_string().contains("which is not fetched"), "{error}");
    }
    let error = Validator::compile(&json!({"$dynamicRef": "https://example.com/s.json"})).unwrap_err();
    assert!(error.is_external_reference());
    let error = Validator::compile(&json!({"$schema": "https://example.com/dialect", "type": "string"})).unwrap_err();
    assert_eq!(
        error.to_string(),
        "schema is written in the dialect `https://example.com/dialect`, which is not known here"
    );
}

#[test]
fn references_inside_the_document_are_followed() {
    let schema = json!({
        "$id": "https://example.com/here",
        "properties": {"a": {"$ref": "https://example.com/here#/$defs/A"}, "b": {"$ref": "#b"}, "c": {"$ref": "#"}},
        "$defs": {"A": {"type": "string"}, "B": {"$anchor": "b", "type": "string"}},
    });
    assert_eq!(validator(&schema).check(&json!({"a": 1, "b": 1, "c": {"a": 1}})).unwrap_err().len(), 3);
    assert!(Validator::compile(&json!({"$ref": "#/$defs/Missing"})).is_err());
}

#[test]
fn defence_18_deep_schemas_are_refused() {
    let mut schema = json!({"type": "string"});
    for _ in 0..2000 {
        schema = json!({"not": schema.take()});
    }
    let error = Validator::compile(&schema).unwrap_err();
    assert!(error.is_too_large());
    assert_eq!(error.to_string(), "schema is nested deeper than 128 levels");
    assert!(Validator::compile_arguments(&schema).unwrap_err().is_too_large());
}

#[test]
fn defence_18_the_deepest_schema_that_is_accepted_compiles_and_checks() {
    let mut schema = json!({"type": "string"});
    for _ in 0..126 {
        schema = json!({"items": schema.take()});
    }
    let mut value = json!(1);
    for _ in 0..126 {
        value = json!([value.take()]);
    }
    assert_eq!(validator(&schema).check(&value).unwrap_err().len(), 1);
}

#[test]
fn defence_18_schemas_of_too_many_parts_are_refused() {
    let members: Map<String, Value> = (0..20_000).map(|i| (format!("m{i}"), json!({"type": "string"}))).collect();
    let error = Validator::compile(&json!({"properties": members})).unwrap_err();
    assert_eq!(error.to_string(), "schema has more than 10000 objects");
}

#[test]
fn defence_18_a_circle_of_references_ends() {
    for schema in [
        json!({"$ref": "#"}),
        json!({"allOf": [{"$ref": "#"}], "type": "object"}),
        json!({"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/B"}, "B": {"$ref": "#/$defs/A"}}}),
    ] {
        if let Ok(Some(validator)) = Validator::compile(&schema) {
            _ = validator.check(&json!({}));
        }
    }
}

#[test]
fn defence_18_a_pattern_that_backtracks_gives_up() {
    let validator = validator(&json!({"pattern": "^(?=(a+)+$)(a+)+\\1b$"}));
    let start = Instant::now();
    let messages = validator.check(&json!("a".repeat(60))).unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(messages.len(), 1);
}

#[test]
fn an_invalid_schema_is_refused_with_its_place() {
    let error = Validator::compile(&json!({"properties": {"a": {"type": "strnig"}}})).unwrap_err();
    assert_eq!(error.to_string(), "schema is not valid at `/properties/a/type`");
    assert!(error.source().unwrap().to_string().contains("strnig"));
    assert!(!error.is_external_reference() && !error.is_too_large());
    assert!(Validator::compile(&json!({"pattern": "("})).is_err());
    assert!(Validator::compile(&json!("string")).is_err());
}
